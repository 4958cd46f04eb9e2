"""Programs of this package that run on the machines of a Ray cluster until they are ended, such as what draws faces."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import ray

from face3d_live.cluster.ray_connection import connect


class Program:
    """An actor that runs a module's `main(arguments)`."""

    def run(self, module: str, arguments: list[str]) -> int:
        """Its exit status."""
        return int(importlib.import_module(module).main(arguments))


class Running:
    """One of them, with what is used of `subprocess.Popen`."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        remote: Any = ray.remote(Program)
        self._actor = remote.options(num_cpus=1, scheduling_strategy="SPREAD").remote()
        self._status = self._actor.run.remote(module, list(arguments))

    def poll(self) -> int | None:
        """Its exit status; None while it runs, 1 where it failed."""
        if not ray.wait([self._status], timeout=0)[0]:
            return None
        try:
            return int(ray.get(self._status))
        except ray.exceptions.RayError:
            return 1

    def terminate(self) -> None:
        """End it."""
        ray.kill(self._actor)


def start_all(address: str, module: str, arguments: Sequence[Sequence[str]]) -> list[Running]:
    """Run a module once for each list of arguments, on as many cores, spread over the machines.

    Raises AssetError "no-cluster".
    """
    connect(address)
    return [Running(module, each) for each in arguments]
