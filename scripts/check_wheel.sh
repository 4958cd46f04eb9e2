#!/bin/sh
# Builds the wheel, installs it into a clean environment and runs it far from the checkout: what the wheel lacks fails here.
# usage: scripts/check_wheel.sh [PYTHON]     PYTHON: 3.11 or newer, `python3` by default; CHECK_DIR keeps what is made
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
python=${1:-python3}
say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
stop() { say "error: $*"; exit 1; }

if [ -n "${CHECK_DIR:-}" ]; then
    mkdir -p "$CHECK_DIR"
    work=$(cd "$CHECK_DIR" && pwd)
else
    work=$(mktemp -d)
fi
server=
leave() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -n "${CHECK_DIR:-}" ] || rm -rf "$work"
}
trap leave EXIT
unset PYTHONPATH
export FACE3D_CONFIG="$work/config" FACE3D_CACHE="$work/cache"

say "Building the wheel ..."
rm -rf "$work/dist" "$work/elsewhere" && mkdir -p "$work/dist" "$work/elsewhere"
"$python" -m venv --clear "$work/venv"
"$work/venv/bin/pip" wheel --quiet --no-deps --wheel-dir "$work/dist" "$root"
say "Installing it ..."
"$work/venv/bin/pip" install --quiet "$work"/dist/*.whl

cd "$work/elsewhere"
run="$work/venv/bin/face3d-live"
"$work/venv/bin/python" - "$root" <<'END' || stop "the checkout is what runs, not the wheel, or its version is another"
import importlib.metadata
import pathlib
import sys

import face3d_live

installed = pathlib.Path(face3d_live.__file__).resolve()
assert pathlib.Path(sys.argv[1]).resolve() not in installed.parents or ".venv" in str(installed), installed
assert importlib.metadata.version("face3d-live") == face3d_live.__version__, face3d_live.__version__
print(f"face3d-live {face3d_live.__version__} from {installed.parent}")
END

say "face3d-live --help"
"$run" --help >help.txt
grep -q reconstruct help.txt || stop "--help names no commands"

say "face3d-live track"
cp "$root/web_client/sample/sample.mp4" .
"$run" track sample.mp4 -o sample.npz

say "face3d-live reconstruct"
"$work/venv/bin/python" - <<'END'
import av

with av.open("sample.mp4") as clip:
    frame = next(clip.decode(video=0))
frame.to_image().save("frame.png")
END
"$run" reconstruct frame.png -o head
for file in mesh.obj head.glb texture.png render.png params.npz report.json; do
    [ -s "head/$file" ] || stop "reconstruct wrote no $file"
done

say "face3d-live live"
"$run" live --port 0 >live.txt 2>&1 &
server=$!
"$work/venv/bin/python" - <<'END' || { cat live.txt >&2; stop "the server does not answer"; }
import json
import pathlib
import re
import time
import urllib.request

deadline = time.monotonic() + 120
while not (found := re.search(r"open (http://\S+?/)", pathlib.Path("live.txt").read_text())):
    assert time.monotonic() < deadline, "no address was printed"
    time.sleep(0.2)
address = found[1]
health = json.load(urllib.request.urlopen(address + "healthz", timeout=10))
assert health["status"] == "ok", health
for page in ("", "studio.html", "view", "js/main.js", "sample/sample.mp4", "avatars/cartoon.glb", "avatars/own.jpg"):
    assert urllib.request.urlopen(address + page, timeout=10).read(), page
print(health)
END
kill -INT "$server"
wait "$server" || stop "the server ended with status $?"
server=
say "The wheel works."
