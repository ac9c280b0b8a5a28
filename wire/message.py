"""Which texts may be said. The rules of `POST /comments/{video}`."""

from __future__ import annotations

import re

import orjson

from wire.problem import Refused
from wire.text import can_be_seen, has_a_pile_of_marks, turns_what_is_outside

MAX_CODE_POINTS = 500
MAX_BODY_BYTES = 8 * 1024
MAX_KEY_CHARACTERS = 64

# C0 controls but TAB and LF, DEL, C1 controls, and surrogates, which the JSON parser does not let through anyway.
_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_KEY = re.compile(r"[\x20-\x7e]{1,64}", re.ASCII)


def parse_body(body: bytes) -> str:
    """Return the text of a POST's body, white space at its ends removed.

    Raises `Refused`: `not_json`, `message_missing`, and what `check_message` raises.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        # orjson follows RFC 8259 to the letter: broken UTF-8, unpaired surrogates, NaN and a BOM are all refused.
        raise Refused("not_json") from None
    message = document.get("message") if isinstance(document, dict) else None
    if not isinstance(message, str):
        raise Refused("message_missing")
    return check_message(message)


def check_message(message: str) -> str:
    """Return the text as it is counted and stored: white space at its ends removed, otherwise exactly as sent.

    Raises `Refused`: `message_characters`, `message_blank`, `message_too_long`, `message_direction`, `message_marks`.
    """
    # What Python calls printable has no controls, of direction or others, and no surrogates: most texts are.
    is_printable = message.isprintable()
    if not is_printable and _REFUSED.search(message):
        raise Refused("message_characters")
    text = message.strip()
    if not can_be_seen(text):
        raise Refused("message_blank")
    if len(text) > MAX_CODE_POINTS:
        raise Refused("message_too_long")
    if not is_printable and turns_what_is_outside(text):
        raise Refused("message_direction")
    if has_a_pile_of_marks(text):
        raise Refused("message_marks")
    return text


def check_key(key: str | None) -> str | None:
    """Return the Idempotency-Key when it may be one. Raises `Refused` (`bad_key`) otherwise."""
    if key is not None and not _KEY.fullmatch(key):
        raise Refused("bad_key")
    return key
