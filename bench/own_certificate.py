"""A certificate that nobody else trusts, for a measurement or a test of HTTPS."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for this machine: the file of its chain, that of its key, and one with both."""

    cert: Path
    key: Path
    both: Path

    def client_context(self, *protocols: str) -> ssl.SSLContext:
        """Return what a client needs that trusts this certificate alone, and speaks these protocols (ALPN)."""
        context = ssl.create_default_context(cafile=str(self.cert))
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


def make_certificate(folder: Path) -> Certificate:
    """Make one in a folder, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - VALID)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    chain = certificate.public_bytes(pem)
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = Certificate(folder / "tls.crt", folder / "tls.key", folder / "tls.pem")
    files.cert.write_bytes(chain)
    for file, text in ((files.key, private), (files.both, chain + private)):
        file.write_bytes(text)
        file.chmod(0o600)
    return files
