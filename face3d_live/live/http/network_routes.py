"""The requests about ways to the server: STUN and TURN servers, the phone's QR code, the certificate authority."""

from __future__ import annotations

import asyncio
import io
import os
from dataclasses import dataclass
from typing import cast

import segno
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from face3d_live.errors import NotFoundError
from face3d_live.live.access import Access, machine_addresses
from face3d_live.live.frame_rate import wanted_rate
from face3d_live.live.hosts import is_loopback, parse_ip
from face3d_live.live.http.guard import hostname
from face3d_live.live.http.requests import NO_STORE, live_of
from face3d_live.live.network import page_url
from face3d_live.live.tls import Certificate


@dataclass(frozen=True)
class Reach:
    """How the server that was asked is reached. addresses: that it listens on, None: all of the machine's."""

    access: Access
    addresses: tuple[str, ...] | None
    certificate: Certificate | None


def _reach_of(request: Request) -> Reach:
    return cast("Reach", request.app.state.reach)


async def ice(request: Request) -> JSONResponse:
    """The STUN and TURN servers, as a browser's RTCPeerConnection takes them, and the rate to ask the camera for.

    Whoever asks is about to open the camera, so what its first texture will need is loaded meanwhile.
    """
    live = live_of(request)
    live.expect_session()
    servers = [server.for_page() for server in live.settings.ice_servers]
    rate = wanted_rate(live.engine.device, os.cpu_count() or 1)
    return JSONResponse({"iceServers": servers, "frameRate": rate}, headers=NO_STORE)


async def phone(request: Request) -> JSONResponse:
    """Where a phone opens the page, best address first, each with its QR code as SVG; the token is in the fragment.

    `reason`: why it cannot, or gets no camera there: "loopback", "no-https", null. `fingerprint`: SHA-256 of the
    certificate authority that the phone may trust, which is at /ca.crt; null where there is none.
    """
    hosts = _hosts(request)
    urls = [_phone_url(request, host) for host in hosts]
    reason = "loopback" if not hosts else "no-https" if request.url.scheme != "https" else None
    certificate = _reach_of(request).certificate
    fingerprint = await asyncio.to_thread(certificate.fingerprint) if certificate is not None else None
    addresses = [{"url": url, "host": host, "qr": _qr(url)} for host, url in zip(hosts, urls, strict=True)]
    return JSONResponse({"addresses": addresses, "reason": reason, "fingerprint": fingerprint}, headers=NO_STORE)


async def authority(request: Request) -> Response:
    """The certificate authority's certificate (DER), as phones and browsers take it."""
    certificate = _reach_of(request).certificate
    der = await asyncio.to_thread(certificate.authority_der) if certificate is not None else None
    if der is None:
        raise NotFoundError("not-found", "this server made no certificate: start it with --tls auto")
    headers = {"Content-Disposition": 'attachment; filename="face3d-live-ca.crt"', **NO_STORE}
    return Response(der, 200, headers, "application/x-x509-ca-cert")


def _hosts(request: Request) -> list[str]:
    """Names and addresses that another machine of the network may reach: the one that was asked for comes first."""
    reach = _reach_of(request)
    asked = hostname(request.headers.get("host", ""))
    hosts = [] if is_loopback(asked) else [asked]
    if reach.addresses is not None:
        hosts += [address for address in reach.addresses if not is_loopback(address)]
    elif not reach.access.loopback:
        version = parse_ip(request.scope["server"][0] or "")
        found = [ip for ip in map(parse_ip, machine_addresses()) if ip is not None]
        # Private addresses first, IPv4 before IPv6: shorter to scan, and what a room's router gives.
        found.sort(key=lambda ip: (version is not None and ip.version != version.version, ip.version, ip.is_global))
        hosts += map(str, found)
    return list(dict.fromkeys(hosts))


def _phone_url(request: Request, host: str) -> str:
    url = page_url(request.url.scheme, host, request.url.port, _reach_of(request).access.token)
    return url + "&camera=1" if "#" in url else url


def _qr(url: str) -> str:
    drawn = io.BytesIO()
    code = segno.make(url, error="m", micro=False)
    code.save(drawn, kind="svg", border=4, dark="#000", light="#fff", omitsize=True, xmldecl=False)
    return drawn.getvalue().decode()


ROUTES: tuple[BaseRoute, ...] = (
    Route("/api/ice", ice, methods=["GET"]),
    Route("/api/phone", phone, methods=["GET"]),
    Route("/ca.crt", authority, methods=["GET"]),
)
