# Sourced by every script: where things are built and kept. All of it can be set from outside.
export VESTA_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
export VESTA_CACHE="${VESTA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vesta}"
# Outside the clone, so that a fresh clone rebuilds only what changed.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$VESTA_CACHE/target}"
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"
# The release profile serves the program, the tests and the benchmarks alike (see Cargo.toml).
export VESTA_BIN="$CARGO_TARGET_DIR/release"

# A toolchain that was just installed is not on the PATH of this shell yet.
if ! command -v cargo >/dev/null && [ -f "$HOME/.cargo/env" ]; then
  # shellcheck disable=SC1091
  source "$HOME/.cargo/env"
fi

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { printf '\033[1;31m%s\033[0m\n' "$*" >&2; exit 1; }
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"
  else die "This needs administrator rights and there is no sudo. Run as root: $*"; fi
}

case "$(uname -s)" in
  Darwin) export ORT_DYLIB_PATH="${ORT_DYLIB_PATH:-$VESTA_CACHE/onnxruntime/libonnxruntime.dylib}" ;;
  *)      export ORT_DYLIB_PATH="${ORT_DYLIB_PATH:-$VESTA_CACHE/onnxruntime/libonnxruntime.so}" ;;
esac
