"""What moderators have decided on a video: who is banned, what was removed, how it may be used. Pure.

The state is made of control messages alone, and every piece of it carries the number of the message that it comes from.
Of two states of a video the newer pieces make up the newer state, so it does not matter in which order, how often, or
from where the pieces come: `merge` is commutative, associative and idempotent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeVar

import orjson

from wire.control import BAN, DELETE, STATE, STATE_DEFAULTS, UNBAN, WORDS, Control

REMEMBER_MS: Final = 24 * 3600 * 1000  # what is over is forgotten after that
REMEMBER_REMOVALS_MS: Final = 7 * 24 * 3600 * 1000  # … and removals after that: Postgres may be away for so long
REMEMBER_ARCHIVED_MS: Final = 600 * 1000  # … those of comments that are in the archive, and on its replicas, after that
MAX_REMOVED: Final = 5_000  # removed comments that are remembered
MAX_REMOVED_USERS: Final = 5_000  # … and users whose comments are
MAX_BANS: Final = 5_000  # of one video
MAX_STATE_BYTES: Final = 512 * 1024  # of the whole, written as JSON
LIFTED: Final = 0  # a ban until 1970

_VERSION: Final = 1


class Setting(NamedTuple):
    """One field of the state, as the message `number` has set it."""

    number: int
    value: Any


class Ban(NamedTuple):
    """A user is shut out until a time in milliseconds since 1970; for ever where that is None."""

    number: int
    until_ms: int | None
    posted_ms: int
    by: str
    role: str
    reason: str | None = None


class Removal(NamedTuple):
    """The message `number` removed a comment, or all comments of a user that came before it."""

    number: int
    posted_ms: int


_Entry = TypeVar("_Entry", Setting, Ban, Removal)


@dataclass(frozen=True, slots=True)
class VideoState:
    """A video's state. `number` is the highest of the control messages that it is made of, 0 for none."""

    number: int = 0
    settings: Mapping[str, Setting] = field(default_factory=dict)
    bans: Mapping[str, Ban] = field(default_factory=dict)
    removed: Mapping[int, Removal] = field(default_factory=dict)
    removed_users: Mapping[str, Removal] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """Return how many things it holds, each of about 200 bytes of memory."""
        return len(self.bans) + len(self.removed) + len(self.removed_users) + len(self.blocked_words)

    @property
    def hides_any(self) -> bool:
        """Whether any comment is known to be removed."""
        return bool(self.removed or self.removed_users)

    def hides(self, number: int, user_id: str | None) -> bool:
        """Return whether the comment `number` of a user was removed."""
        if number in self.removed:
            return True
        removal = self.removed_users.get(user_id) if user_id is not None else None
        return removal is not None and number < removal.number

    def ban_of(self, user_id: str, role: str, now_ms: int) -> Ban | None:
        """Return the ban that shuts a user out now, None for none.

        `role` is the user's own on this video: nobody shuts out a host, and only a host a moderator.
        """
        ban = self.bans.get(user_id)
        if ban is None or (ban.until_ms is not None and ban.until_ms <= now_ms):
            return None
        if role == "host" or (role == "moderator" and ban.role != "host"):
            return None
        return ban

    def setting(self, name: str) -> Any:
        """Return how a field of `STATE_DEFAULTS` is set."""
        held = self.settings.get(name)
        return STATE_DEFAULTS[name] if held is None else held.value

    @property
    def blocked_words(self) -> tuple[str, ...]:
        """Return the words that are blocked."""
        held = self.settings.get(WORDS)
        return () if held is None else tuple(held.value)

    def told(self) -> dict[str, bool | int]:
        """Return all that everybody may know."""
        return {name: self.setting(name) for name in STATE_DEFAULTS}

    def unusual(self) -> dict[str, bool | int]:
        """Return that of it which is not as it is without moderators."""
        return {name: value for name, value in self.told().items() if value != STATE_DEFAULTS[name]}

    def merge(self, other: VideoState) -> VideoState:
        """Return the state that is made of both; this very one where the other has nothing newer."""
        if other is self or not (other.number or other.removed):
            return self
        settings, bans = _newer(self.settings, other.settings), _newer(self.bans, other.bans)
        removed = _newer(self.removed, other.removed)
        removed_users = _newer(self.removed_users, other.removed_users)
        number = max(self.number, other.number)
        parts = (settings, bans, removed, removed_users)
        if number == self.number and parts == (self.settings, self.bans, self.removed, self.removed_users):
            return self
        return VideoState(number, settings, bans, removed, removed_users)

    def forget(self, now_ms: int, archived: int = 0) -> VideoState:
        """Return the state without what is over for long, and without the oldest of what is too much.

        Messages up to the number `archived` are known to be in the archive.
        """
        since_ms, archived_ms = now_ms - REMEMBER_REMOVALS_MS, now_ms - REMEMBER_ARCHIVED_MS
        bans = {user: ban for user, ban in self.bans.items() if not _is_over(ban, now_ms - REMEMBER_MS)}
        removed: Mapping[int, Removal] = {
            number: one
            for number, one in self.removed.items()
            if one.posted_ms > (archived_ms if one.number <= archived else since_ms)
        }
        users: Mapping[str, Removal] = {
            user: one for user, one in self.removed_users.items() if one.posted_ms > since_ms
        }
        removed, users = _newest(removed, MAX_REMOVED), _newest(users, MAX_REMOVED_USERS)
        if (len(bans), len(removed), len(users)) == (len(self.bans), len(self.removed), len(self.removed_users)):
            return self
        return replace(self, bans=bans, removed=removed, removed_users=users)

    def fitting(self, max_bytes: int) -> VideoState:
        """Return the state without as many of the oldest removals as have to go for it to be no longer than that.

        The oldest are the ones that everybody has done long ago. Bans and settings stay, whatever they take.
        """
        state = self
        while state.hides_any and len(state.encode()) > max_bytes:
            state = replace(
                state,
                removed=_newest(state.removed, len(state.removed) // 2),
                removed_users=_newest(state.removed_users, len(state.removed_users) // 2),
            )
        return state

    def ends_ms(self, now_ms: int) -> int | None:
        """Return from when on nothing of it matters to anybody, in milliseconds; None for never."""
        if any(ban.until_ms is None for ban in self.bans.values()):
            return None
        if any(one.value != STATE_DEFAULTS.get(name, []) for name, one in self.settings.items()):
            return None
        removals = [*self.removed.values(), *self.removed_users.values()]
        return max(
            now_ms + REMEMBER_MS,
            *(max(ban.until_ms or 0, ban.posted_ms) + REMEMBER_MS for ban in self.bans.values()),
            *(one.posted_ms + REMEMBER_REMOVALS_MS for one in removals),
            0,
        )

    def encode(self) -> bytes:
        """Return it as JSON."""
        return orjson.dumps(
            {
                "v": _VERSION,
                "number": self.number,
                "settings": self.settings,
                "bans": self.bans,
                "removed": {str(number): one for number, one in self.removed.items()},
                "removedUsers": self.removed_users,
            },
            default=tuple,  # orjson writes tuples, and not those with names
        )


NOTHING: Final = VideoState()


def decode_state(data: bytes) -> VideoState:
    """Return what `VideoState.encode` wrote. Raises `ValueError`.

    What a later version adds to the end of an entry is passed over, so that versions can run beside each other.
    """
    document = orjson.loads(data)
    try:
        number = document["number"]
        state = VideoState(
            number,
            {name: _entry(Setting, one) for name, one in document["settings"].items()},
            {user: _entry(Ban, one) for user, one in document["bans"].items()},
            {int(number): _entry(Removal, one) for number, one in document["removed"].items()},
            {user: _entry(Removal, one) for user, one in document["removedUsers"].items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not the state of a video") from error
    if type(number) is not int or not all(_fits(name, one.value) for name, one in state.settings.items()):
        raise ValueError("not the state of a video")
    return state


# What stands in an entry, in order: what is read is compared and sent, so it must be what it should be.
_TYPES: Final[dict[type, tuple[tuple[type, ...], ...]]] = {
    Setting: ((int,),),
    Ban: ((int,), (int, type(None)), (int,), (str,), (str,), (str, type(None))),
    Removal: ((int,), (int,)),
}


def _entry(what: type[_Entry], one: Any) -> _Entry:
    """Return an entry. Raises `TypeError`."""
    checked = zip(one, _TYPES[what], strict=False)
    if type(one) is not list or any(type(value) not in allowed for value, allowed in checked):
        raise TypeError(what.__name__)
    return what(*one[: len(what._fields)])


def _fits(name: str, value: Any) -> bool:
    """Whether a setting has a value of its kind; one that this version does not know is kept as it is."""
    if name == WORDS:
        return isinstance(value, list) and all(isinstance(word, str) for word in value)
    return name not in STATE_DEFAULTS or type(value) is type(STATE_DEFAULTS[name])


def state_of(control: Control) -> VideoState:
    """Return the state that a single control message makes."""
    detail, number = control.detail, control.number
    removal = Removal(number, control.posted_ms)
    match control.kind:
        case kind if kind == DELETE:
            return VideoState(number, removed={int(detail["commentId"]): removal})
        case kind if kind in (BAN, UNBAN):
            until_ms = detail["untilMs"] if kind == BAN else LIFTED
            role, reason = str(detail.get("role", "moderator")), detail.get("reason")
            ban = Ban(number, until_ms, control.posted_ms, control.by, role, reason)
            user = detail["userId"]
            return VideoState(number, bans={user: ban}, removed_users={user: removal} if detail.get("comments") else {})
        case kind if kind == WORDS:
            return VideoState(number, settings={WORDS: Setting(number, list(detail["words"]))})
        case kind if kind == STATE:
            changed = {name: Setting(number, detail[name]) for name in STATE_DEFAULTS if name in detail}
            return VideoState(number, settings=changed)
        case _:
            return NOTHING


def _is_over(ban: Ban, since_ms: int) -> bool:
    """Whether a ban has ended, and was ordered, before a time."""
    return ban.until_ms is not None and ban.until_ms <= since_ms and ban.posted_ms <= since_ms


_Key = TypeVar("_Key", int, str)


def _newest(removals: Mapping[_Key, Removal], count: int) -> Mapping[_Key, Removal]:
    """Return the removals without the oldest of what is too much."""
    if len(removals) <= count:
        return removals
    ordered = sorted(removals.items(), key=lambda one: one[1].number)
    return dict(ordered[len(ordered) - count :])


def _newer(these: Mapping[_Key, _Entry], those: Mapping[_Key, _Entry]) -> Mapping[_Key, _Entry]:
    """Return the entries of both; of two with one key the one with the higher number."""
    newer = {key: entry for key, entry in those.items() if key not in these or entry.number > these[key].number}
    return {**these, **newer} if newer else these
