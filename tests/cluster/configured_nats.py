"""A nats-server with the configurations that `up` and compose give it."""

from __future__ import annotations

import contextlib
import socket

from tests.servers import ROOT, NatsServer

USERS = ("writer", "archiver", "history", "edge")
PASSWORD = "spassword"


class ConfiguredServer(NatsServer):
    """A server with a file of `nats/`; `more` are further variables of it."""

    def __init__(self, folder, file="server.conf", more=None):
        super().__init__(folder)
        self._file = file
        self._more = more or {}

    def variables(self):
        users = ("", *(f"{user.upper()}_" for user in (*USERS, "operator", "routes")))
        return {
            "NATS_SERVER_NAME": "nats-1",
            "NATS_LISTEN": f"127.0.0.1:{self.port}",
            "NATS_MONITOR": "127.0.0.1:-1",
            "NATS_STORE_DIR": str(self.folder / "jetstream"),
            "NATS_STORE_BYTES": "100000000",
            "NATS_CLUSTER_LISTEN": "127.0.0.1:-1",
            "NATS_ROUTES": f"[nats://routes:{PASSWORD}@127.0.0.1:1]",
            **{f"NATS_{name}PASSWORD": PASSWORD for name in users},
            **self._more,
        }

    def _command(self):
        given = [f"{name}={value}" for name, value in self.variables().items()]
        return ["env", *given, *super()._command()[:-2], "-c", str(ROOT / "nats" / self._file)]

    def _answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False
