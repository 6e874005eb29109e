#!/usr/bin/env bash
# OpenAI's own npm packages, with which the tests speak to the house as any client would: pinned by tests/peers/node/package-lock.json.
set -euo pipefail
# shellcheck source=env.sh
source "$(dirname "$0")/env.sh"
folder="$VESTA_CACHE/openai-peers"
from="$VESTA_ROOT/tests/peers/node"
[ -f "$folder/installed" ] && cmp --silent "$from/package-lock.json" "$folder/installed" && exit 0
say "installing npm packages: openai, @openai/agents"
mkdir -p "$folder"
cp "$from/package.json" "$from/package-lock.json" "$folder/"
# A package that none of the tests load asks for a newer Node.js than Debian has.
npm ci --prefix "$folder" --silent --no-fund --no-audit >/dev/null
cp "$from/package-lock.json" "$folder/installed"
