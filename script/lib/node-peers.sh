#!/usr/bin/env bash
# The npm packages that the checks use, pinned: the app's types are checked by TypeScript, its accessibility by axe-core.
# Nothing of them is part of the app.
set -euo pipefail
# shellcheck source=env.sh
source "$(dirname "$0")/env.sh"
folder="$VESTA_CACHE/node-peers"
packages=(typescript@7.0.2 axe-core@4.14.1)
stamp="$folder/$(printf '%s+' "${packages[@]//\//_}")"
[ -f "$stamp" ] && exit 0
say "installing npm packages: ${packages[*]}"
mkdir -p "$folder"
[ -f "$folder/package.json" ] || printf '{"private": true}\n' >"$folder/package.json"
npm install --prefix "$folder" --silent --no-fund --no-audit --save-exact "${packages[@]}" >/dev/null
touch "$stamp"
