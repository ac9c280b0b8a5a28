"""Control messages: what moderates a video, in the same order as its comments and with numbers of its own.

A control message is stored on the subject of the video's comments. Its header `Kind` says what it is, its payload is a
JSON object, of which every kind has `by` (who did it), `role` (as what) and, if one was given, `reason`. A ban with
`comments` removes all that its user has said on the video before.

| kind | further | what |
|---|---|---|
| `delete` | `commentId`, `userId`, `timestamp` | a comment is removed; the latter two are what its tombstone needs |
| `ban` | `userId`, `untilMs`, `comments` | a user is shut out; for ever where `untilMs` is null |
| `unban` | `userId` | … and let in again |
| `state` | `slowModeS`, `membersOnly`, `paused`, `ended`: those that change | how the video is to be used |
| `words` | `words` | the words that are blocked from now on, in place of those before |
| `revoke` | `what`, `of`, `untilMs` | an operator took tokens away: one (`token`), or a user's (`user`) |
| `lift` | `what`, `of` | … and gave them back |

The last two are about no video, and stand under `wire.subjects.OPERATORS`: for the log alone, for tokens are checked by
what `runtime.revocations` keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from wire import sse
from wire.number import MAX_NUMBER

DELETE: Final = "delete"
BAN: Final = "ban"
UNBAN: Final = "unban"
STATE: Final = "state"
WORDS: Final = "words"
REVOKE: Final = "revoke"
LIFT: Final = "lift"
KINDS: Final = (DELETE, BAN, UNBAN, STATE, WORDS, REVOKE, LIFT)

MODERATORS: Final = ("moderator", "host")  # the roles that may do it; `revoke` and `lift` are for operators

# What `PUT /videos/{video}` sets, and how it is as long as nobody has set it.
STATE_DEFAULTS: Final[dict[str, bool | int]] = {
    "slowModeS": 0,
    "membersOnly": False,
    "paused": False,
    "ended": False,
}


@dataclass(frozen=True, slots=True)
class Control:
    """A control message as it was stored."""

    number: int
    posted_ms: int
    kind: str
    detail: dict[str, Any]

    @property
    def by(self) -> str:
        """Return the user id of the one who did it."""
        return str(self.detail["by"])


@dataclass(frozen=True, slots=True)
class Actor:
    """Who moderates, as what, and why."""

    user_id: str
    role: str
    reason: str | None = None


def encode_control(actor: Actor, what: dict[str, Any]) -> bytes:
    """Return the payload of a control message. It is one line: JSON escapes every line break."""
    detail = {**what, "by": actor.user_id, "role": actor.role}
    if actor.reason is not None:
        detail["reason"] = actor.reason
    return orjson.dumps(detail)


def decode_control(number: int, posted_ms: int, kind: str, payload: bytes | str) -> Control:
    """Return a control message. Raises `ValueError` for a kind that this version does not know, and for nonsense."""
    detail = orjson.loads(payload)
    if not isinstance(detail, dict) or not _is_sound(kind, detail):
        raise ValueError(f"not a control message of the kind {kind!r}")
    return Control(number, posted_ms, kind, detail)


def control_event(control: Control) -> bytes:
    """Return the event that viewers get; empty for what is nobody's business but the moderators'."""
    detail = control.detail
    match control.kind:
        case "delete":
            return sse.named_event("delete", {"commentId": detail["commentId"]}, control.number)
        case "ban" if detail["comments"]:
            return sse.named_event("delete", {"userId": detail["userId"]}, control.number)
        case "state":
            changed = {name: detail[name] for name in STATE_DEFAULTS if name in detail}
            return sse.named_event("state", changed, control.number)
        case _:
            return b""


def _is_sound(kind: str, detail: dict[str, Any]) -> bool:
    """Return whether it has all that is ever read of it, and of the right types."""
    is_said = isinstance(detail.get("by"), str) and isinstance(detail.get("role", ""), str)
    if not is_said or not isinstance(detail.get("reason", ""), str):
        return False
    match kind:
        case "delete":
            number = detail.get("commentId")
            is_number = isinstance(number, str) and number.isascii() and number.isdigit() and len(number) <= 16
            is_of = isinstance(detail.get("userId", ""), str) and _is_time(detail.get("timestamp"))
            return is_number and 0 < int(number or 0) <= MAX_NUMBER and is_of
        case "ban":
            is_until = "untilMs" in detail and (detail["untilMs"] is None or _is_time(detail["untilMs"]))
            return isinstance(detail.get("userId"), str) and is_until and isinstance(detail.get("comments"), bool)
        case "unban":
            return isinstance(detail.get("userId"), str)
        case "state":
            return all(type(detail.get(name, value)) is type(value) for name, value in STATE_DEFAULTS.items())
        case "words":
            words = detail.get("words")
            return isinstance(words, list) and all(isinstance(word, str) for word in words)
        case "revoke" | "lift":
            return detail.get("what") in ("token", "user") and isinstance(detail.get("of"), str)
        case _:
            return False


def _is_time(value: object) -> bool:
    """Whether it is a time in milliseconds that JavaScript can hold, too."""
    return type(value) is int and 0 <= value <= MAX_NUMBER
