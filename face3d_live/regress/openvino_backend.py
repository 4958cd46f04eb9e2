"""The network in OpenVINO: on any processor, or on Intel graphics."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.errors import AssetError
from face3d_live.regress import model_cache, openvino_graph, weights
from face3d_live.regress.activation_ranges import Ranges
from face3d_live.regress.devices import instructions
from face3d_live.regress.openvino_loader import core, openvino
from face3d_live.regress.prediction import HEADS, Raw
from face3d_live.version import __version__

logger = logging.getLogger(__name__)

#: What float layers compute in.
_TYPES = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}


@dataclass(frozen=True)
class Source:
    """A graph to compile. build: makes it. made_from: all that it depends on, by name, for the key of the compiled
    model in the cache. outputs: their names, in order."""

    build: Callable[[], Any]
    made_from: Mapping[str, str]
    outputs: tuple[str, ...]


class OpenVinoBackend:
    """A compiled network. Several threads may run it at once: each has a request of its own."""

    def __init__(self, compiled: Any, outputs: tuple[str, ...], keeps: object = None) -> None:
        self._compiled, self._outputs = compiled, outputs
        self._keeps = keeps  # the mapped file that the compiled model reads its constants from
        self._requests = threading.local()

    @classmethod
    def load(cls, source: Source, plugin: str, precision: str, threads: int) -> OpenVinoBackend:
        """plugin: "CPU" or "GPU". Raises what `source.build` raises."""
        settings = {"INFERENCE_PRECISION_HINT": _TYPES[precision], "PERFORMANCE_HINT": "LATENCY"}
        if plugin == "CPU":
            # Threads of two processes might be pinned to the same core while others idle.
            settings |= {"INFERENCE_NUM_THREADS": str(threads), "NUM_STREAMS": "1", "ENABLE_CPU_PINNING": "NO"}
            # Otherwise layers with packed weights would quantise their inputs dynamically, without measured ranges.
            settings |= {"DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
        name = _cache_key(source, plugin, precision)
        if (kept := model_cache.read(name)) is not None:
            try:
                tensor = openvino().Tensor(kept, shared_memory=True)
                return cls(core().import_model(tensor, plugin, settings), source.outputs, kept)
            except RuntimeError as error:
                logger.info("a compiled model in the cache does not load and is made anew: %s", error)
        compiled = core().compile_model(source.build(), plugin, settings)
        model_cache.write(name, compiled.export_model().getvalue())
        return cls(compiled, source.outputs)

    def run(self, crops: NDArray[np.uint8]) -> Raw:
        """(B, size, size, 3) RGB -> each output (B, n) by its name."""
        request = getattr(self._requests, "own", None)
        if request is None:
            request = self._requests.own = self._compiled.create_infer_request()
        outputs = request.infer({0: crops}, share_inputs=True)
        return {name: outputs[i] for i, name in enumerate(self._outputs)}


def weights_source(path: Path, ranges: Ranges) -> Source:
    """Our own network of a weights file; ranges: of the convolutions that compute in int8, `{}` for none.

    Its `build` raises AssetError for the file, see `weights.load`.
    """
    made_from = {
        "weights": model_cache.digest(path),
        "graph": model_cache.digest(Path(openvino_graph.__file__)),
        "ranges": json.dumps(dict(ranges), sort_keys=True),
    }
    return Source(lambda: build_model(path, ranges), made_from, tuple(HEADS))


def build_model(path: Path, ranges: Ranges) -> Any:
    """The graph of a weights file. Raises AssetError, also where the tensors do not fit their architecture."""
    stored = weights.load(path)
    try:
        return openvino_graph.build(stored.tensors, stored.meta["architecture"]["blocks"], stored.meta["size"], ranges)
    except (KeyError, ValueError, TypeError, IndexError, RuntimeError) as error:
        cure = f"{path} does not fit its architecture ({error}): restore the file"
        raise AssetError("regressor-broken", cure) from error


def _cache_key(source: Source, plugin: str, precision: str) -> str:
    return model_cache.key(
        **source.made_from,
        program=__version__,
        openvino=openvino().__version__,
        device=core().get_property(plugin, "FULL_DEVICE_NAME"),
        instructions=instructions(),
        precision=precision,
    )
