"""TLS: certificates of one's own for the machines of a room, or given ones.

`automatic` keeps an authority (CA) and a server certificate in the configuration folder. A phone that trusts the
authority shows no warning. The authority can vouch for this machine's names and for private addresses alone (name
constraints, RFC 5280 section 4.2.1.10): whoever steals its key gets nothing of other sites. The server's certificate is
made anew a month before it expires, and when the machine's names or addresses have changed.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from face3d_live import files
from face3d_live.errors import InputError, StorageError

logger = logging.getLogger(__name__)

AUTHORITY_DAYS = 3650
#: Browsers refuse longer ones (Apple: 825 days, even of an own authority).
SERVER_DAYS = 90
#: A certificate that ends within so many days is made anew.
RENEW_DAYS = 30
#: A phone's clock may be behind.
_CLOCK = timedelta(days=1)
#: What IANA's registries of special-purpose addresses call not globally reachable, as far as a machine can have it.
_PRIVATE = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
    "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "fc00::/7", "fe80::/10", "::1/128", "2001:db8::/32",
)  # fmt: skip
_NETWORKS = tuple(ipaddress.ip_network(text) for text in _PRIVATE)
#: Top levels that belong to nobody (RFC 6761, 6762, 8375, ICANN's .internal) or are usual in homes.
_LOCAL = ("localhost", "local", "home.arpa", "internal", "lan", "home")


@dataclass(frozen=True)
class Certificate:
    """PEM files. authority: the CA's certificate, which a phone may be told to trust; None for given certificates."""

    cert: Path
    key: Path
    authority: Path | None = None

    def context(self) -> ssl.SSLContext:
        """For a server. Raises InputError "bad-cert"."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.load_into(context)
        return context

    def load_into(self, context: ssl.SSLContext) -> None:
        """Use the files for new connections. Raises InputError "bad-cert"."""

        def no_password() -> str:
            raise InputError("bad-cert", f"{self.key} needs a password: give a key without one")

        try:
            context.load_cert_chain(self.cert, self.key, no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            cure = "give --cert and --key as PEM files that belong together"
            raise InputError("bad-cert", f"{self.cert} and {self.key} cannot be used ({error}): {cure}") from error

    def authority_der(self) -> bytes | None:
        """The authority's certificate as phones take it; None for given certificates. Raises OSError, ValueError."""
        if self.authority is None:
            return None
        certificate = x509.load_pem_x509_certificate(self.authority.read_bytes())
        return certificate.public_bytes(serialization.Encoding.DER)

    def fingerprint(self) -> str | None:
        """The authority's SHA-256 fingerprint, as phones show it; None for given certificates."""
        der = self.authority_der()
        return hashlib.sha256(der).digest().hex(":").upper() if der is not None else None


def automatic(folder: Path, names: Iterable[str], addresses: Iterable[str]) -> Certificate:
    """The certificate for these names and addresses, made where it is missing, damaged, too old or of others.

    Names and addresses that are not local are left out. Raises StorageError "tls-unwritable".
    """
    wanted = _Subjects.local(names, addresses)
    made = Certificate(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    try:
        authority = _load_pair(folder / "ca.pem", folder / "ca.key")
        if authority is None or _ends_soon(authority[0]):
            authority = _make_authority()
            _save_pair(authority, folder / "ca.pem", folder / "ca.key")
            logger.info("a new certificate authority is in %s", folder)
        server = _load_pair(made.cert, made.key)
        if server is None or _ends_soon(server[0]) or not _suits(server[0], authority[0], wanted):
            _save_pair(_make_server(authority, wanted), made.cert, made.key)
            logger.info("a new server certificate is in %s", folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError("tls-unwritable", f"{folder} cannot be written ({reason}): check its rights") from error
    return made


_Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


@dataclass(frozen=True)
class _Subjects:
    names: tuple[str, ...]
    addresses: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...]

    @classmethod
    def local(cls, names: Iterable[str], addresses: Iterable[str]) -> _Subjects:
        """Those that the authority can vouch for, the loopback's always among them."""
        domains = _permitted_names()
        kept = {"localhost", *(name for name in names if any(_within(name, domain) for domain in domains))}
        parsed = {ipaddress.ip_address(text) for text in (*addresses, "127.0.0.1", "::1")}
        inside = [ip for ip in parsed if any(ip in net for net in _NETWORKS if net.version == ip.version)]
        return cls(tuple(sorted(kept)), tuple(sorted(inside, key=lambda ip: (ip.version, int(ip)))))

    def extension(self) -> x509.SubjectAlternativeName:
        ips = [x509.IPAddress(ip) for ip in self.addresses]
        return x509.SubjectAlternativeName([*(x509.DNSName(name) for name in self.names), *ips])


def _within(name: str, domain: str) -> bool:
    return name == domain or name.endswith("." + domain)


def _permitted_names() -> tuple[str, ...]:
    own = socket.gethostname().lower().partition(".")[0]
    return tuple(dict.fromkeys((*_LOCAL, own) if own.replace("-", "").isalnum() and own.isascii() else _LOCAL))


def _make_authority() -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Face3D Live on {socket.gethostname()}"[:60])
    permitted: list[x509.GeneralName] = [x509.DNSName(domain) for domain in _permitted_names()]
    permitted += [x509.IPAddress(network) for network in _NETWORKS]
    builder = (
        _builder(name, name, key, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256()), key


def _make_server(authority: _Pair, wanted: _Subjects) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    ca, ca_key = authority
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = (
        _builder(_name("Face3D Live"), ca.subject, key, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(wanted.extension(), critical=False)
        .add_extension(issuer, critical=False)
    )
    return builder.sign(ca_key, hashes.SHA256()), key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK)
        .not_valid_after(now + timedelta(days=days))
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _load_pair(cert: Path, key: Path) -> _Pair | None:
    """A certificate and its key, None when they are missing, damaged, or do not belong together. Raises OSError."""
    try:
        certificate = x509.load_pem_x509_certificate(cert.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        logger.warning("%s or %s is damaged (%s) and is made anew", cert, key, error)
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or certificate.public_key() != private.public_key():
        logger.warning("%s and %s do not belong together and are made anew", cert, key)
        return None
    return certificate, private


def _save_pair(pair: _Pair, cert: Path, key: Path) -> None:
    """The key first: a certificate without its key is noticed and made anew."""
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    files.write(key, pair[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    files.write(cert, pair[0].public_bytes(pem))
    for path in (cert, key):
        path.chmod(files.FILE_MODE)


def _ends_soon(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_after_utc - datetime.now(UTC) < timedelta(days=RENEW_DAYS)


def _suits(server: x509.Certificate, authority: x509.Certificate, wanted: _Subjects) -> bool:
    try:
        server.verify_directly_issued_by(authority)
        names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # a signature of another authority, another kind of certificate
        return False
    return names == wanted.extension()
