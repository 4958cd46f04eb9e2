"""Reading Markdown for the tests of the documentation: its links, headings, fenced blocks and inline code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Where documentation lies; nothing is looked for elsewhere, so that a virtual environment is not read.
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"),
                *(ROOT / ".github").rglob("*.md")])  # fmt: skip

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<mark>`{3,}|~{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^ *(?P=mark)`*~* *$", re.M | re.S
)
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]*)>?(?:\s+\"[^\"]*\")?\s*\)")
_REFERENCE = re.compile(r"^ {0,3}\[[^]]+\]:\s*(\S+)", re.M)
_ATTRIBUTE = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$", re.M)
_ANCHOR = re.compile(r"\b(?:id|name)=\"([^\"]+)\"")
#: A comment line right above a block of Python: the tests run it as well.
RUNNABLE = "<!-- runnable -->"


@dataclass(frozen=True)
class Block:
    """A fenced block. line: of its first line of text, from 1. runnable: marked by `RUNNABLE`."""

    language: str
    text: str
    line: int
    runnable: bool


def blocks(markdown: str) -> Iterator[Block]:
    """The fenced blocks, without the indentation of their fence."""
    for match in _FENCE.finditer(markdown):
        indent, info = len(match["indent"]), match["info"].split()
        text = "".join(re.sub(rf"^ {{0,{indent}}}", "", line) for line in match["body"].splitlines(keepends=True))
        line = markdown.count("\n", 0, match.start("body")) + 1
        runnable = markdown[: match.start()].rstrip().endswith(RUNNABLE)
        yield Block(info[0].lower() if info else "", text, line, runnable)


def prose(markdown: str) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub("\n", markdown)


def inline_code(markdown: str) -> Iterator[str]:
    """What stands between backticks, on one line."""
    for match in _CODE.finditer(prose(markdown)):
        yield " ".join(match[2].split())


def links(markdown: str) -> list[str]:
    """The targets of links and pictures."""
    text = _CODE.sub("``", prose(markdown))
    return [*_LINK.findall(text), *_REFERENCE.findall(text), *_ATTRIBUTE.findall(text)]


def anchors(markdown: str) -> set[str]:
    """What a link may name after #: GitHub's slugs of the headings, and ids that are written out."""
    found: set[str] = set()
    text = prose(markdown)
    for _, heading in _HEADING.findall(text):
        plain = re.sub(r"!?\[((?:[^][]|\[[^][]*\])*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        plain = re.sub(r"<[^>]+>", "", plain)
        slug = base = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        number = 0
        while slug in found:
            number += 1
            slug = f"{base}-{number}"
        found.add(slug)
    return found | set(_ANCHOR.findall(text))


def logical_lines(script: str) -> Iterator[str]:
    """A shell script's lines, joined where they end in a backslash."""
    for line in script.replace("\\\n", " ").splitlines():
        yield line.strip().removeprefix("$ ")


def words(line: str) -> list[str]:
    """A shell line as words, comments left out; none where it cannot be split."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []


def commands(line: str) -> Iterator[list[str]]:
    """The simple commands of a shell line: what stands between |, &&, || and ;."""
    command: list[str] = []
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split, lexer.commenters = True, "#"
    try:
        for word in lexer:
            if set(word) <= set("|&;"):
                yield command
                command = []
            else:
                command.append(word)
    except ValueError:
        return
    if command:
        yield command
