"""Where the data files lie: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLED = _PACKAGE / "_data"
#: The checkout's folder; in a wheel, that of the bundled files.
ROOT = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parent

MODELS = ROOT / "models"
SHADERS = ROOT / "shaders"
WEB_CLIENT = ROOT / "web_client"
