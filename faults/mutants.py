"""The system, broken on purpose: each mutant must be caught, and the list says by which check.

A mutant is a small patch of the source, applied in its processes alone (`mutation.py`). Some make a rare thing frequent
as well, or there would be nothing to see in so short a run; the system without the defect bears that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from faults.mutation import Patch
from faults.verdict import Check


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defect, and the checks of which one at least must find it."""

    name: str
    defect: str
    patches: Sequence[Patch]
    caught_by: frozenset[Check]
    settings: Mapping[str, Any] = field(default_factory=dict)


def mutant(name: str) -> Mutant:
    """Return a mutant. Raises `KeyError` for a name that none has."""
    return {one.name: one for one in MUTANTS}[name]


def _by(*checks: Check) -> frozenset[Check]:
    return frozenset(checks)


MUTANTS: Final = (
    # The writer.
    Mutant(
        "acknowledged-before-stored",
        "a comment for which JetStream had no answer is acknowledged under the number that it would have had",
        (
            Patch(
                "writer/rounds.py",
                "            _maybe_stored([entry])\n            return False\n",
                "            guess = self._continuity.known + 1\n"
                "            self._waiting.resolve(entry, Kept(guess, self._watch.covered(self._shard, 0)))\n"
                "            return True\n",
            ),
            Patch(
                "writer/rounds.py",
                "        except StoreAwayError:\n            raise\n",
                "        except StoreAwayError:\n"
                "            guess = self._continuity.known + 1\n"
                "            acks = [Ack(guess + place, duplicate=False) for place in range(len(entries))]\n",
            ),
        ),
        _by(Check.KEPT, Check.NUMBERS),
    ),
    Mutant(
        "message-id-dropped",
        "comments go to JetStream without their message id, so that a repeat is stored again",
        (Patch("runtime/jetstream/messages.py", ", headers.MESSAGE_ID: self.message_id}", "}"),),
        _by(Check.ONCE, Check.UNKNOWN_ONCE, Check.KEY),
    ),
    Mutant(
        "key-ignores-the-video",
        "the same Idempotency-Key on another video is taken for a repeat",
        (Patch("wire/headers.py", "for part in (video, user, key):", "for part in (user, key):"),),
        _by(Check.KEPT, Check.NUMBERS),
    ),
    Mutant(
        "key-ignores-the-user",
        "the same Idempotency-Key of another user is taken for a repeat",
        (Patch("wire/headers.py", "for part in (video, user, key):", "for part in (video, key):"),),
        _by(Check.NUMBERS),
    ),
    Mutant(
        "wrong-shard",
        "the writer stores some videos in another shard than that in which all others look for them",
        (
            Patch(
                "writer/posting.py",
                "shard = shard_of(video, len(self._batchers))",
                "shard = shard_of(video, len(self._batchers) - 1)",
            ),
        ),
        _by(Check.KEPT),
    ),
    Mutant(
        "refused-and-kept",
        "a comment is refused after it was handed to the batcher",
        (
            Patch(
                "writer/posting.py",
                "            return await _answer(batcher.take(message, keyed=key is not None), came_ns, span)\n",
                "            taken = batcher.take(message, keyed=key is not None)\n"
                '            if text.endswith("hahaha"):\n'
                '                raise Refused("message_blank")\n'
                "            return await _answer(taken, came_ns, span)\n",
            ),
        ),
        _by(Check.REFUSED),
    ),
    Mutant(
        "numbers-of-a-batch-off-by-one",
        "the comments of an atomic batch are acknowledged each with its neighbour's number",
        (
            Patch(
                "runtime/jetstream/publisher.py",
                'first = answer["seq"] - len(messages) + 1',
                'first = answer["seq"] - len(messages)',
            ),
            Patch("runtime/jetstream/publisher.py", 'range(first, answer["seq"] + 1)', 'range(first, answer["seq"])'),
            Patch("writer/batch.py", "ATOMIC_FROM: Final = 12", "ATOMIC_FROM: Final = 2"),
        ),
        _by(Check.KEPT, Check.NUMBERS),
    ),
    Mutant(
        "banned-and-heard",
        "a writer takes comments of one who is shut out",
        (
            Patch(
                "writer/house_rules.py",
                "        if user_id in state.bans and state.ban_of(",
                '        if role == "nobody" and state.ban_of(',
            ),
        ),
        _by(Check.BANNED),
    ),
    # The archiver.
    Mutant(
        "announced-before-archived",
        "the archiver announces a batch before it has stored it",
        (
            Patch(
                "writer/archiving/archiver.py",
                "        await self._storing.store(archive, messages)\n",
                "        before, self._storing.through = self._storing.through, messages[-1].number\n"
                "        await self._storing.announce()\n"
                "        self._storing.through = before\n"
                "        await asyncio.sleep(0.2)\n"
                "        await self._storing.store(archive, messages)\n",
            ),
        ),
        _by(Check.READABLE),
    ),
    Mutant(
        "archiver-skips",
        "the archiver leaves out a comment now and then",
        (
            Patch(
                "writer/archiving/storing.py",
                "[row_of(message, self._shards) for message in messages]",
                "[row_of(message, self._shards) for message in messages if message.number % 17]",
            ),
        ),
        _by(Check.KEPT, Check.SHOWN_KEPT),
    ),
    Mutant(
        "position-apart-from-the-rows",
        "the archiver moves its position first, and stores the rows in a transaction of their own",
        (
            Patch(
                "writer/archiving/archive.py",
                "        done = await self._session.fetchrow(\n",
                '        moved = "UPDATE archive_position SET through = $2 WHERE shard = $1 AND through = $3"\n'
                "        await self._session.execute(moved, self.shard, new, old)\n"
                "        old = new\n"
                "        import asyncio\n"
                "        await asyncio.sleep(0.2)\n"
                "        done = await self._session.fetchrow(\n",
            ),
        ),
        _by(Check.KEPT),
    ),
    Mutant(
        "trimmed-beyond-the-archive",
        "what is not in Postgres yet is taken off the stream",
        (
            Patch("writer/archiving/trimming.py", "TRIM_INTERVAL_S: Final = 10", "TRIM_INTERVAL_S: Final = 0.1"),
            Patch(
                "writer/archiving/trimming.py",
                "keep_from = await self._old_enough(through)",
                "keep_from = (await self._reader.state(self._shard)).last",
            ),
            Patch(
                "writer/archiving/trimming.py", "if keep_from > min(through, state.last):", "if keep_from > MAX_NUMBER:"
            ),
            Patch(
                "writer/archiving/trimming.py",
                "from wire import subjects\n",
                "from wire import subjects\nfrom wire.number import MAX_NUMBER\n",
            ),
        ),
        _by(Check.KEPT),
    ),
    Mutant(
        "time-of-the-archiver",
        "the archive keeps another time than JetStream's",
        (
            Patch(
                "writer/archiving/archive.py", "[row.posted_ms for row in rows]", "[row.posted_ms + 1 for row in rows]"
            ),
        ),
        _by(Check.TIMES),
    ),
    Mutant(
        "removal-not-archived",
        "the archive keeps the text of a comment that is removed, and pages go by it alone",
        (
            Patch(
                "writer/archiving/archive.py",
                "        if control.kind == DELETE:\n",
                '        if control.kind == "nothing":\n',
            ),
            Patch(
                "writer/archiving/rows.py",
                "    if not removed:\n        return list(rows)\n",
                "    return list(rows)\n",
            ),
            Patch("history/moderation.py", "        if not state.hides_any:\n", "        if state is not None:\n"),
        ),
        _by(Check.REMOVED),
    ),
    # History.
    Mutant(
        "at-the-cursor",
        ">= for > at a page's cursor",
        (
            Patch(
                "history/archive.sql",
                "comment_id > $3 AND comment_id < $4",
                "comment_id >= $3 AND comment_id <= $4",
                once=False,
            ),
        ),
        _by(Check.PAGES),
    ),
    Mutant(
        "page-boundary",
        "the next page's cursor is the comment that was left for it",
        (Patch("history/page_body.py", 'str(shown[-1]["comment_id"])', 'str(rows[limit]["comment_id"])'),),
        _by(Check.PAGES),
    ),
    Mutant(
        "page-out-of-order",
        "a page's comments stand in the other order",
        (Patch("history/page_body.py", "for row in shown]", "for row in shown[::-1]]"),),
        _by(Check.PAGES),
    ),
    # The edge.
    Mutant(
        "no-gap-fill",
        "a live copy is taken whatever is missing before it",
        (Patch("edge/intake.py", "return Verdict.FILL", "return Verdict.APPEND"),),
        _by(Check.FOLLOWED),
    ),
    Mutant(
        "no-probe",
        "live copies get lost, and nobody asks whether the last one was",
        (
            Patch(
                "edge/feed.py",
                "        PUBLISHED.inc(stored.kind is None)\n        now =",
                "        if stored.number % 10:\n            return\n"
                "        PUBLISHED.inc(stored.kind is None)\n        now =",
            ),
            Patch("edge/probe.py", "await self._ask(", "await asyncio.sleep(0) if self else await self._ask("),
        ),
        _by(Check.FOLLOWED),
    ),
    Mutant(
        "ring-overwritten-early",
        "the ring drops what it claims to hold",
        (
            Patch("edge/ring.py", "MAX_ENTRIES: Final = 2_000", "MAX_ENTRIES: Final = 5"),
            Patch("edge/ring.py", "        self.floor = self._numbers[self._start]\n", ""),
        ),
        _by(Check.FOLLOWED),
    ),
    Mutant(
        "replay-before-subscribe",
        "a viewer joins the channel some time after its replay was read",
        (
            Patch(
                "edge/joining.py",
                "    video.channel.join(viewer, ring.end)",
                "    asyncio.get_running_loop().call_later(0.3, lambda: video.channel.join(viewer, ring.end))",
            ),
        ),
        _by(Check.FOLLOWED),
    ),
    Mutant(
        "position-off-by-one",
        "a viewer is resumed behind the comment after its position",
        (
            Patch(
                "edge/joining.py",
                "index = ring.end if number is None else ring.index_after(number)",
                "index = ring.end if number is None else min(ring.end, ring.index_after(number) + 1)",
            ),
        ),
        _by(Check.FOLLOWED),
    ),
    Mutant(
        "at-the-position",
        ">= for > at a viewer's position",
        (
            Patch(
                "edge/ring.py",
                "return self.begin + bisect_right(self._numbers, number, lo=self._start) - self._start",
                "return self.begin + bisect_right(self._numbers, number - 1, lo=self._start) - self._start",
            ),
        ),
        _by(Check.SHOWN_ONCE),
    ),
    Mutant(
        "complete-though-it-was-not",
        "a viewer is told that its replay was complete when it was cut short",
        (Patch("edge/joining.py", '"complete": self.complete}', '"complete": True}'),),
        _by(Check.FOLLOWED),
        settings={"replay_depth": 3},
    ),
    Mutant(
        "skipped-not-told",
        "a viewer that fell out of the ring is not told so",
        (
            Patch("edge/ring.py", "MAX_ENTRIES: Final = 2_000", "MAX_ENTRIES: Final = 2"),
            Patch("edge/channel.py", '            viewer.send(sse.named_event("skipped", told, ring.floor))\n', ""),
        ),
        _by(Check.FOLLOWED),
    ),
    Mutant(
        "removed-and-in-the-ring",
        "the text of a removed comment stays in memory, for whoever comes back",
        (Patch("edge/ring.py", '        self._frames[place] = self._shared[place] = b""\n', ""),),
        _by(Check.HIDDEN),
    ),
    Mutant(
        "removal-not-told",
        "viewers are not told which comment was removed",
        (
            Patch(
                "wire/control.py",
                'return sse.named_event("delete", {"commentId": detail["commentId"]}, control.number)',
                'return b""',
            ),
        ),
        _by(Check.TOLD),
    ),
    Mutant(
        "swapped-in-a-flush",
        "comments that share a write stand in it in the other order",
        (
            Patch(
                "edge/ring.py",
                'return b"".join(self._shared[index + shift : end + shift])',
                'return b"".join(self._shared[index + shift : end + shift][::-1])',
            ),
        ),
        _by(Check.ORDER),
    ),
    Mutant(
        "flushed-twice",
        "a write to a viewer is done twice now and then",
        (
            Patch(
                "edge/channel.py",
                "                viewer.send(piece.data)\n",
                "                viewer.send(piece.data)\n"
                "                if piece.end % 50 == 0:\n"
                "                    viewer.send(piece.data)\n",
            ),
        ),
        _by(Check.SHOWN_ONCE),
    ),
    Mutant(
        "words-changed-live",
        "line breaks are lost on the way to viewers",
        (
            Patch(
                "wire/comment.py",
                "(number, payload[1:-1], posted_ms)",
                r'(number, payload[1:-1].replace(b"\\n", b" "), posted_ms)',
            ),
        ),
        _by(Check.SHOWN_KEPT, Check.NUMBERS),
    ),
    # All of them.
    Mutant(
        "silence-unnoticed",
        "connections to NATS have no ping",
        (Patch("runtime/jetstream/connection.py", "PING_INTERVAL_S: Final = 1 ", "PING_INTERVAL_S: Final = 3600 "),),
        _by(Check.NOTICED),
    ),
)
