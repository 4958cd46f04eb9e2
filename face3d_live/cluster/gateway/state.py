"""What the gateway's request handlers share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from starlette.requests import HTTPConnection

from face3d_live import strict_json
from face3d_live.cluster.gateway.directory import Directory
from face3d_live.cluster.gateway.metrics import GatewayMetrics, merged
from face3d_live.cluster.gateway.proxy import Proxy
from face3d_live.cluster.placement import Load
from face3d_live.errors import AssetError
from face3d_live.live.http.connections import Connections
from face3d_live.live.limits import Limits


@dataclass
class GatewayState:
    """`app.state.gateway`."""

    directory: Directory
    proxy: Proxy
    metrics: GatewayMetrics
    connections: Connections
    limits: Limits
    web_client: Path

    async def ask_all(self, path: str, method: str = "GET") -> dict[str, tuple[int, bytes]]:
        """Status and body of a small answer, from every worker that gives one, by its name."""
        loads = list(self.directory.workers.values())
        answers = await asyncio.gather(*(self._ask(load, path, method) for load in loads))
        return {load.name: answer for load, answer in zip(loads, answers, strict=True) if answer is not None}

    async def objects(self, path: str) -> dict[str, dict[str, Any]]:
        """The JSON objects that workers answer with, by their names."""
        answers = await self.ask_all(path)
        return {name: strict_json.loads(body) for name, (status, body) in answers.items() if status == 200}

    async def metrics_text(self) -> bytes:
        """The gateway's metrics, and those of all workers."""
        answers = await self.ask_all("/metrics")
        texts = {name: body.decode() for name, (status, body) in answers.items() if status == 200}
        return self.metrics.text(self.directory.workers.values()) + await asyncio.to_thread(merged, texts)

    async def _ask(self, load: Load, path: str, method: str) -> tuple[int, bytes] | None:
        try:
            return await self.proxy.ask(load, path, method)
        except AssetError:
            return None


def gateway_of(connection: HTTPConnection) -> GatewayState:
    """The gateway that was asked."""
    return cast("GatewayState", connection.app.state.gateway)
