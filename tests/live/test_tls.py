"""TLS: the machine's own certificates, how they are renewed, and given ones. The QR code for a phone."""

import contextlib
import ipaddress
import json
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from live_helpers import serve

from face3d_live.errors import InputError, StorageError
from face3d_live.live import network, tls
from face3d_live.live.access import Access
from face3d_live.live.network import NetworkOptions

ROOT = Path(__file__).resolve().parents[2]
NAMES, ADDRESSES = ("localhost", "mybox.local"), ("192.168.1.5", "fd00::2")


def automatic(folder):
    return tls.automatic(folder, NAMES, ADDRESSES)


def handshake(context, authority, name):
    """The certificate that a client which trusts `authority` alone gets; raises ssl.SSLError."""
    ours, theirs = socket.socketpair()

    def answer():
        with contextlib.suppress(OSError), context.wrap_socket(theirs, server_side=True) as server:
            server.recv(1)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        client = ssl.create_default_context(cafile=authority)
        with client.wrap_socket(ours, server_hostname=name) as connected:
            return x509.load_der_x509_certificate(connected.getpeercert(True))
    finally:
        ours.close()
        thread.join(10)


def test_a_client_that_trusts_the_authority_sees_no_fault(tmp_path):
    made = automatic(tmp_path / "tls")
    for name in ("localhost", "mybox.local", "192.168.1.5", "fd00::2", "127.0.0.1", "::1"):
        handshake(made.context(), made.authority, name)
    for name in ("other.local", "192.168.1.6", "example.org"):
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(made.context(), made.authority, name)


def test_keys_are_their_owners_alone(tmp_path):
    automatic(tmp_path / "tls")
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()}
    assert found == dict.fromkeys(("ca.pem", "ca.key", "server.pem", "server.key"), 0o600)


def test_the_authority_vouches_for_no_other_site(tmp_path):
    made = automatic(tmp_path)
    ca = x509.load_pem_x509_certificate(made.authority.read_bytes())
    ca_key = serialization.load_pem_private_key((tmp_path / "ca.key").read_bytes(), None)
    for name in (x509.DNSName("example.org"), x509.IPAddress(ipaddress.ip_address("8.8.8.8"))):
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        forged = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]))
            .issuer_name(ca.subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(1))
            .not_valid_after(now + timedelta(1))
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        (tmp_path / "f.pem").write_bytes(forged.public_bytes(pem))
        (tmp_path / "f.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
            handshake(
                tls.Certificate(tmp_path / "f.pem", tmp_path / "f.key").context(), made.authority, str(name.value)
            )


def read(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_are_kept_until_they_end_soon_or_the_machine_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(tls, "SERVER_DAYS", tls.RENEW_DAYS - 1)
    automatic(tmp_path)
    old = read(tmp_path)
    monkeypatch.undo()
    automatic(tmp_path)
    renewed = read(tmp_path)
    assert renewed["ca.pem"] == old["ca.pem"] and renewed["server.pem"] != old["server.pem"]
    automatic(tmp_path)
    assert read(tmp_path) == renewed
    tls.automatic(tmp_path, NAMES, ("192.168.1.7",))
    moved = read(tmp_path)
    assert moved["ca.pem"] == old["ca.pem"] and moved["server.pem"] != renewed["server.pem"]


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "server.pem", "server.key"])
@pytest.mark.parametrize(
    "damage", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", None]
)
def test_damaged_files_are_made_anew(tmp_path, name, damage):
    automatic(tmp_path)
    if damage is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(damage)
    made = automatic(tmp_path)
    handshake(made.context(), made.authority, "localhost")


def test_keys_that_were_swapped_and_folders_that_are_none(tmp_path):
    first, second = automatic(tmp_path / "a"), automatic(tmp_path / "b")
    shutil.copy(second.key, first.key)
    shutil.copy(tmp_path / "b" / "ca.key", tmp_path / "a" / "ca.key")
    made = automatic(tmp_path / "a")
    handshake(made.context(), made.authority, "localhost")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="tls-unwritable"):
        automatic(tmp_path / "file" / "tls")


def test_a_running_server_takes_a_renewed_certificate(tmp_path):
    made = automatic(tmp_path)
    context = made.context()
    before = handshake(context, made.authority, "localhost")
    tls.automatic(tmp_path, NAMES, ()).load_into(context)
    after = handshake(context, made.authority, "localhost")
    assert before.serial_number != after.serial_number


def test_given_files_that_cannot_be_used_are_refused_before_the_model_loads(tmp_path):
    made, other = automatic(tmp_path / "a"), automatic(tmp_path / "b")
    key = ec.generate_private_key(ec.SECP256R1())
    locked = tmp_path / "locked.key"
    secret = serialization.BestAvailableEncryption(b"x")
    locked.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret))
    (tmp_path / "text").write_text("hello")
    wrong = [
        (made.cert, other.key), (made.key, made.cert), (tmp_path / "none", made.key), (made.cert, tmp_path),
        (made.cert, locked), (tmp_path / "text", tmp_path / "text"),
    ]  # fmt: skip
    for cert, key_file in wrong:
        with pytest.raises(InputError, match="bad-cert"):
            network.prepare(NetworkOptions(port=0, cert=cert, key=key_file))
    for options in ({"cert": made.cert}, {"key": made.key}, {"tls": "auto", "cert": made.cert, "key": made.key}):
        with pytest.raises(InputError, match="bad-option"):
            network.prepare(NetworkOptions(port=0, **options))
    with network.prepare(NetworkOptions(port=0, cert=made.cert, key=made.key)).listener as listener:
        assert listener.getsockname()[1]


# --- the phone --------------------------------------------------------------------------------------------------------


def decoded(svg):
    """What a phone reads in the picture: its modules as a raster, read by OpenCV."""
    import re

    size = int(re.search(r'viewBox="0 0 (\d+) \d+"', svg)[1])
    picture = np.full((size, size), 255, np.uint8)
    path = re.search(r'<path[^>]*class="qrline"[^>]*d="([^"]*)"', svg) or re.search(r'd="(M[^"]*h[^"]*)"/></svg>', svg)
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]*)", path[1]):
        values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
        if command == "M":
            x, y = values
        elif command == "m":
            x, y = x + values[0], y + values[1]
        else:
            picture[int(y), int(x) : int(x + values[0])] = 0
            x += values[0]
    return cv2.QRCodeDetector().detectAndDecode(cv2.resize(picture, None, fx=8, fy=8, interpolation=0))[0]


async def test_the_phones_code_leads_to_the_page_with_the_token(tmp_path, monkeypatch):
    monkeypatch.setattr("face3d_live.live.http.network_routes.machine_addresses", lambda: ("fd00::2", "192.168.1.5"))
    access = Access("s3cret", loopback=False, hosts=frozenset({"mybox.local"}))
    async with serve(ready=False, access=access, certificate=automatic(tmp_path)) as served:
        assert (await served.http.get("/api/phone")).status_code == 401
        headers = {"Authorization": "Bearer s3cret", "Host": "mybox.local:8443", "X-Forwarded-Proto": "https"}
        found = (await served.http.get("/api/phone", headers=headers)).json()
        assert [address["host"] for address in found["addresses"]] == ["mybox.local", "192.168.1.5", "fd00::2"]
        assert found["addresses"][1]["url"] == "https://192.168.1.5:8443/#token=s3cret&camera=1"
        for address in found["addresses"]:
            assert decoded(address["qr"]) == address["url"]
        assert found["reason"] is None and found["fingerprint"].count(":") == 31
        authority = await served.http.get("/ca.crt", headers={"Host": "192.168.1.5"})
        assert x509.load_der_x509_certificate(authority.content).extensions


async def test_what_keeps_a_phone_away_is_said():
    async with serve(ready=False) as served:
        found = (await served.http.get("/api/phone")).json()
        assert found == {"addresses": [], "reason": "loopback", "fingerprint": None}
        assert (await served.http.get("/ca.crt")).status_code == 404
        assert (await served.http.get("/api/ice")).json()["iceServers"] == []
    async with serve(ready=False, access=Access("x", loopback=False), addresses=("192.168.1.5",)) as served:
        found = (await served.http.get("/api/phone", headers={"Authorization": "Bearer x"})).json()
        assert found["reason"] == "no-https" and [a["host"] for a in found["addresses"]] == ["192.168.1.5"]


def test_the_program_serves_tls_and_prints_token_and_fingerprint(tmp_path):
    command = [sys.executable, str(ROOT / "run_live.py"), "--host", "0.0.0.0", "--port", "0", "--tls", "auto"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        line = process.stdout.readline()
        address = next(word for word in line.split() if word.startswith("https://localhost:"))
        base, _, token = address.partition("#token=")
        rest = ""
        while "SHA-256" not in rest:
            rest += process.stdout.readline()
        try:
            anyone = ssl.create_default_context()
            anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
            with urllib.request.urlopen(base + "ca.crt", context=anyone, timeout=20) as answer:
                authority = x509.load_der_x509_certificate(answer.read())
            (tmp_path / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
            trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
            request = urllib.request.Request(base + "api/phone", headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(request, context=trusting, timeout=20) as answer:
                assert json.load(answer)["reason"] is None
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(base + "api/phone", context=trusting, timeout=20)
            assert process.stdout.readline().strip() == authority.fingerprint(hashes.SHA256()).hex(":").upper()
        finally:
            process.terminate()
        assert len(token) >= 20
