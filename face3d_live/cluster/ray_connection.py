"""The connection of this process to a Ray cluster, and the controller in it. Ray tells nobody of its use."""

from __future__ import annotations

import logging
import socket
from typing import Any

import ray

from face3d_live.cluster.controller import Controller
from face3d_live.cluster.names import CONTROLLER, NAMESPACE
from face3d_live.cluster.options import ClusterOptions
from face3d_live.errors import AssetError

CONNECT_SECONDS = 5.0


def connect(address: str) -> None:
    """Join a cluster as a driver. address: `HOST:6379` or `auto`, for `ray.init`. Raises AssetError "no-cluster"."""
    no_cluster = AssetError(
        "no-cluster",
        f"no Ray cluster answers at {address}: start one with face3d-live cluster head, or join it from this machine",
    )
    if not _listens(address):
        raise no_cluster
    try:
        ray.init(
            address=address,
            namespace=NAMESPACE,
            log_to_driver=False,
            configure_logging=False,
            logging_level=logging.ERROR,
            ignore_reinit_error=True,
        )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise no_cluster from error


def _listens(address: str) -> bool:
    """Whether somebody listens there: Ray itself would try for minutes. True for what is no HOST:PORT."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdecimal():
        return True
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError):
        return False
    return True


def find_controller() -> Any:
    """The handle of the controller. Raises AssetError "no-cluster"."""
    try:
        return ray.get_actor(CONTROLLER, NAMESPACE)
    except ValueError as error:
        text = "this Ray cluster has no workers of Face3D Live: face3d-live cluster head --address ADDRESS makes them"
        raise AssetError("no-cluster", text) from error


def start_controller(options: ClusterOptions) -> Any:
    """The handle of the controller, which is started where there is none."""
    return (
        ray.remote(Controller)
        .options(
            name=CONTROLLER,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=3,
        )
        .remote(options)
    )
