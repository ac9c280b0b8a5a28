"""Who is speaking: JSON Web Tokens (RFC 7519, handled as RFC 8725 says), issued and checked.

Which signatures are accepted is a setting, and which key is for which of them is the key's own business
(`token_keys`); a token only says which of the known keys it is signed with.

Claims: `sub` and `exp` (both required), `iss`, `aud`, `name`, `role`, `videos`, `following`, `member`, `jti`, `iat`.
"""

from __future__ import annotations

import asyncio
import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final, Literal

import jwt
import orjson

from runtime.key_sources import FETCH_LIMIT_S, KeySources
from runtime.settings import HMAC, PREFIX, Settings, SettingsError
from runtime.token_keys import Key
from wire.orders import MAX_USER_ID_CHARACTERS
from wire.problem import Refused
from wire.text import turns_what_is_outside

MAX_TOKEN_BYTES: Final = 8 * 1024
MAX_CACHED_TOKENS: Final = 20_000
MAX_CACHED_TOKEN_BYTES: Final = 2 * 1024  # larger ones name many videos or users: they are verified each time
MAX_FOLLOWING: Final = 1_000
MAX_WAITING: Final = 1_000  # requests whose token names an unknown key, while the issuer is asked for it

Role = Literal["viewer", "moderator", "host"]

# RFC 8725, section 3.11: an access token (RFC 9068), or one that does not say; not a logout token, nor another kind.
_TYPES: Final = ("jwt", "at+jwt")
# What would have us fetch or believe a key of the token's own choice, or not know what else the token means.
_REFUSED_HEADERS: Final = frozenset({"crit", "jku", "x5u", "jwk", "x5c", "b64", "zip", "enc", "cty"})
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_SUBJECT = re.compile(rf"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{MAX_USER_ID_CHARACTERS}}}")


def is_user_id(text: str) -> bool:
    """Return whether a text may be a user id, or a user's name: 1 to 128 characters without controls.

    Nor may it turn what stands beside it (`wire.text`).
    """
    return _SUBJECT.fullmatch(text) is not None and not turns_what_is_outside(text)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a valid token names. `videos` None means all. `expires_at` is in seconds since 1970."""

    user_id: str
    expires_at: float
    name: str | None = None
    role: Role = "viewer"
    videos: frozenset[str] | None = None
    following: frozenset[str] = frozenset()
    member: bool = False
    token_id: str | None = None  # `jti`
    issued_at: float | None = None  # `iat`
    key: Key | None = field(default=None, repr=False, compare=False)  # that it is signed with

    def check_video(self, video: str) -> None:
        """Raise `Refused` (`wrong_video`) when the token is not good for this video."""
        if self.videos is not None and video not in self.videos and "*" not in self.videos:
            raise Refused("wrong_video")

    def role_on(self, video: str) -> Role:
        """Return the role on a video: more than `viewer` only where the token lists the video, or '*'."""
        if self.videos is not None and (video in self.videos or "*" in self.videos):
            return self.role
        return "viewer"

    def is_member_on(self, video: str) -> bool:
        """Return whether it is a member's token on a video: only where it lists the video, or '*'."""
        return self.member and self.videos is not None and (video in self.videos or "*" in self.videos)


class UnknownKeyError(Refused):
    """A token names a key that the issuer may have published by now: worth one more look, once `read` is done.

    To a client it is what every other defect is (`no_token`), or `unavailable` where no key of the issuer's is known
    yet: also when the second look finds that they are being read once more.
    """

    def __init__(self, read: Future[None], code: str) -> None:
        super().__init__(code)
        self.read = read

    async def wait(self) -> None:
        """Return when the issuer's keys have been read, or could not be."""
        await asyncio.wait({asyncio.wrap_future(self.read)}, timeout=FETCH_LIMIT_S + 1)


class Tokens:
    """Checks tokens, and remembers the good ones until they expire or a key goes, so that each is verified once.

    Whether one was taken away is no matter of the token's: `runtime.credentials` asks that as well.
    """

    def __init__(self, settings: Settings) -> None:
        """Read the keys. Raises `SettingsError` when they are missing or weak."""
        self._sources = KeySources(settings)
        self._algorithms = frozenset(settings.token_algorithms)
        self._leeway_s = settings.token_leeway_s
        self._issuer = settings.issuer
        self._audience = settings.audience
        self._good: OrderedDict[str, Identity] = OrderedDict()
        self.keys_changed: Callable[[frozenset[Key]], None] = lambda _: None  # told which keys were not withdrawn
        self._awaited: Future[None] | None = None
        self._waiting = 0  # for that

    def look(self) -> None:
        """See whether keys have changed: in a part that holds streams also while nobody brings a token."""
        if self._sources.look(time.monotonic()):
            self._good.clear()  # what a key that is gone had signed must not outlive it
            self.keys_changed(self._sources.not_withdrawn())

    def check(self, token: str) -> Identity:
        """Return whom the token names. Raises `Refused` (`no_token`), the same for every defect.

        Where nobody can say, as the issuer's keys have not been had yet, `Refused` is `unavailable`.
        """
        self.look()
        identity = self._good.get(token)
        if identity is None:
            identity = self._verify(token)
            if len(token) <= MAX_CACHED_TOKEN_BYTES:
                self._good[token] = identity
                if len(self._good) > MAX_CACHED_TOKENS:
                    self._good.popitem(last=False)
        if identity.expires_at + self._leeway_s <= time.time():
            self._good.pop(token, None)
            raise Refused("no_token")
        return identity

    def check_late(self, token: str, late_s: float) -> Identity:
        """Return whom a token names that may have run out, by up to `late_s`: for whoever gives it another one.

        Raises `Refused` as `check` does.
        """
        return self._verify(token, late_s)

    def issue(
        self,
        user_id: str,
        ttl_s: float,
        *,
        name: str | None = None,
        role: str | None = None,
        videos: list[str] | None = None,
        member: bool | None = None,
        token_id: str | None = None,
    ) -> str:
        """Return a token for a user that is good for `ttl_s` seconds. Raises `SettingsError` without a secret.

        `token_id` is the id of the one that it renews: it is revoked with it. By default it has one of its own.
        """
        now_s = time.time()
        claims: dict[str, Any] = {"sub": user_id, "exp": int(now_s + ttl_s), "iat": int(now_s)}
        claims["jti"] = token_hex(8) if token_id is None else token_id
        optional = {
            "name": name,
            "role": role,
            "videos": videos,
            "member": member,
            "iss": self._issuer,
            "aud": self._audience,
        }
        claims.update({claim: value for claim, value in optional.items() if value is not None})
        secret = next((key for key in self._sources.keys.keys if key.algorithm == HMAC), None)
        if secret is None:
            raise SettingsError(f"tokens can only be issued with a secret, and {PREFIX}TOKEN_ALGORITHMS has no {HMAC}")
        headers = {"kid": secret.kid} if secret.kid is not None else None
        return jwt.encode(claims, secret.content, algorithm=HMAC, headers=headers)

    def _verify(self, token: str, late_s: float = 0) -> Identity:
        try:
            algorithm, kid = read_header(token)
            if algorithm not in self._algorithms:
                raise Refused("no_token")
            if not self._sources.keys.fits(algorithm, kid):
                self._ask_again()
                self.look()  # what was being read may have come in this very moment
                if not self._sources.keys.fits(algorithm, kid):
                    raise Refused(self._unknown)
            return self._sources.keys.verify(algorithm, kid, lambda key: self._decode(token, key, late_s))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise Refused("no_token") from None

    def _decode(self, token: str, key: Key, late_s: float) -> Identity:
        """Raises `jwt.PyJWTError` and others for a token that is not good."""
        claims = jwt.decode(
            token,
            key.jwk,
            algorithms=[key.algorithm],
            audience=self._audience,
            issuer=self._issuer,
            leeway=self._leeway_s,
            # `iat` is for revocations alone; a clock that is behind is no reason to refuse a token.
            options={
                "require": ["exp", "sub"],
                "verify_aud": self._audience is not None,
                "verify_iat": False,
                "verify_exp": late_s == 0,
            },
        )
        identity = _identity(claims, key)
        if late_s and identity.expires_at + self._leeway_s + late_s <= time.time():
            raise jwt.ExpiredSignatureError
        return identity

    @property
    def _unknown(self) -> str:
        """The problem of a token whose key is not known."""
        return "unavailable" if self._sources.is_waiting else "no_token"

    def _ask_again(self) -> None:
        """Raise `UnknownKeyError` where it is worth waiting for the issuer's keys."""
        read = self._sources.ask_again(time.monotonic())
        if read is None:
            return
        if read is not self._awaited:
            self._awaited, self._waiting = read, 0
        if self._waiting < MAX_WAITING:
            self._waiting += 1
            raise UnknownKeyError(read, self._unknown)


def read_header(token: str) -> tuple[str, str | None]:
    """Return the algorithm and the key's name that a token gives, before anything else of it is looked at.

    Raises `ValueError` for what no token of ours has: another form than the compact one with its one spelling, more
    bytes than a token needs, a header that brings or names keys, or extends what a token is (RFC 7515, RFC 8725).
    """
    if len(token) > MAX_TOKEN_BYTES or _COMPACT.fullmatch(token) is None:
        raise ValueError("form")
    encoded, payload, signature = token.split(".")
    raw = _decoded(encoded)
    _decoded(payload)
    _decoded(signature)
    header = orjson.loads(raw)
    if not isinstance(header, dict) or header.keys() & _REFUSED_HEADERS:
        raise ValueError("header")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        raise ValueError("typ")
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or (kid is not None and not isinstance(kid, str)):
        raise ValueError("alg, kid")
    return algorithm, kid


def _decoded(part: str) -> bytes:
    """Return what a part says. Raises `ValueError` when it has another spelling, or one character too many."""
    decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if urlsafe_b64encode(decoded).rstrip(b"=").decode() != part:
        raise ValueError("spelling")
    return decoded


def _identity(claims: dict[str, Any], key: Key) -> Identity:
    """Raises `ValueError` for a claim of the wrong form."""
    user_id, name, role = claims["sub"], claims.get("name"), claims.get("role", "viewer")
    videos, following = claims.get("videos"), claims.get("following", [])
    if not isinstance(user_id, str) or not is_user_id(user_id):
        raise ValueError("sub")
    if type(claims["exp"]) not in (int, float):
        raise ValueError("exp")  # PyJWT takes a text of digits, which is no NumericDate (RFC 7519, section 2)
    if name is not None and (not isinstance(name, str) or not is_user_id(name)):
        raise ValueError("name")
    if role not in ("viewer", "moderator", "host"):
        raise ValueError("role")
    token_id, issued_at = claims.get("jti"), claims.get("iat")
    if not isinstance(token_id, str | None) or not isinstance(issued_at, int | float | None):
        raise ValueError("jti, iat")  # noqa: TRY004  a token that is not good
    if claims.get("member", False) not in (True, False):
        raise ValueError("member")
    for ids in (videos if videos is not None else [], following):
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise ValueError("videos, following")
    return Identity(
        user_id=user_id,
        expires_at=float(claims["exp"]),
        name=name,
        role=role,
        videos=frozenset(videos) if videos is not None else None,
        following=frozenset(following[:MAX_FOLLOWING]),
        member=claims.get("member", False) is True,
        token_id=token_id,
        issued_at=issued_at,
        key=key,
    )
