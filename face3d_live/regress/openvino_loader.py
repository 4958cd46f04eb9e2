"""The one place that imports OpenVINO, so that its telemetry never starts.

`import openvino` imports `openvino.tools.ovc`, which counts the import in files under the home folder and sends it to a
host, unless the package `openvino_telemetry` cannot be imported: then it uses a stub that does nothing. The package is
blocked for the life of the process, as other parts of OpenVINO would start it later.
"""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import Any

TELEMETRY = "openvino_telemetry"


def openvino() -> ModuleType:
    """The package. About 0.1 s the first time; the caller's own import stays free of it."""
    sys.modules[TELEMETRY] = None  # type: ignore[assignment]  # Python's own way to say "cannot be imported"
    import openvino

    package: ModuleType = openvino
    return package


@cache
def core() -> Any:
    """The process's `openvino.Core`: it keeps the plugins that were loaded."""
    return openvino().Core()
