"""What moderators have decided of a video, held against a comment: bans, pause, end, members, slow mode, words.

A writer goes by the state as it is told of it (`runtime/video_states.py`). A comment that comes through another writer
than the ban is refused some milliseconds later there.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from runtime.jetstream import StoreError
from runtime.tokens import Identity, Role
from runtime.video_states import VideoStates
from wire.blocked_words import BlockedWords, blocked_words
from wire.control import MODERATORS
from wire.problem import Refused
from wire.video_state import VideoState
from writer.classifier import Classifier
from writer.metrics import REFUSED_BY_RULE
from writer.rates import S_TO_NS

ASK_AGAIN_S: Final = 0.25
MAX_WAITING: Final = 4_096  # POSTs to videos whose state is being read
MAX_REMEMBERED: Final = 100_000  # users on videos in slow mode; beyond that the one longest silent may speak at once
MAX_READY: Final = 10_000  # videos whose rules are kept ready; those of others are made ready again


@dataclass(frozen=True, slots=True)
class Rules:
    """A state with something in it, made ready for the thousands of comments that are held against it."""

    state: VideoState
    ended: bool
    paused: bool
    members_only: bool
    slow_ns: int
    words: BlockedWords | None

    @classmethod
    def of(cls, state: VideoState) -> Rules:
        """Return the rules that a state makes."""
        words = state.blocked_words
        return cls(
            state,
            ended=state.setting("ended"),
            paused=state.setting("paused"),
            members_only=state.setting("membersOnly"),
            slow_ns=state.setting("slowModeS") * S_TO_NS,
            words=blocked_words(words) if words else None,
        )


class HouseRules:
    """Holds comments to the rules of their videos. Slow mode counts in this writer, to which a video's posts come."""

    def __init__(self, states: VideoStates, classifier: Classifier | None, hold_s: float) -> None:
        self._states = states
        self._classifier = classifier
        self._hold_s = hold_s
        self._spoke_ns: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._ready: dict[str, Rules] = {}  # of videos with a state that has something in it
        self._waiting = 0

    def asks_outside(self, role: Role) -> bool:
        """Return whether somebody outside is asked about what one says: not of moderators, who may say anything."""
        return self._classifier is not None and role not in MODERATORS

    def known(self, video: str) -> VideoState | None:
        """Return a video's state where it is known."""
        return self._states.known(video)

    async def state(self, video: str) -> VideoState:
        """Return a video's state, and wait for it as long as a comment is held. Raises `Refused` (`not_stored`)."""
        if self._waiting >= MAX_WAITING:
            raise Refused("not_stored")
        self._waiting += 1
        try:
            return await self._read(video)
        finally:
            self._waiting -= 1

    def check_speaker(self, state: VideoState, video: str, speaker: Identity, role: Role) -> None:
        """Raise `Refused` for one who may not speak now: `banned`, `ended`, `paused`, `members_only`."""
        if not state.number:
            return
        user_id = speaker.user_id
        if user_id in state.bans and state.ban_of(user_id, role, int(time.time() * 1000)) is not None:
            _refuse("banned")
        rules = self._rules(state, video)
        if rules.ended:
            _refuse("ended")
        if role in MODERATORS:
            return
        if rules.paused:
            _refuse("paused")
        if rules.members_only and not speaker.is_member_on(video):
            _refuse("members_only")

    def check_comment(
        self, state: VideoState, video: str, speaker: Identity, role: Role, text: str, now_ns: int
    ) -> None:
        """Raise `Refused` for a comment that may not be said, or not under that name: `blocked_words`, `slow_mode`.

        Moderators and hosts may say anything.
        """
        if not state.number or role in MODERATORS:
            return
        rules = self._rules(state, video)
        _check_words(rules, speaker, text)
        spoke_ns = self._spoke_ns.get((video, speaker.user_id)) if rules.slow_ns else None
        if spoke_ns is not None and spoke_ns + rules.slow_ns > now_ns:
            REFUSED_BY_RULE.labels("slow_mode").inc()
            raise Refused("slow_mode", retry_after_s=-(-(spoke_ns + rules.slow_ns - now_ns) // S_TO_NS))

    async def ask_outside(self, video: str, speaker: Identity, text: str) -> None:
        """Raise `Refused` for what the classifier refuses, and for what moderators have decided meanwhile."""
        assert self._classifier is not None, "whoever asks has looked whether somebody can be asked"
        await self._classifier.check(video, speaker.user_id, text)
        state = self.known(video)
        if state is not None and state.number:
            self.check_speaker(state, video, speaker, speaker.role_on(video))
            _check_words(self._rules(state, video), speaker, text)

    def spoke(self, state: VideoState, video: str, user_id: str, now_ns: int) -> None:
        """Note that a comment was taken; where slow mode is on, the user's next one has to wait."""
        if state.number and self._rules(state, video).slow_ns:
            key = (video, user_id)
            self._spoke_ns[key] = now_ns
            self._spoke_ns.move_to_end(key)
            if len(self._spoke_ns) > MAX_REMEMBERED:
                self._spoke_ns.popitem(last=False)

    def not_stored(self, video: str, user_id: str) -> None:
        """Let the user speak again at once, for his comment was not stored."""
        self._spoke_ns.pop((video, user_id), None)

    async def _read(self, video: str) -> VideoState:
        try:
            async with asyncio.timeout(self._hold_s):
                while True:
                    try:
                        return await self._states.of(video)
                    except StoreError:
                        await asyncio.sleep(ASK_AGAIN_S)
        except TimeoutError:
            # Whoever is banned would else speak as long as nobody knows.
            raise Refused("not_stored") from None

    def _rules(self, state: VideoState, video: str) -> Rules:
        rules = self._ready.get(video)
        if rules is None or rules.state is not state:
            if len(self._ready) >= MAX_READY and video not in self._ready:
                del self._ready[next(iter(self._ready))]
            rules = self._ready[video] = Rules.of(state)
        return rules


def _check_words(rules: Rules, speaker: Identity, text: str) -> None:
    if rules.words is None:
        return
    if rules.words.are_in(text) or (speaker.name is not None and rules.words.are_in_name(speaker.name)):
        _refuse("blocked_words")


def _refuse(code: str) -> None:
    REFUSED_BY_RULE.labels(code).inc()
    raise Refused(code)
