"""Where the data files lie: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLED = _PACKAGE / "_data"
_BASE = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parent

MODELS = _BASE / "models"
SHADERS = _BASE / "shaders"
WEB_CLIENT = _BASE / "web_client"
