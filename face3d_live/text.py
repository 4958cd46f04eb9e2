"""Decoding of text files, and display of file names that are not valid text.

A file name on Linux is any bytes. Python keeps those that are not UTF-8 as lone surrogates ("surrogateescape"), which
no file or message in UTF-8 can hold. The rule here: paths stay as they are wherever a file is opened; on the terminal
the very bytes come out again (`print_any_name`); in files, in error messages and over the network such a byte is
written \\xe9 (`shown`).
"""

from __future__ import annotations

import codecs
import os
import sys
from io import TextIOWrapper

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decoded(data: bytes) -> str:
    """The text of a file: in the encoding of its byte order mark, which is taken off, else UTF-8.

    Raises UnicodeDecodeError, a ValueError.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    return data.decode("utf-8")


def shown(name: str | os.PathLike[str]) -> str:
    """A name as text that can be encoded: what is not is written as its bytes, \\xe9."""
    text = os.fspath(name)
    return (
        text
        if is_text(text)
        else text.encode("utf-8", "surrogateescape_or_backslash").decode("utf-8", "backslashreplace")
    )


def print_any_name() -> None:
    """Let `print` write any file name, whatever the terminal's encoding: as its own bytes, or escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="surrogateescape_or_backslash")


def is_text(text: str) -> bool:
    """Whether a string can be written as UTF-8: no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


codecs.register_error("surrogateescape_or_backslash", _escape)
