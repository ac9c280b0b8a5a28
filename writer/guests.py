"""Guests: a token for anybody who names himself, so that the first page works without accounts. Off by default."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final

import orjson

from runtime.credentials import Credentials
from runtime.tokens import Identity, Tokens
from wire.problem import Refused
from wire.text import can_be_seen, has_a_pile_of_marks, turns_what_is_outside
from writer.metrics import GUESTS

GUEST_TTL_S: Final = 12 * 3600
LATE_S: Final = 24 * 3600  # for so long after its end a token still says who a guest is: a laptop was closed overnight
HEARD_S: Final = 60  # by then every writer that renews tokens has heard of a revocation, or renews none
# For so long a token that is revoked now, or one that a writer renews before it hears of that, can be renewed: a
# revocation that ended before that would leave its user a way back.
RENEWABLE_S: Final = GUEST_TTL_S + LATE_S + HEARD_S
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


def welcome(tokens: Tokens, name: str) -> Guest:
    """Return a new guest.

    The user id is random: a name is nobody's own, and two guests of one name are two users.
    """
    GUESTS.inc()
    return _guest(tokens, USER_ID_PREFIX + secrets.token_urlsafe(_USER_ID_BYTES), name, None)


def welcome_back(tokens: Tokens, name: str, former: Identity) -> Guest:
    """Return the guest that a former token names, under the name that he has now.

    He stays the same user, so a ban stays one, too; and his token keeps its id, so that the revocation of one is that
    of all that came of it.
    """
    return _guest(tokens, former.user_id, name, former.token_id)


def former_guest(credentials: Credentials, authorization: str) -> Identity:
    """Return the guest whose token this is. Raises `Refused`: `no_token` for a token that is no guest's, or revoked."""
    former = credentials.former(authorization, LATE_S)
    if not former.user_id.startswith(USER_ID_PREFIX):
        raise Refused("no_token")
    return former


def _guest(tokens: Tokens, user_id: str, name: str, token_id: str | None) -> Guest:
    return Guest(tokens.issue(user_id, GUEST_TTL_S, name=name, token_id=token_id), user_id, name, GUEST_TTL_S)


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
