#!/bin/sh
# Makes .venv ready for `make live`, `make test` or `make docs`, or Node.js for `make page`; a second run finds it done and
# returns at once.
# usage: scripts/setup.sh live|test|docs|page
set -eu
cd "$(dirname "$0")/.."
purpose=$1
say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
stop() { say "error: $*"; exit 1; }

newest_python() {
    for name in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(not (3, 11, 1) <= sys.version_info < (3, 14))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    stop "Python 3.11, 3.12 or 3.13 is needed. Install it: sudo apt-get install python3 python3-venv"
}

# Installs Debian packages as root, with sudo, or says how.
apt_install() {
    if [ "$(id -u)" = 0 ]; then
        sudo=
    elif command -v sudo >/dev/null 2>&1; then
        sudo=sudo
    else
        stop "some system packages are missing. Run as root: apt-get install $*"
    fi
    command -v apt-get >/dev/null 2>&1 || stop "some system packages are missing; Debian calls them: $*"
    say "Installing $* ..."
    $sudo apt-get update -qq || say "apt-get update failed; trying the package lists that are here"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        stop "apt-get failed. Try it yourself: sudo apt-get install $*"
}

has_library() { { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q "$1"; }

# Adds to `missing`. Stops where there is a Node.js that is too old: apt-get would bring no newer one.
need_node() {
    command -v npm >/dev/null 2>&1 || missing="$missing npm"
    if ! command -v node >/dev/null 2>&1; then
        missing="$missing nodejs"
    elif ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 18 || (a == 18 && b >= 19) ? 0 : 1)'; then
        stop "Node.js 18.19 or newer is needed, and $(node --version) is here. Install a newer one: https://nodejs.org"
    fi
}

missing=
case $purpose in test | page) need_node ;; esac
if [ "$purpose" = test ] && ! command -v chromium >/dev/null 2>&1; then
    missing="$missing chromium"
fi
# Only Debian has this package; without it the tests in Firefox are skipped.
if [ "$purpose" = test ] && grep -qs '^ID=debian$' /etc/os-release && ! command -v firefox-esr >/dev/null 2>&1; then
    missing="$missing firefox-esr"
fi
if [ "$purpose" != page ]; then
    has_library libEGL.so.1 || missing="$missing libegl1"
    has_library libGL.so.1 || missing="$missing libgl1"
    has_library libEGL_mesa.so.0 || [ -e /dev/nvidiactl ] || missing="$missing libegl-mesa0 libgl1-mesa-dri"
    python=$(newest_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        missing="$missing python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
fi
# shellcheck disable=SC2086
[ -z "$missing" ] || apt_install $missing
case $purpose in test | page) need_node ;; esac # the one that apt-get brought may be too old, too
[ "$purpose" = page ] && exit 0

extras=live
[ "$purpose" = test ] && extras=dev
[ "$purpose" = docs ] && extras=docs
[ "$purpose" = live ] && command -v nvidia-smi >/dev/null 2>&1 && extras=cuda
stamp=.venv/.$extras-$(cksum <pyproject.toml | cut -d' ' -f1)
[ -e "$stamp" ] && exit 0

[ -x .venv/bin/python ] || { say "Making .venv with $python ..."; "$python" -m venv .venv; }
say "Installing Python packages (once; a few minutes at most) ..."
target=.
[ "$extras" = live ] || target=.[$extras]
# torch 2.13.0 has a build without CUDA on some mirrors; where the registry has only the large one, that works too.
constraint=
[ "$extras" = dev ] && constraint="-c scripts/test-constraints.txt"
# shellcheck disable=SC2086
.venv/bin/python -m pip install --disable-pip-version-check $constraint -e "$target" ||
    stop "pip failed. Check the network, then run the command again"
touch "$stamp"
