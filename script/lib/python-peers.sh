#!/usr/bin/env bash
# The Python packages that the tests talk to: the reference implementation of the Wyoming protocol, pinned.
set -euo pipefail
# shellcheck source=env.sh
source "$(dirname "$0")/env.sh"
venv="$VESTA_CACHE/python-peers"
stamp="$venv/wyoming-1.10.2"
[ -f "$stamp" ] && exit 0
say "installing the Python package wyoming: the tests talk to it as a client and as a server"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check 'wyoming==1.10.2'
touch "$stamp"
