"""The keys that tokens are signed with: secrets, public keys in PEM, JSON Web Keys (RFC 7517), and what makes one weak.

Each key is for one algorithm, which its own kind decides and no token (RFC 8725, sections 3.1 and 3.5): `HS256` with a
secret, `RS256` with an RSA key, `ES256` with one on P-256, `EdDSA` with Ed25519.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import jwt
import orjson

from runtime.settings import HMAC, MIN_SECRET_BYTES

MIN_SECRET_CHARACTERS: Final = 10  # different ones: 32 times the same is long, and no secret
MIN_RSA_BITS: Final = 2048  # RFC 7518, section 3.3
MAX_RSA_BITS: Final = 8192  # beyond that one token costs milliseconds
MIN_RSA_EXPONENT: Final = 3
MAX_KEYS: Final = 64
MAX_KID_CHARACTERS: Final = 256
MAX_KEYS_TRIED: Final = 8  # for a token that does not say which

# Kinds of key, by what their JWK says of them.
_ALGORITHMS: Final[dict[tuple[str, str | None], str]] = {
    ("oct", None): HMAC,
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_PUBLIC_LABELS: Final = ("PUBLIC KEY", "RSA PUBLIC KEY")
_LOOKS_PUBLIC: Final = ("-----BEGIN", "ssh-", "ecdsa-sha2-", '{"k')  # what anybody may know is no secret

T = TypeVar("T")


class KeyRefusedError(Exception):
    """A key cannot be used; the message says why, and holds nothing of the key."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key that verifies. `kid` is what tokens call it; two keys are the same if their `content` is."""

    algorithm: str
    kid: str | None
    content: bytes = field(repr=False)
    jwk: jwt.PyJWK = field(repr=False, compare=False)


class KeySet:
    """The keys that are good now. Never changes: other keys are another set."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self.keys = tuple(dict.fromkeys(keys))[:MAX_KEYS]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeySet) and self.keys == other.keys

    def __hash__(self) -> int:
        return hash(self.keys)

    def fits(self, algorithm: str, kid: str | None) -> bool:
        """Whether there is a key for an algorithm of a name; one that is not named may be any."""
        return any(key.algorithm == algorithm and kid in (None, key.kid) for key in self.keys)

    def verify(self, algorithm: str, kid: str | None, decode: Callable[[Key], T]) -> T:
        """Return what `decode` returns with the key that the signature is of.

        Only keys for the algorithm are tried; of those the ones of that name, or where the token gives none, a few.
        Raises what `decode` raises, and `jwt.InvalidSignatureError` where there is no such key.
        """
        fitting = [key for key in self.keys if key.algorithm == algorithm and kid in (None, key.kid)]
        for key in fitting[:MAX_KEYS_TRIED]:
            try:
                return decode(key)
            except jwt.InvalidSignatureError:
                continue
        raise jwt.InvalidSignatureError("no key fits")


def read_secrets(text: str) -> list[Key]:
    """Return the secrets of a file, one a line. The first one signs; the others are on their way out, or in.

    Raises `KeyRefusedError` for a weak one.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        _check_secret(line.encode())
    return [_key(jwt.PyJWK({"kty": "oct", "k": _base64url(line.encode())}, HMAC), None) for line in lines]


def read_keys(text: str) -> list[Key]:
    """Return the keys of a file: a JSON Web Key Set, a JSON Web Key, or public keys in PEM.

    Keys in a set that are for something else, as encryption, are passed over. Raises `KeyRefusedError` for weak and
    for private ones, and where there are none.
    """
    found = _jwks(text.encode()) if text.lstrip().startswith("{") else _pem(text)
    keys = [key for key in map(read_jwk, found) if key is not None]
    if not keys:
        raise KeyRefusedError("there is no key in it for RS256, ES256, EdDSA or HS256")
    return keys


def read_published_keys(body: bytes) -> tuple[list[Key], list[str]]:
    """Return the keys of a JSON Web Key Set that everybody can read, and what is wrong with those passed over.

    RFC 7517, section 5: what is not understood is ignored. A secret that is published is none.
    Raises `KeyRefusedError` when it is no such set, or nothing in it can be used.
    """
    keys, passed_over = [], []
    for jwk in _jwks(body):
        try:
            key = read_jwk(jwk)
        except KeyRefusedError as error:
            passed_over.append(str(error))
            continue
        if key is not None and key.algorithm == HMAC:
            passed_over.append("a secret is published")
        elif key is not None:
            keys.append(key)
    if not keys:
        raise KeyRefusedError("there is no key in it that could be used")
    return keys, passed_over


def read_jwk(jwk: dict[str, Any]) -> Key | None:
    """Return the key of a JSON Web Key; None when it is not one for tokens of ours.

    Raises `KeyRefusedError`: private, weak or broken.
    """
    curve = jwk.get("crv") if jwk.get("kty") in ("EC", "OKP") else None
    algorithm = _ALGORITHMS.get((str(jwk.get("kty")), curve if curve is None else str(curve)))
    operations = jwk.get("key_ops")
    if algorithm is None or jwk.get("alg", algorithm) != algorithm or jwk.get("use", "sig") != "sig":
        return None
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return None
    if _PRIVATE & jwk.keys():
        raise KeyRefusedError("a private key: only its public half belongs here")
    kid = jwk.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID_CHARACTERS):
        raise KeyRefusedError(f"a kid is not a text of 1 to {MAX_KID_CHARACTERS} characters")
    try:
        made = jwt.PyJWK(jwk, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise KeyRefusedError(f"a key for {algorithm} cannot be read: {type(error).__name__}") from None
    if algorithm == HMAC:
        _check_secret(made.key)
    elif algorithm == "RS256":
        _check_rsa(made.key)
    return _key(made, kid)


def _key(made: jwt.PyJWK, kid: str | None) -> Key:
    algorithm = made.algorithm_name
    content = made.key if algorithm == HMAC else orjson.dumps(made.Algorithm.to_jwk(made.key, as_dict=True))
    return Key(algorithm, kid, content, made)


def _check_secret(secret: bytes) -> None:
    if len(secret) < MIN_SECRET_BYTES:
        raise KeyRefusedError(f"the secret is shorter than {MIN_SECRET_BYTES} bytes")
    if len(set(secret)) < MIN_SECRET_CHARACTERS:
        raise KeyRefusedError(f"the secret has fewer than {MIN_SECRET_CHARACTERS} different characters")
    if secret.decode("latin-1").startswith(_LOOKS_PUBLIC):
        raise KeyRefusedError("a key of another kind is given as the secret: public keys go into TOKEN_KEYS_FILE")


def _check_rsa(key: Any) -> None:
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise KeyRefusedError(f"an RSA key has {key.key_size} bits, not {MIN_RSA_BITS} to {MAX_RSA_BITS}")
    if key.public_numbers().e < MIN_RSA_EXPONENT:
        raise KeyRefusedError("an RSA key has an exponent below 3")


def _jwks(body: bytes) -> list[dict[str, Any]]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise KeyRefusedError("it is not JSON") from None
    if isinstance(document, dict) and "kty" in document:
        return [document]
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise KeyRefusedError('it is not a JSON Web Key Set: {"keys": [...]}')
    if len(keys) > MAX_KEYS:
        raise KeyRefusedError(f"it holds more than {MAX_KEYS} keys")
    return keys


def _pem(text: str) -> Iterator[dict[str, Any]]:
    # A part that needs no key pairs never loads these.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415
    from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm  # noqa: PLC0415

    for block in _PEM.finditer(text):
        if block[1] not in _PUBLIC_LABELS:
            raise KeyRefusedError(f"a {block[1].lower()} is in it: only public keys belong here")
        try:
            key = load_pem_public_key(block[0].encode())
        except (ValueError, UnsupportedAlgorithm):
            raise KeyRefusedError("a public key cannot be read") from None
        match key:
            case RSAPublicKey():
                yield dict(RSAAlgorithm.to_jwk(key, as_dict=True))
            case EllipticCurvePublicKey():
                yield dict(ECAlgorithm.to_jwk(key, as_dict=True))
            case Ed25519PublicKey():
                yield dict(OKPAlgorithm.to_jwk(key, as_dict=True))
            case _:
                raise KeyRefusedError("a public key is neither RSA, nor on P-256, nor Ed25519")


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
