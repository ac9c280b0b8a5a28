"""A second port of an edge, for viewers who connect to it directly: no proxy is in front, so none is believed.

It has the public paths of the edge and nothing else, with TLS where there is a certificate.
"""

from __future__ import annotations

import re
import ssl
from typing import Any, Final

from runtime.exchange import problem_answer
from runtime.http import HttpConfig
from runtime.settings import PREFIX, Settings, SettingsError

_PUBLIC: Final = re.compile(r"/comments/[^/]+/(stream|snapshot)", re.ASCII)


class OnlyPublic:
    """Lets nothing through but the paths that viewers connect for."""

    def __init__(self, rest: Any) -> None:
        self._rest = rest

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request (called by uvicorn)."""
        if scope["type"] == "http" and _PUBLIC.fullmatch(scope["path"]) is None:
            refused = problem_answer("not_found", None)
            await send({"type": "http.response.start", "status": refused.status, "headers": refused.fields})
            await send({"type": "http.response.body", "body": refused.body})
            return
        await self._rest(scope, receive, send)


def direct_config(app: Any, settings: Settings, **options: Any) -> HttpConfig:
    """Return the configuration of the server on the direct port. Raises `SettingsError` for a bad certificate."""
    config = HttpConfig(OnlyPublic(app), settings, **{**options, "proxy_headers": False})
    if settings.tls_cert_file is not None:
        config.ssl_certfile, config.ssl_keyfile = settings.tls_cert_file, settings.tls_key_file
        try:
            config.load()
        except (ssl.SSLError, OSError) as error:
            raise SettingsError(f"{PREFIX}TLS_CERT_FILE={settings.tls_cert_file}: {error}") from None
        assert config.ssl is not None
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return config
