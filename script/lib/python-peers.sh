#!/usr/bin/env bash
# The Python packages that the tests talk to, pinned: the reference implementations of the Wyoming protocol and of
# sentence templates, schemathesis, which makes requests out of the API's own description, OpenAI's own client, and FFmpeg's
# libraries, which write audio files of every kind.
set -euo pipefail
# shellcheck source=env.sh
source "$(dirname "$0")/env.sh"
venv="$VESTA_CACHE/python-peers"
packages=(wyoming==1.10.2 hassil==3.12.1 schemathesis==4.32.5 'openai[realtime]==3.57.0' av==18.1.0)
stamp="$venv/$(printf '%s+' "${packages[@]}")"
[ -f "$stamp" ] && exit 0
say "installing Python packages: ${packages[*]}"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
touch "$stamp"
