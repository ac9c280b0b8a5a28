"""Who is speaking: JSON Web Tokens (RFC 7519, handled as RFC 8725 says), issued and checked.

Claims: `sub` and `exp` (both required), `iss`, `aud`, `name`, `role`, `videos`, `following`.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final, Literal

import jwt

from runtime.settings import MIN_SECRET_BYTES, Settings, SettingsError
from wire.problem import Refused

ALGORITHM: Final = "HS256"
LEEWAY_S: Final = 10
MAX_TOKEN_BYTES: Final = 8 * 1024
MAX_CACHED_TOKENS: Final = 20_000
MAX_CACHED_TOKEN_BYTES: Final = 2 * 1024  # larger ones name many videos or users: they are verified each time
MAX_FOLLOWING: Final = 1_000
MAX_USER_ID_CHARACTERS: Final = 128

Role = Literal["viewer", "moderator", "host"]

_SUBJECT = re.compile(rf"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{MAX_USER_ID_CHARACTERS}}}")


def is_user_id(text: str) -> bool:
    """Return whether a text may be a user id, or a user's name: 1 to 128 characters without controls."""
    return _SUBJECT.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a valid token names. `videos` None means all. `expires_at` is in seconds since 1970."""

    user_id: str
    expires_at: float
    name: str | None = None
    role: Role = "viewer"
    videos: frozenset[str] | None = None
    following: frozenset[str] = frozenset()

    def check_video(self, video: str) -> None:
        """Raise `Refused` (`wrong_video`) when the token is not good for this video."""
        if self.videos is not None and video not in self.videos and "*" not in self.videos:
            raise Refused("wrong_video")

    def role_on(self, video: str) -> Role:
        """Return the role on a video: more than `viewer` only where the token lists the video, or '*'."""
        if self.videos is not None and (video in self.videos or "*" in self.videos):
            return self.role
        return "viewer"


class Tokens:
    """Checks tokens, and remembers the good ones until they expire, so that each is verified once."""

    def __init__(self, settings: Settings) -> None:
        """Read the secret. Raises `SettingsError` when it is missing or weak."""
        secret = settings.secret("token_secret_file")
        if secret is None:
            raise SettingsError("LIVECOMMENTS_TOKEN_SECRET_FILE is not set: name a file with a secret of 32 bytes")
        if len(secret.encode()) < MIN_SECRET_BYTES:
            raise SettingsError(f"LIVECOMMENTS_TOKEN_SECRET_FILE: the secret is shorter than {MIN_SECRET_BYTES} bytes")
        self._secret = secret
        self._issuer = settings.issuer
        self._audience = settings.audience
        self._good: OrderedDict[str, Identity] = OrderedDict()

    def check(self, token: str) -> Identity:
        """Return whom the token names. Raises `Refused` (`no_token`), the same for every defect."""
        identity = self._good.get(token)
        if identity is None:
            identity = self._verify(token)
            if len(token) <= MAX_CACHED_TOKEN_BYTES:
                self._good[token] = identity
                if len(self._good) > MAX_CACHED_TOKENS:
                    self._good.popitem(last=False)
        if identity.expires_at + LEEWAY_S <= time.time():
            self._good.pop(token, None)
            raise Refused("no_token")
        return identity

    def issue(
        self,
        user_id: str,
        ttl_s: float,
        *,
        name: str | None = None,
        role: str | None = None,
        videos: list[str] | None = None,
    ) -> str:
        """Return a token for a user that is good for `ttl_s` seconds."""
        claims: dict[str, Any] = {"sub": user_id, "exp": int(time.time() + ttl_s)}
        optional = {"name": name, "role": role, "videos": videos, "iss": self._issuer, "aud": self._audience}
        claims.update({claim: value for claim, value in optional.items() if value is not None})
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM)

    def _verify(self, token: str) -> Identity:
        if len(token) > MAX_TOKEN_BYTES:
            raise Refused("no_token")
        try:
            header = jwt.get_unverified_header(token)
            if header.keys() & {"crit", "jku", "x5u", "jwk", "x5c"}:
                raise Refused("no_token")
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "sub"], "verify_aud": self._audience is not None},
            )
            return _identity(claims)
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError):
            raise Refused("no_token") from None


def _identity(claims: dict[str, Any]) -> Identity:
    """Raises `ValueError` for a claim of the wrong form."""
    user_id, name, role = claims["sub"], claims.get("name"), claims.get("role", "viewer")
    videos, following = claims.get("videos"), claims.get("following", [])
    if not isinstance(user_id, str) or not is_user_id(user_id):
        raise ValueError("sub")
    if name is not None and (not isinstance(name, str) or not is_user_id(name)):
        raise ValueError("name")
    if role not in ("viewer", "moderator", "host"):
        raise ValueError("role")
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
    )
