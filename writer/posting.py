"""The way of one POST, from its address to its answer. Knows HTTP's words but no framework."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from runtime.cancelling import unharmed
from runtime.credentials import Credentials
from runtime.exchange import Asked
from runtime.jetstream import Outgoing
from runtime.metrics import ACCEPTED
from runtime.tokens import Identity
from runtime.tracing import Span, Tracer
from wire import headers, subjects
from wire.comment import encode_payload
from wire.message import check_key, parse_body
from wire.problem import Refused
from wire.trace import TRACEPARENT
from wire.video import check_video, shard_of
from writer.batcher import Batcher
from writer.classifier import NOT_CHECKED
from writer.entry import NotKept, Outcome
from writer.house_rules import HouseRules
from writer.limits import Limits
from writer.metrics import ANSWER_201_S, ANSWER_202_S

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Posted:
    """A comment that is stored under `number`, and `archived` or not yet."""

    number: int
    archived: bool

    @property
    def status(self) -> int:
        """Return the HTTP status that says so."""
        return 201 if self.archived else 202


class Posting:
    """Takes POSTs of comments. One batcher for each shard."""

    def __init__(
        self,
        credentials: Credentials,
        limits: Limits,
        rules: HouseRules,
        batchers: Sequence[Batcher],
        tracer: Tracer | None = None,
    ) -> None:
        self._credentials = credentials
        self._limits = limits
        self._rules = rules
        self._batchers = batchers
        self._tracer = tracer
        # Comments with a key that somebody outside is asked about now, by message id: why each is refused, if it is.
        self._asked: dict[str, asyncio.Future[Refused | None]] = {}

    async def post(self, asked: Asked) -> Posted:
        """Return once the comment is stored. A client that leaves meanwhile changes nothing about that.

        Raises `Refused`, for the first thing wrong in the order in which it is looked at here.
        """
        came_ns = time.monotonic_ns()
        span = None if self._tracer is None else self._tracer.chosen(asked.headers.get(TRACEPARENT))
        self._limits.take_address(asked.address, came_ns)
        video = check_video(asked.video)
        speaker = self._credentials.speaker("POST", asked.headers, asked.cookies, video)
        check_json_type(asked.headers.get("content-type"))
        body = await asked.body()
        key = check_key(asked.headers.get("idempotency-key"))
        text = parse_body(body)

        shard = shard_of(video, len(self._batchers))
        batcher = self._batchers[shard]
        state = self._rules.known(video)
        if state is None:
            batcher.check_open()
            state = await self._rules.state(video)
        role = speaker.role_on(video)
        self._rules.check_speaker(state, video, speaker, role)
        message_id = headers.message_id(video, speaker.user_id, key)
        if message_id in self._asked:
            refused = await unharmed(self._asked[message_id])
            if refused is not None:
                raise Refused(refused.code, retry_after_s=refused.retry_after_s)
        outcome = batcher.known(message_id) if key is not None else None
        if outcome is not None:
            return await _answer(outcome, came_ns)

        batcher.check_open()
        now_ns = time.monotonic_ns()
        self._rules.check_comment(state, video, speaker, role, text, now_ns)
        self._limits.take_comment(video, speaker.user_id, text, message_id, now_ns)
        self._rules.spoke(state, video, speaker.user_id, now_ns)
        if self._rules.asks_outside(role):
            await self._ask_outside(batcher, video, speaker, text, message_id)
        ACCEPTED.inc()
        payload = encode_payload(speaker.user_id, text, speaker.name, role if role != "viewer" else None)
        further = () if span is None else ((TRACEPARENT, span.context.traceparent()),)
        message = Outgoing(subjects.comments(shard, video), payload, message_id, further=further)
        if span is not None:
            span.reached("checked")
        try:
            return await _answer(batcher.take(message, keyed=key is not None), came_ns, span)
        except Refused:
            self._limits.not_stored(video, speaker.user_id, text, message_id)
            self._rules.not_stored(video, speaker.user_id)
            raise

    async def _ask_outside(self, batcher: Batcher, video: str, speaker: Identity, text: str, message_id: str) -> None:
        """Have a comment judged that is counted already: nobody is asked on behalf of one who is over a limit.

        The same key that comes meanwhile waits for what is said of the first. Raises `Refused`.
        """
        said: asyncio.Future[Refused | None] = asyncio.get_running_loop().create_future()
        self._asked[message_id] = said
        passed, why = False, None
        try:
            await self._rules.ask_outside(video, speaker, text)
            batcher.check_open()  # the store may have gone meanwhile
            passed = True
        except Refused as refused:
            why = refused
            raise
        finally:
            del self._asked[message_id]
            said.set_result(why)
            if not passed:
                self._limits.not_stored(video, speaker.user_id, text, message_id)
                self._rules.not_stored(video, speaker.user_id)
            if why is not None and why.code == NOT_CHECKED:
                self._limits.give_back(video, speaker.user_id)


def check_json_type(content_type: str | None) -> None:
    """Raise `Refused` (`not_json_type`) unless the type is JSON, with or without parameters (RFC 9110, 8.3.1)."""
    if (content_type or "").partition(";")[0].strip().lower() != JSON:
        raise Refused("not_json_type")


async def _answer(outcome: asyncio.Future[Outcome], came_ns: int, span: Span | None = None) -> Posted:
    # Others may wait for the same futures, and the comment goes its way without any of them.
    kept = await unharmed(outcome)
    if isinstance(kept, NotKept):
        raise Refused(kept.code)
    if span is not None:
        span.reached("acknowledged")
    posted = Posted(kept.number, await unharmed(kept.archived))
    if span is not None:
        span.attributes["number"] = str(posted.number)
        span.reached("archived" if posted.archived else "answered unarchived")
        span.end()
    (ANSWER_201_S if posted.archived else ANSWER_202_S).observe((time.monotonic_ns() - came_ns) / 1e9)
    return posted
