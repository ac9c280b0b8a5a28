"""Which token a request carries, and whether it may.

A token travels in `Authorization: Bearer` (which wins) or in the cookie `livecomments_token`; never in a query string
(RFC 9700, section 4.3.2). A cookie comes along with requests that other sites' pages make, so with it an unsafe method
needs an `Origin` from the list, and a safe one is refused when the browser says that it comes from another site.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from runtime.metrics import REVOCATIONS_UNKNOWN
from runtime.settings import Settings
from runtime.tokens import Identity, Tokens
from wire.problem import Refused

COOKIE = "livecomments_token"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Fields(Protocol):
    """The headers or the cookies of a request, of whichever library. Headers are asked for in lower case."""

    def get(self, key: str, /) -> str | None:
        """Return a field's value, None when the request has none."""


def nobody_can_say(_: Identity) -> bool:
    """Raise `Refused` (`unavailable`): which tokens were revoked is not known yet."""
    raise Refused("unavailable")


class Credentials:
    """Finds out who makes a request.

    `is_revoked` is what `runtime.revocations` says of whoever a token names. A part sets it once it hears of
    revocations; until then nobody who brings a token is let in, for it may be one that was taken away.
    """

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        self._origins = frozenset(settings.origins)
        self._public_read = settings.public_read
        self._tokens = tokens
        self.is_revoked: Callable[[Identity], bool] = nobody_can_say
        REVOCATIONS_UNKNOWN.set(1)

    def speaker(self, method: str, headers: Fields, cookies: Fields, video: str) -> Identity:
        """Return who wants to change something on a video.

        Raises `Refused`: `no_token`, `wrong_video`, `foreign_origin`.
        """
        identity = self._identity(method, headers, cookies)
        if identity is None:
            raise Refused("no_token")
        identity.check_video(video)
        return identity

    def operator(self, method: str, headers: Fields, cookies: Fields) -> Identity:
        """Return who wants to change what belongs to no video. Raises `Refused`: `no_token`, `foreign_origin`."""
        identity = self._identity(method, headers, cookies)
        if identity is None:
            raise Refused("no_token")
        return identity

    def reader(self, method: str, headers: Fields, cookies: Fields, video: str) -> Identity | None:
        """Return who wants to read a video; None for nobody in particular where reading is public.

        A token that is sent is always checked: a bad one is never turned into an anonymous reader.
        Raises `Refused`: `no_token`, `wrong_video`, `foreign_origin`.
        """
        identity = self._identity(method, headers, cookies)
        if identity is None:
            if not self._public_read:
                raise Refused("no_token")
            return None
        identity.check_video(video)
        return identity

    def former(self, authorization: str, late_s: float) -> Identity:
        """Return whom a token names that may have run out, by up to `late_s`: for whoever gives it another one.

        Raises `Refused`: `no_token`; `unavailable` where nobody can say.
        """
        identity = self._tokens.check_late(_bearer(authorization), late_s)
        if self.is_revoked(identity):
            raise Refused("no_token")
        return identity

    def _identity(self, method: str, headers: Fields, cookies: Fields) -> Identity | None:
        authorization = headers.get("authorization")
        if authorization is not None:
            token = _bearer(authorization)
        else:
            cookie = cookies.get(COOKIE)
            if cookie is None:
                return None
            self._check_origin(method, headers)
            token = cookie
        identity = self._tokens.check(token)
        if self.is_revoked(identity):
            raise Refused("no_token")
        return identity

    def _check_origin(self, method: str, headers: Fields) -> None:
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins:
            raise Refused("foreign_origin")
        if method in _SAFE_METHODS:
            if headers.get("sec-fetch-site") == "cross-site" and origin is None:
                raise Refused("foreign_origin")
        elif origin is None:
            raise Refused("foreign_origin")


def _bearer(authorization: str) -> str:
    """Return the token of an `Authorization` (RFC 6750). Raises `Refused` (`no_token`) for another scheme."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Refused("no_token")
    return token.strip()
