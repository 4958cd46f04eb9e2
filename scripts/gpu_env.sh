# Sourced by train_gpu.sh and check_gpu.sh: Python and OpenGL on a machine where nothing can be installed.
# Reads PYTHON (default python3), PACK (the folder that pack_training.py made), SCRATCH (a folder for what is unpacked).
# shellcheck shell=bash
PYTHON=${PYTHON:-python3}
PACK=${PACK:-work/gpu}
SCRATCH=${SCRATCH:-/tmp/face3d_gpu}
say() { printf '[%4d s] %s\n' "$(($(date +%s) - BEGAN))" "$*"; }

[ -d "$PACK/wheels" ] || { echo "$PACK/wheels is missing: run scripts/pack_training.py on a machine with a network" >&2; exit 2; }
mkdir -p "$SCRATCH/site" "$SCRATCH/gl" "$SCRATCH/cache"
"$PYTHON" - "$PACK" "$SCRATCH" <<'PYTHON'
import pathlib, shutil, sys, zipfile
pack, scratch = map(pathlib.Path, sys.argv[1:])
for wheel in pack.glob("wheels/*.whl"):
    tags = wheel.stem.split("-")[-3]
    if tags.startswith("py") or f"cp{sys.version_info[0]}{sys.version_info[1]}" in tags:
        zipfile.ZipFile(wheel).extractall(scratch / "site")
for library in pack.glob("gl/*"):
    shutil.copy(library, scratch / "gl")
PYTHON
PYTHONPATH=$PWD:$SCRATCH/site
export PYTHONPATH PYTHONUNBUFFERED=1 XDG_CACHE_HOME="$SCRATCH/cache" OPENCV_LOG_LEVEL=ERROR TORCH_CPP_LOG_LEVEL=ERROR

# EGL: the machine's own, else the loader from the pack; NVIDIA's driver, else whatever draws (llvmpipe).
draws_why() { "$PYTHON" -c 'from face3d_live.render.gpu import create_context as c; print(c().info["GL_RENDERER"])'; }
draws() { draws_why 2>/dev/null; }
nvidia=
for file in /usr/share/glvnd/egl_vendor.d/10_nvidia.json /usr/local/nvidia/share/glvnd/egl_vendor.d/10_nvidia.json; do
    [ -z "$nvidia" ] && [ -e "$file" ] && nvidia=$file
done
OWN_LIBRARIES=${LD_LIBRARY_PATH:-}
RENDERER=
for libraries in "$OWN_LIBRARIES" "$SCRATCH/gl${OWN_LIBRARIES:+:$OWN_LIBRARIES}"; do
    for vendor in $nvidia ""; do
        [ -n "$RENDERER" ] && continue
        if [ -n "$vendor" ]; then export __EGL_VENDOR_LIBRARY_FILENAMES="$vendor"; else unset __EGL_VENDOR_LIBRARY_FILENAMES; fi
        [ -n "$libraries" ] && export LD_LIBRARY_PATH="$libraries"
        RENDERER=$(draws) || RENDERER=
    done
done
