"""Device and precision of the network: chosen by what is available, or checked where asked for."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import get_args

from face3d_live.errors import AssetError
from face3d_live.regress.openvino_loader import core
from face3d_live.typing import Device, Precision

#: Processor flags, as Linux names them, of instructions that multiply bfloat16. OpenVINO's list of capabilities names
#: BF16 on every AVX-512 processor; without these it takes three times as long as float32.
BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})

#: Instructions with which int8 is worth its rounding: it takes half of float32's time with AVX2, a third with VNNI.
INT8_FLAGS = frozenset({"avx2", "avx_vnni", "avx512_vnni", "amx_int8"})

#: Values of ONEDNN_MAX_CPU_ISA, by which slower processors are tried out, that leave oneDNN no such instructions.
_LIMITS_WITHOUT_INT8 = {"SSE41", "AVX"}
_LIMITS_WITHOUT_BF16 = _LIMITS_WITHOUT_INT8 | {"AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}

_REASONS = {
    ("cpu", "bf16"): "this processor multiplies no bfloat16 (it has neither AVX512-BF16 nor AMX): it would be slower",
    ("cpu", "int8"): "int8 needs a processor with AVX2, and weights with measured ranges (face3d_live.train.quantise)",
    ("gpu", "bf16"): "OpenVINO's graphics plugin computes in float16 or float32",
    ("gpu", "int8"): "int8 is offered on processors only",
    ("cuda", "int8"): "PyTorch runs the network in float16, bfloat16 or float32",
}


@cache
def processor_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Instruction sets as Linux names them; none where the file is not there."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def instructions() -> str:
    """The processor's instruction sets, part of the key of compiled models: they do not run without them."""
    return " ".join([*sorted(processor_flags()), _limit()])


def has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 by itself, and oneDNN may use that."""
    return bool(BF16_FLAGS & processor_flags()) and _limit() not in _LIMITS_WITHOUT_BF16


def has_int8() -> bool:
    """Whether int8 is faster than float32 on this processor."""
    return bool(INT8_FLAGS & processor_flags()) and _limit() not in _LIMITS_WITHOUT_INT8


def _limit() -> str:
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()


def resolve(device: Device, precision: Precision, ranges: bool) -> tuple[str, str]:
    """What the network runs on ("cpu", "gpu", "cuda") and in ("fp32", "bf16", "fp16", "int8").

    ranges: whether the weights have what int8 needs. On a processor auto takes int8, else bf16, else fp32: int8 is the
    fastest and, measured on portraits, nearer to fp32 than bf16 is.
    Raises AssetError "gpu-missing", "cuda-missing" or "precision-missing" for what was asked for and is not available;
    ValueError for names that are no `Device` or `Precision`.
    """
    for what, name, known in (("device", device, get_args(Device)), ("precision", precision, get_args(Precision))):
        if name not in known:
            raise ValueError(f"{what}: expected one of {', '.join(known)}, got {name!r}")
    found = _device(device)
    return found, _precision(found, precision, ranges)


def _device(wanted: Device) -> str:
    if wanted == "gpu" and not graphics_available():
        cure = "no usable Intel graphics: install its driver (Debian: intel-opencl-icd), or use --device cpu"
        raise AssetError("gpu-missing", cure)
    if wanted == "cuda" and not cuda_available():
        cure = "no usable NVIDIA GPU: install the `cuda` extra and a driver, or use --device cpu"
        raise AssetError("cuda-missing", cure)
    if wanted == "auto":
        return "cuda" if cuda_available() else "cpu"
    return wanted


def _precision(device: str, wanted: Precision, ranges: bool) -> str:
    on_processor = {"int8": ranges and has_int8(), "bf16": has_bf16(), "fp32": True}
    offered = {
        "cpu": tuple(name for name, there in on_processor.items() if there),
        "gpu": ("fp16", "fp32"),
        "cuda": ("fp16", "bf16", "fp32"),
    }[device]
    if wanted == "auto":
        return offered[0]
    if wanted not in offered:
        choices = ", ".join(name for name in offered if name != "fp16")
        cure = f"{_REASONS[device, wanted]}: use --precision auto (or {choices})"
        raise AssetError("precision-missing", cure)
    return wanted


def graphics_available() -> bool:
    """Whether OpenVINO sees Intel graphics with a driver."""
    return any(name.startswith("GPU") for name in core().available_devices)


def cuda_available() -> bool:
    """Whether torch is installed and sees an NVIDIA GPU. Imports torch only where it is installed with CUDA drivers."""
    if not Path("/proc/driver/nvidia/version").exists() or importlib.util.find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())
