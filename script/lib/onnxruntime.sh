#!/usr/bin/env bash
# The ONNX Runtime library, which Piper voices need, out of the PyPI wheel `onnxruntime` (pinned by version and SHA-256) into
# $VESTA_CACHE/onnxruntime. Vesta speaks without it (eSpeak NG), so a machine that cannot have it is told so and set-up goes on.
set -euo pipefail
# shellcheck source=env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

version=1.31.1
place="$VESTA_CACHE/onnxruntime"
stamp="$place/version-$version"
without() {
  say "ONNX Runtime is not installed: $*"
  say "Piper voices cannot be used until it is; Vesta speaks through eSpeak NG. Run script/setup again to retry."
  exit 0
}

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64)
    platform=manylinux_2_28_x86_64 library=libonnxruntime.so inside="libonnxruntime.so.$version"
    sha256=1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536 ;;
  Linux-aarch64 | Linux-arm64)
    platform=manylinux_2_28_aarch64 library=libonnxruntime.so inside="libonnxruntime.so.$version"
    sha256=0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc ;;
  Darwin-arm64)
    platform=macosx_14_0_arm64 library=libonnxruntime.dylib inside="libonnxruntime.$version.dylib"
    sha256=96dd2564b10ea7153ad9c207e7cd8e5917cb3ba521e0e0a62ac03486fdc8d56c ;;
  *) without "there is no package of version $version for $(uname -s) on $(uname -m)." ;;
esac
if [ -f "$stamp" ] && [ -f "$place/$library" ]; then exit 0; fi

say "installing ONNX Runtime $version: Piper voices run on it"
mkdir -p "$place"
work="$(mktemp -d "$place/unpack.XXXXXX")"
trap 'rm -rf "$work"' EXIT
printf 'onnxruntime==%s --hash=sha256:%s\n' "$version" "$sha256" >"$work/requirements.txt"
# The Python tag only names the wheel: its C library is the same for every Python.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
  --python-version 3.12 --implementation cp --abi cp312 --platform "$platform" --dest "$work" --requirement "$work/requirements.txt" \
  || without "pip could not fetch it (is this machine offline?)."
# The name inside the wheel carries the version; what is placed does not, so that the path stays the same.
python3 - "$work" "onnxruntime/capi/$inside" "$work/$library" <<'PYTHON' || without "the package has no onnxruntime/capi/$inside."
import glob, shutil, sys, zipfile
folder, member, target = sys.argv[1:]
with zipfile.ZipFile(glob.glob(folder + "/*.whl")[0]) as wheel, wheel.open(member) as library, open(target, "wb") as out:
    shutil.copyfileobj(library, out)
PYTHON
mv -f "$work/$library" "$place/$library"
rm -f "$place"/version-*
touch "$stamp"
