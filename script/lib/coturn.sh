#!/usr/bin/env bash
# coturn, a TURN server that the tests relay calls through. Debian's package would start it as a service for everybody, so it is only unpacked.
set -euo pipefail
# shellcheck source=env.sh
source "$(dirname "$0")/env.sh"
folder="$VESTA_CACHE/coturn"
command -v apt-get >/dev/null && [ ! -f "$folder/installed" ] || exit 0
say "unpacking coturn: the tests relay a call through this TURN server"
rm -rf "$folder"
mkdir -p "$folder/packages/partial"
fetch() { as_root apt-get -qq -y -o Dir::Cache::archives="$folder/packages" --download-only --no-install-recommends install coturn >/dev/null; }
fetch 2>/dev/null || { as_root apt-get update -qq; fetch; } || die "apt could not fetch coturn. Run: apt-get update"
for package in "$folder"/packages/*.deb; do dpkg-deb --extract "$package" "$folder"; done
as_root rm -rf "$folder/packages"
touch "$folder/installed"
