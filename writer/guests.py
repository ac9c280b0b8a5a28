"""Guests: a token for anybody who names himself, so that the first page works without accounts. Off by default."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final

import orjson

from runtime.tokens import Tokens
from wire.problem import Refused
from wire.text import can_be_seen, has_a_pile_of_marks, turns_what_is_outside
from writer.metrics import GUESTS

GUEST_TTL_S: Final = 12 * 3600
LATE_S: Final = 24 * 3600  # for so long after its end a token still says who a guest is: a laptop was closed overnight
MAX_NAME_CHARACTERS: Final = 40
USER_ID_PREFIX: Final = "guest-"

_USER_ID_BYTES: Final = 9
_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest and the token to speak with, good for `expires_in_s` seconds."""

    token: str
    user_id: str
    name: str
    expires_in_s: int

    def body(self) -> bytes:
        """Return the answer's body."""
        return orjson.dumps(
            {"token": self.token, "userId": self.user_id, "name": self.name, "expiresInS": self.expires_in_s}
        )


def welcome(tokens: Tokens, body: bytes, authorization: str | None = None) -> Guest:
    """Return a guest with the name that the body `{"name": string}` asks for.

    The user id is random: a name is nobody's own, and two guests of one name are two users. Who has been a guest before
    and sends that token along stays the same user, so a ban stays one, too.
    Raises `Refused`: `not_json`, `bad_name`; `no_token` for a token that is no guest's.
    """
    name = parse_name(body)
    user_id = _known(tokens, authorization) if authorization else None
    if user_id is None:
        user_id = USER_ID_PREFIX + secrets.token_urlsafe(_USER_ID_BYTES)
        GUESTS.inc()
    token = tokens.issue(user_id, GUEST_TTL_S, name=name)
    return Guest(token, user_id, name, GUEST_TTL_S)


def _known(tokens: Tokens, authorization: str) -> str:
    """Return the user id of the guest whose token this is. Raises `Refused` (`no_token`)."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Refused("no_token")
    user_id = tokens.check_late(token.strip(), LATE_S).user_id
    if not user_id.startswith(USER_ID_PREFIX):
        raise Refused("no_token")
    return user_id


def parse_name(body: bytes) -> str:
    """Return the name, white space at its ends removed. Raises `Refused`: `not_json`, `bad_name`."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("not_json") from None
    name = document.get("name") if isinstance(document, dict) else None
    if not isinstance(name, str):
        raise Refused("bad_name")
    name = name.strip()
    if not can_be_seen(name) or len(name) > MAX_NAME_CHARACTERS or _REFUSED.search(name):
        raise Refused("bad_name")
    if turns_what_is_outside(name) or has_a_pile_of_marks(name):
        raise Refused("bad_name")
    return name
