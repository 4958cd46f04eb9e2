"""What the network runs on and in: chosen by what the machine has, refused with a cure where it has not."""

import subprocess
import sys
from pathlib import Path

import pytest

from face3d_live.errors import AssetError
from face3d_live.regress import devices, openvino_loader

#: Flags, ONEDNN_MAX_CPU_ISA, and what auto takes with measured ranges and without.
CASES = {
    "AMX": ({"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16"}, "", "int8", "bf16"),
    "AVX512-BF16": ({"avx2", "avx512f", "avx512_vnni", "avx512_bf16"}, "", "int8", "bf16"),
    "AVX-512 without bfloat16, where OpenVINO names BF16": ({"avx2", "avx512f", "avx512_vnni"}, "", "int8", "fp32"),
    "a laptop": ({"avx2", "avx_vnni"}, "", "int8", "fp32"),
    "an old one": ({"sse4_2"}, "", "fp32", "fp32"),
    "flags unknown": (set(), "", "fp32", "fp32"),
    "AMX held to a laptop's instructions": ({"avx2", "avx512_bf16", "amx_bf16"}, "AVX2_VNNI", "int8", "fp32"),
    "in small letters": ({"avx2", "avx512_bf16", "amx_bf16"}, "avx512_core_vnni", "int8", "fp32"),
    "held to AVX512-BF16": ({"avx2", "avx512_bf16", "amx_bf16"}, "AVX512_CORE_BF16", "int8", "bf16"),
    "held to what came before AVX2": ({"avx2", "avx512_bf16", "amx_bf16"}, "AVX", "fp32", "fp32"),
    "a limit that oneDNN does not know": ({"avx2", "avx512_bf16"}, "FASTEST", "int8", "bf16"),
}


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch):
    def pretend(flags: set[str], limit: str = "") -> None:
        monkeypatch.setattr(devices, "processor_flags", lambda: frozenset(flags))
        monkeypatch.setattr(devices, "cuda_available", lambda: False)
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)

    return pretend


@pytest.mark.parametrize("case", CASES)
def test_auto_takes_what_the_processor_does_well(case: str, processor) -> None:
    flags, limit, with_ranges, without = CASES[case]
    processor(flags, limit)
    assert devices.resolve("auto", "auto", True) == ("cpu", with_ranges)
    assert devices.resolve("auto", "auto", False) == ("cpu", without)


def test_bfloat16_without_the_instructions_is_refused(processor) -> None:
    processor({"avx2", "avx512f"})
    with pytest.raises(AssetError) as caught:
        devices.resolve("cpu", "bf16", True)
    assert caught.value.code == "precision-missing" and "--precision auto (or int8, fp32)" in caught.value.message


@pytest.mark.parametrize(("flags", "ranges"), [({"avx2", "avx512_vnni"}, False), ({"sse4_2"}, True)])
def test_int8_without_ranges_or_instructions_is_refused(flags: set[str], ranges: bool, processor) -> None:
    processor(flags)
    with pytest.raises(AssetError, match=r"precision-missing: .*face3d_live\.train\.quantise.*--precision auto"):
        devices.resolve("cpu", "int8", ranges)


def test_float32_may_be_asked_for_anywhere(processor) -> None:
    processor({"amx_bf16"})
    assert devices.resolve("cpu", "fp32", True) == ("cpu", "fp32")


@pytest.mark.parametrize(("device", "precision"), [("gpu", "bf16"), ("gpu", "int8"), ("cuda", "int8")])
def test_a_device_that_cannot_says_what_to_do(device, precision, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "graphics_available", lambda: True)
    monkeypatch.setattr(devices, "cuda_available", lambda: True)
    with pytest.raises(AssetError, match=r"precision-missing: .*use --precision auto"):
        devices.resolve(device, precision, True)
    assert devices.resolve(device, "auto", True) == (device, "fp16")


def test_auto_prefers_an_nvidia_gpu_and_never_takes_graphics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "graphics_available", lambda: True)
    monkeypatch.setattr(devices, "cuda_available", lambda: False)
    assert devices.resolve("auto", "auto", True)[0] == "cpu"
    monkeypatch.setattr(devices, "cuda_available", lambda: True)
    assert devices.resolve("auto", "auto", True) == ("cuda", "fp16")


def test_missing_devices_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "graphics_available", lambda: False)
    monkeypatch.setattr(devices, "cuda_available", lambda: False)
    for device in ("gpu", "cuda"):
        with pytest.raises(AssetError, match=rf"{device}-missing: .*--device cpu"):
            devices.resolve(device, "auto", True)


def test_a_plugin_that_is_not_there_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    class Core:
        available_devices = ("CPU",)

    monkeypatch.setattr(devices, "core", Core)
    assert not devices.graphics_available()
    Core.available_devices = ("CPU", "GPU.0", "GPU.1")
    assert devices.graphics_available()


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("processor : 0\nflags\t\t: fpu avx2 amx_bf16\n\nprocessor : 1\nflags : fpu\n", {"fpu", "avx2", "amx_bf16"}),
        ("processor : 0\nFeatures : fp asimd bf16\n", {"fp", "asimd", "bf16"}),
        ("", set()),
        ("no colon\n\0\xff", set()),
    ],
)
def test_flags_are_read_as_linux_writes_them(tmp_path: Path, text: str, flags: set[str]) -> None:
    (tmp_path / "cpuinfo").write_text(text, encoding="latin-1")
    assert devices.processor_flags(tmp_path / "cpuinfo") == flags
    assert devices.processor_flags(tmp_path / "missing") == frozenset()


def test_the_command_line_refuses_in_one_line(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom face3d_live.regress import devices\n"
        "devices.processor_flags = lambda: frozenset()\n"
        "from face3d_live.cli.app import app\n"
        f"sys.argv = ['x', 'track', {str(tmp_path / 'a.mp4')!r}, '-o', {str(tmp_path / 'o.npz')!r},"
        " '--precision', 'bf16']\napp()\n"
    )
    sample = Path(__file__).resolve().parents[2] / "web_client" / "sample" / "sample.mp4"
    (tmp_path / "a.mp4").write_bytes(sample.read_bytes())
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: precision-missing: ") and len(done.stderr.strip().splitlines()) == 1


def test_only_the_loader_imports_openvino() -> None:
    package = Path(devices.__file__).resolve().parent.parent
    offenders = [
        path
        for path in package.rglob("*.py")
        if path != Path(openvino_loader.__file__).resolve()
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.split()[:2] in (["import", "openvino"], ["from", "openvino"])
    ]
    assert not offenders
