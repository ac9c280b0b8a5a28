"""The certificate of the gateway: the chain and its key, checked, and put into one file as HAProxy wants them."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

from runtime.settings import PREFIX, Settings, SettingsError

FILE: Final = "gateway.pem"


def for_gateway(settings: Settings, folder: Path) -> Path | None:
    """Return the file with the certificate and its key, written anew; None where the settings name none.

    Raises `SettingsError` when they cannot be read, do not belong together, or are asked for and not there.
    """
    cert, key = settings.tls_cert_file, settings.tls_key_file
    if cert is None:
        if key is not None or settings.https_only:
            raise SettingsError(f"HTTPS needs a certificate: set {PREFIX}TLS_CERT_FILE (and {PREFIX}TLS_KEY_FILE)")
        return None
    check(cert, key)
    files = [cert] if key is None else [cert, key]
    together = folder / FILE
    new = together.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(b"\n".join(file.read_bytes() for file in files))
    new.replace(together)
    return together


def check(cert: Path, key: Path | None) -> None:
    """Raise `SettingsError` unless a server could use this certificate with this key."""
    named = f"{PREFIX}TLS_CERT_FILE={cert}" + ("" if key is None else f", {PREFIX}TLS_KEY_FILE={key}")
    try:
        # A key with a passphrase would be asked for at the terminal: there is nobody to answer.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=lambda: b"")
    except ssl.SSLError as error:
        raise SettingsError(f"{named}: no certificate with its key, in PEM ({error.reason or error})") from None
    except OSError as error:
        raise SettingsError(f"{named}: {error.strerror}") from None
