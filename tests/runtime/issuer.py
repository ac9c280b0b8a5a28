"""An issuer of tokens: keys of every kind, and a web server that publishes them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

MAKERS = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "RS256 with 1024 bits": lambda: rsa.generate_private_key(65537, 1024),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "Ed448": ed448.Ed448PrivateKey.generate,
}


class KeyPair:
    """A key pair of one of `MAKERS`."""

    def __init__(self, kind: str, kid: str | None = None) -> None:
        self.algorithm = kind.split(maxsplit=1)[0]
        self.kid = kid
        self.private = MAKERS[kind]()

    @property
    def public_pem(self) -> str:
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def private_pem(self) -> str:
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def jwk(self, *, private: bool = False, **more: Any) -> dict[str, Any]:
        key = self.private if private else self.private.public_key()
        kind = {"R": RSAAlgorithm, "E": ECAlgorithm}.get(self.algorithm[0])
        made = dict((OKPAlgorithm if self.algorithm.startswith("Ed") else kind).to_jwk(key, as_dict=True))
        made.pop("key_ops", None)
        return made | ({"kid": self.kid} if self.kid else {}) | more

    def token(self, *, headers: dict[str, Any] | None = None, kid: str | None = None, **claims: Any) -> str:
        given = {"sub": "ada", "exp": time.time() + 600} | claims
        name = kid or self.kid
        return jwt.encode(
            {claim: value for claim, value in given.items() if value is not None},
            self.private,
            algorithm=self.algorithm,
            headers=(headers or {}) | ({"kid": name} if name else {}),
        )


class Issuer:
    """Publishes keys. `answer` is what it says: a status and a body; None: it hangs up."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/keys"
        self.asked = 0
        self.answer: tuple[int, bytes] | None = None
        self.before_answer = threading.Event()
        self.before_answer.set()

    def publish(self, *keys: KeyPair | dict[str, Any]) -> None:
        said = [key if isinstance(key, dict) else key.jwk() for key in keys]
        self.answer = (200, json.dumps({"keys": said}).encode())

    def go_away(self) -> None:
        self.answer = None


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Run an issuer for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            issuer.before_answer.wait(10)
            if issuer.answer is None:
                self.close_connection = True
                return
            status, body = issuer.answer
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuer
    finally:
        issuer.before_answer.set()
        server.shutdown()
        server.server_close()
        thread.join()
