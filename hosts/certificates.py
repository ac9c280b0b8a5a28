"""`python -m hosts.certificates FOLDER`: the certificates that compose.tls-inside.yaml wants, and compose.tls.yaml.

A certification authority of its own, whose key is thrown away: nobody can make another certificate that it signed. Who
wants to renew them makes all anew, and starts everything again. So NATS's has the names of servers that may be added.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS: Final = 825  # the longest that common clients take
CLOCKS_DIFFER: Final = dt.timedelta(hours=1)
PEM: Final = serialization.Encoding.PEM

NATS_SERVERS_MAX: Final = 9

# Folder: the names in its certificate, which are those of services.
SERVERS: Final = {
    "nats": tuple(f"nats-{number}" for number in range(1, NATS_SERVERS_MAX + 1)),
    "postgres": ("postgres", "postgres-replica"),
}


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """Return its certificate."""
        return self.certificate.public_bytes(PEM)


def make_authority(days: int = DAYS) -> Authority:
    """Return a new one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("livecomments inside")
    certificate = (
        _begun(name, name, key, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate)


def write_server(authority: Authority, folder: Path, names: Sequence[str], days: int = DAYS) -> None:
    """Write tls.crt, tls.key and ca.crt of a server with some names into a new folder, the key for its owner alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]  # NATS servers are clients of each other
    certificate = (
        _begun(_name(names[0]), authority.certificate.subject, key, days)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    folder.mkdir(parents=True)
    (folder / "tls.crt").write_bytes(certificate.public_bytes(PEM))
    (folder / "ca.crt").write_bytes(authority.pem)
    with os.fdopen(os.open(folder / "tls.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)


def make_all(folder: Path, days: int = DAYS) -> None:
    """Make what compose.tls-inside.yaml wants. Raises `FileExistsError` where something of it is there."""
    authority = make_authority(days)
    (folder / "ca").mkdir(parents=True)
    (folder / "ca" / "ca.crt").write_bytes(authority.pem)
    for server, names in SERVERS.items():
        write_server(authority, folder / server, names, days)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER)
        .not_valid_after(now + dt.timedelta(days=days))
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--days", default=DAYS, type=click.IntRange(1), help="How long they are good.")
def main(folder: Path, days: int) -> None:
    """Make certificates for NATS, Postgres and whoever checks them, in FOLDER: ca/, nats/ and postgres/."""
    try:
        make_all(folder, days)
    except FileExistsError as error:
        raise click.ClickException(f"{error.filename} is there already: name a new folder") from None
    click.echo(f"{folder}: good for {days} days; see compose.tls-inside.yaml")


if __name__ == "__main__":
    main()
