"""What `--help` of a command ends with: lines that can be copied."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "": (
        "face3d-live live",
        "face3d-live reconstruct me.jpg -o head",
        "face3d-live play talk.jsonl --loop",
    ),
    "live": (
        "face3d-live live",
        "face3d-live live --host 0.0.0.0 --tls auto",
        "face3d-live live --output vmc://127.0.0.1:39539 --output osf://127.0.0.1",
        "face3d-live live --source talk.mp4 --avatar fox.glb",
    ),
    "track": (
        "face3d-live track talk.mp4 -o talk.npz",
        "face3d-live track talk.mp4 -o raw.npz --no-smooth",
    ),
    "record": (
        "face3d-live record --source talk.mp4 -o talk.jsonl --sound",
        "face3d-live record --source 0 -o me.jsonl --seconds 60",
    ),
    "reconstruct": (
        "face3d-live reconstruct me.jpg -o head",
        "face3d-live reconstruct photos/ -o heads --jobs 2",
        "face3d-live reconstruct front.jpg left.jpg right.jpg -o head --fuse --mesh high --texture 2048",
        'face3d-live reconstruct me.jpg -o head --vrm-name Me --vrm-author "A. Person"',
    ),
    "render": (
        "face3d-live render head/params.npz -o smile.png --expression jawOpen=0.6",
        "face3d-live render head/params.npz -o side.png --yaw 60 --frontal",
    ),
    "play": (
        "face3d-live play talk.jsonl --output vmc://127.0.0.1:39539",
        "face3d-live play talk.jsonl --loop --start 2 --end 8 --speed 0.5",
    ),
    "takes": (
        "face3d-live takes info talk.jsonl",
        "face3d-live takes trim talk.jsonl -o part.jsonl --start 2 --end 8",
        "face3d-live takes export talk.jsonl -o talk.mp4",
    ),
    "takes trim": ("face3d-live takes trim talk.jsonl -o part.jsonl --start 2 --end 8",),
    "takes export": (
        "face3d-live takes export talk.jsonl -o talk.csv",
        "face3d-live takes export talk.jsonl -o talk.glb --model head/head.glb",
        "face3d-live takes export talk.jsonl -o talk.webm --alpha --size 1080",
    ),
}  # fmt: skip


def examples(command: str) -> str | None:
    """The end of a command's help ("" is the program's own); None where there is nothing to show. Click wraps no line
    of a paragraph that begins with \\b."""
    lines = EXAMPLES.get(command)
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)]) if lines else None
