"""What moderators may ask for: the bodies of `PUT /videos/{video}` and of what lies below it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

from wire.control import STATE_DEFAULTS
from wire.number import MAX_NUMBER
from wire.problem import Refused

MAX_REASON_CHARACTERS: Final = 200
MAX_BAN_S: Final = 10 * 365 * 24 * 3600
MAX_SLOW_MODE_S: Final = 3600
MAX_WORDS: Final = 500
MAX_WORD_CHARACTERS: Final = 64
MAX_USER_ID_CHARACTERS: Final = 128

_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class BanOrder:
    """Shut a user out, `for_s` seconds long or for ever (None), and with all earlier comments if `comments`."""

    for_s: int | None = None
    comments: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StateOrder:
    """Set these fields of a video's state; the others stay as they are."""

    changed: dict[str, bool | int]
    reason: str | None = None


def parse_comment_id(text: str) -> int:
    """Return the number of a comment. Raises `Refused` (`no_comment`) for what no comment can have."""
    if _NUMBER.fullmatch(text) and int(text) <= MAX_NUMBER:
        return int(text)
    raise Refused("no_comment")


def parse_user_id(text: str) -> str:
    """Return a user's id out of an address. Raises `Refused` (`bad_user`)."""
    if not 1 <= len(text) <= MAX_USER_ID_CHARACTERS or _CONTROLS.search(text):
        raise Refused("bad_user")
    return text


def parse_ban(body: bytes) -> BanOrder:
    """Return what the body of a ban asks for; an empty one asks for one without an end. Raises `Refused`: `bad_ban`."""
    document = _document(body, "bad_ban", {"forS", "comments", "reason"})
    for_s, comments = document.get("forS"), document.get("comments", False)
    if for_s is not None and (type(for_s) is not int or not 1 <= for_s <= MAX_BAN_S):
        raise Refused("bad_ban")
    if not isinstance(comments, bool):
        raise Refused("bad_ban")
    return BanOrder(for_s, comments, _reason(document, "bad_ban"))


def parse_state(body: bytes) -> StateOrder:
    """Return what the body of `PUT /videos/{video}` asks for. Raises `Refused` (`bad_state`)."""
    document = _document(body, "bad_state", {*STATE_DEFAULTS, "reason"})
    changed = {name: document[name] for name in STATE_DEFAULTS if name in document}
    if not changed or any(type(value) is not type(STATE_DEFAULTS[name]) for name, value in changed.items()):
        raise Refused("bad_state")
    if not 0 <= changed.get("slowModeS", 0) <= MAX_SLOW_MODE_S:
        raise Refused("bad_state")
    return StateOrder(changed, _reason(document, "bad_state"))


def parse_words(body: bytes) -> tuple[list[str], str | None]:
    """Return the words to block from now on, and the reason if one is given. Raises `Refused` (`bad_words`)."""
    document = _document(body, "bad_words", {"words", "reason"})
    words = document.get("words")
    if not isinstance(words, list) or len(words) > MAX_WORDS:
        raise Refused("bad_words")
    for word in words:
        if not isinstance(word, str) or not 1 <= len(word.strip()) <= MAX_WORD_CHARACTERS or _CONTROLS.search(word):
            raise Refused("bad_words")
    return list(dict.fromkeys(word.strip() for word in words)), _reason(document, "bad_words")


def parse_revocation(body: bytes, max_s: int) -> tuple[int | None, str | None]:
    """Return how long the body of a revocation asks for, if it does, and why. Raises `Refused` (`bad_revocation`)."""
    document = _document(body, "bad_revocation", {"forS", "reason"})
    for_s = document.get("forS")
    if for_s is not None and (type(for_s) is not int or not 1 <= for_s <= max_s):
        raise Refused("bad_revocation")
    return for_s, _reason(document, "bad_revocation")


def parse_reason(body: bytes) -> str | None:
    """Return the reason out of a body that holds nothing else, or nothing at all. Raises `Refused` (`bad_reason`)."""
    return _reason(_document(body, "bad_reason", {"reason"}), "bad_reason")


def _document(body: bytes, code: str, names: set[str]) -> dict[str, Any]:
    """Return the object that a body holds, an empty one for none. A name that means nothing is refused."""
    if not body.strip():
        return {}
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("not_json") from None
    if not isinstance(document, dict) or document.keys() - names:
        raise Refused(code)
    return document


def _reason(document: dict[str, Any], code: str) -> str | None:
    reason = document.get("reason")
    if reason is None:
        return None
    if not isinstance(reason, str) or len(reason) > MAX_REASON_CHARACTERS or _CONTROLS.search(reason):
        raise Refused(code)
    return reason.strip() or None
