"""JSON that comes from elsewhere, checked once where it enters: what `loads` returns can be used and written again.

Python's own reader takes NaN and Infinity, numbers of any size (10^400, which no float holds) and lone surrogates
(which no UTF-8 text holds), and fails in other ways than ValueError on deep nesting.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from face3d_live.text import is_text

#: Whole numbers beyond ±2^64 are refused: nothing that is read here has any.
_MOST_DIGITS = 20
_MOST = 2**64
_UNUSABLE = re.compile("[\0\ud800-\udfff]")


def loads(data: str | bytes, repair: bool = False) -> Any:
    """Plain data. Raises ValueError, and nothing else, for what is not JSON by RFC 8259, and for numbers and strings
    that cannot be used: not finite as float64, whole and beyond ±2^64, lone surrogates, NUL characters.

    repair: replace such characters in strings by U+FFFD, as names in files of other programs hold them.
    """
    try:
        text = data if isinstance(data, str) else data.decode(json.detect_encoding(data))
        plain = json.loads(text, parse_float=_float, parse_int=_int, parse_constant=_constant)
        # Only an escape can bring a NUL into a string, and a surrogate into the text of bytes.
        if "\\u" in text or not is_text(text):
            plain = _checked(plain, repair)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return plain


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _int(text: str) -> int:
    if len(text) <= _MOST_DIGITS + 1 and -_MOST <= (value := int(text)) <= _MOST:
        return value
    raise ValueError(f"{text[:20]}... is too large a number")


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _checked(value: Any, repair: bool) -> Any:
    if isinstance(value, str):
        return _text(value, repair)
    if isinstance(value, list):
        return [_checked(each, repair) for each in value]
    if isinstance(value, dict):
        return {_text(key, repair): _checked(each, repair) for key, each in value.items()}
    return value


def _text(text: str, repair: bool) -> str:
    if text.isascii() and "\0" not in text:
        return text
    if repair:
        return _UNUSABLE.sub("\ufffd", text)
    if "\0" in text:
        raise ValueError("a string holds a NUL character")
    if not is_text(text):
        raise ValueError("a string holds half a character (a lone surrogate)")
    return text
