"""One shard's way from JetStream into Postgres, for as long as the process lives, whatever happens around it.

    connect to Postgres -> wait for the turn -> read the position -> see that the stream is not short, or lift the shard
    (`lifting.py`) -> read the stream above it, check that no number is
    skipped, store the batch and move the position in one transaction, announce it -> wait to be woken, and again

Postgres away, restarted or failed over, NATS away, the turn lost: each ends the session, and a new one begins with the
position as Postgres has it then.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import traceback
from collections.abc import Collection, Sequence
from typing import Final

import asyncpg
import nats.errors
from nats.aio.client import Client

from runtime import postgres
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import Publisher, Reader, StoreAwayError, Stored, StoreError
from runtime.logs import get_logger
from runtime.marks import Marks
from runtime.metrics import ARCHIVED
from runtime.settings import Settings, SettingsError
from runtime.video_states import VideoStates
from wire import subjects
from wire.mark import Claim
from writer.archive import Archive, PositionMovedError, RowRefusedError
from writer.archive_audit import ArchiveAudit
from writer.archiver_metrics import HELD, LOST, SET_ASIDE, STOPPED, THROUGH
from writer.control_duties import ControlDuties
from writer.holes import Hole, holes, lost, unexplained
from writer.lifting import Lift, agrees
from writer.rows import removed_by, row_of, with_removals
from writer.setting_aside import set_aside
from writer.trimming import Trimmer

BATCH: Final = 1_000  # messages read and stored at once
POLL_S: Final = 1.0  # how long a lost `stored.S` goes unnoticed; also how often `archived.S` is said again
BACK_OFF_S: Final = (0.1, 2.0)  # before the first and, doubled each time, the later attempts at a session
LONG_SESSION_S: Final = 10.0  # a session that lasted so long was a good one: the next attempt comes at once
NATS_AWAY_S: Final = 10.0  # after so long without NATS the turn goes to an archiver that may have it
LOOK_AGAIN_S: Final = 0.5  # before a stream's end is believed that lies below what is known
MAX_SET_ASIDE_IN_A_ROW: Final = 100  # more means that the fault is not in the messages, and nothing more is set aside

_log = get_logger("archiver")


class SkippedError(Exception):
    """Numbers are missing from the stream that were neither trimmed nor deleted."""


class RefusesAllError(Exception):
    """Postgres refuses one message after the other; the fault must be elsewhere."""


class ShardArchiver:
    """Archives one shard while it is this archiver's turn, and stands by otherwise."""

    def __init__(
        self,
        connection: Client,
        reader: Reader,
        marks: Marks,
        states: VideoStates,
        settings: Settings,
        shard: int,
    ) -> None:
        self.shard = shard
        self.connected = False  # to Postgres: archiving or standing by
        self.held = False  # it is this archiver's turn
        self.through: int | None = None  # as last seen in Postgres; None: somebody else's, or never seen
        self._connection = connection
        self._reader = reader
        self._settings = settings
        self._marks = marks
        self._publisher = Publisher(connection)
        self._lift = Lift(connection, reader, self._publisher, marks, shard)
        self._claim: Claim | None = None  # what was said of the stream, and not looked into yet
        self._duties = ControlDuties(connection, reader, states, shard)
        self._trimmer = Trimmer(connection, reader, settings, shard)
        self.audit = ArchiveAudit(shard)
        self._woken = asyncio.Event()
        self._unchecked = True  # the stream may have been replaced since its end was last compared with the position
        self._set_aside_in_a_row = 0
        self._nats_away_since: float | None = None
        HELD.labels(shard).set(0)
        STOPPED.labels(shard).set(0)

    def wake(self) -> None:
        """There may be something to archive."""
        self._woken.set()

    def reconnected(self) -> None:
        """NATS was away: what came back may be another stream, or an older copy of it."""
        self._unchecked = True
        self._woken.set()

    def claimed(self, claim: Claim) -> None:
        """Somebody found the stream short."""
        self._claim = claim if self._claim is None else claim.merged(self._claim)
        self._unchecked = True
        self._woken.set()

    async def run(self) -> None:
        """Archive, until cancelled."""
        pause_s = BACK_OFF_S[0]
        while True:
            end_if_cancelled()
            began = time.monotonic()
            try:
                async with contextlib.aclosing(await Archive.open(self._settings, self.shard)) as archive:
                    self.connected = True
                    await self._session(archive)
            except (*postgres.AWAY, asyncpg.PostgresError) as error:
                _log.warning("Postgres", shard=self.shard, error=_told(error))
            except (SettingsError, StoreError) as error:
                _log.warning("cannot archive", shard=self.shard, error=str(error))
            except (SkippedError, RefusesAllError) as error:
                STOPPED.labels(self.shard).set(1)
                _log.error("cannot archive; the shard is stopped", shard=self.shard, error=str(error))
            except Exception as error:  # noqa: BLE001  whatever it was: a session begins anew, and checks all anew
                _log.error("cannot archive", shard=self.shard, error=type(error).__name__, at=_where(error))
            finally:
                self.connected = False
                self._hold(held=False)
            if time.monotonic() - began > LONG_SESSION_S:
                pause_s = BACK_OFF_S[0]
            await asyncio.sleep(pause_s * random.uniform(0.75, 1.25))  # noqa: S311  jitter, not a secret
            pause_s = min(pause_s * 2, BACK_OFF_S[1])

    async def _session(self, archive: Archive) -> None:
        """Wait for the turn, then archive until something goes wrong."""
        turn = asyncio.create_task(archive.take_turn())
        try:
            if not (await asyncio.wait({turn}, timeout=POLL_S))[0]:
                _log.info("standing by", shard=self.shard)
                self.through = None
                self.audit.forget()
                STOPPED.labels(self.shard).set(0)
            await turn
        finally:
            turn.cancel()
        self._hold(held=True)
        self._unchecked = True
        self._duties.begin()
        self.through = await self._position(archive)
        _log.info("archiving", shard=self.shard, through=self.through)
        while True:
            end_if_cancelled()
            try:
                caught_up = await self._round(archive, self.through)
                if self._trimmer.due:
                    await self._trim(archive)
                if caught_up:
                    await self.audit.compare(archive, self.through)
                if self._duties.are_due(caught_up=caught_up):
                    await self._duties.step(archive)
                elif caught_up and not await self._woken_within(POLL_S):
                    await self._look_around(archive)
                self._nats_away_since = None
            except StoreAwayError as error:
                self._bear_nats_away(error)
                await asyncio.sleep(BACK_OFF_S[0])
            except PositionMovedError:
                _log.warning("the position was moved by somebody else: going on from there", shard=self.shard)
                self.through = await self._position(archive)

    async def _round(self, archive: Archive, through: int) -> bool:
        """Archive the next batch. Returns whether everything is archived."""
        self._woken.clear()
        if self._unchecked:
            await self._check_stream(archive)
            return False
        messages, more = await self._reader.after(self.shard, "*", through, BATCH)
        if not messages:
            STOPPED.labels(self.shard).set(0)
            return True
        skipped = holes(through, [message.number for message in messages])
        first = await self._account_for(skipped) if skipped else 0
        await self._store(archive, messages)
        self._count_lost(skipped, first, removed_by(messages))
        await self._announce()
        STOPPED.labels(self.shard).set(0)
        return more == 0

    async def _look_around(self, archive: Archive) -> None:
        """Nothing woke us for a while: compare what is thought with what is."""
        through = await self._position(archive)
        if self.through is not None and through < self.through:
            _log.warning("Postgres was set back: catching up", shard=self.shard, through=through, was=self.through)
        self.through = through
        await self._announce()
        known = max(through, self._marks.of(self.shard))
        state = await self._reader.state(self.shard)
        if state.last < known:
            self._unchecked = True
        elif state.last > through:
            await self._pass_over(archive, through, state.last)

    async def _trim(self, archive: Archive) -> None:
        try:
            await self._trimmer.trim(await self._position(archive))
        except StoreAwayError:
            raise
        except StoreError as error:
            _log.warning("cannot trim", shard=self.shard, error=str(error))

    async def _check_stream(self, archive: Archive) -> None:
        """Return once the stream is known to go on where it was; a shard whose stream was found short is lifted.

        A stream found short has lost acknowledged messages, or is an old copy. It would give numbers a second time,
        and whatever it gave them to would never come to Postgres.
        """
        # What is said, and a connection that is lost, from here on asks for one more look.
        claim, self._claim, self._unchecked = self._claim, None, False
        try:
            await self._look_into(archive, claim)
        except BaseException:
            self._unchecked = True
            if claim is not None:
                self.claimed(claim)
            raise

    async def _look_into(self, archive: Archive, claim: Claim | None) -> None:
        self.through = through = await self._position(archive)
        known = max(through, self._marks.of(self.shard))  # before the stream is asked: it grows meanwhile
        state = await self._reader.state(self.shard)
        if await archive.lift() is None:
            if claim is not None and claim.certain and claim.known >= state.first:
                pass
            elif await self._ends_below(known) or not await agrees(archive, self._reader, through):
                claim = Claim(known)
            else:
                if claim is not None and claim.known >= state.first:
                    _log.warning("the stream is not short: it reaches what is known", shard=self.shard, known=known)
                return
        STOPPED.labels(self.shard).set(1)
        _log.error(
            "the stream was found short: it would give numbers again; the shard is stopped and lifted",
            shard=self.shard,
            through=through,
            first=state.first,
            last=state.last,
            known=claim.known if claim is not None else None,
        )
        await self._lift.run(archive, claim or Claim(through), self._store_rest)
        self.through = await self._position(archive)
        STOPPED.labels(self.shard).set(0)
        await self._announce()

    async def _ends_below(self, known: int) -> bool:
        """Return whether the stream ends below a number that is known; looked at twice, as a new leader may be late."""
        if (await self._reader.state(self.shard)).last >= known:
            return False
        await asyncio.sleep(LOOK_AGAIN_S)
        return (await self._reader.state(self.shard)).last < known

    async def _store_rest(self, archive: Archive, messages: Sequence[Stored]) -> None:
        self.through = await self._position(archive)
        if messages:
            await self._store(archive, messages)

    async def _account_for(self, skipped: Sequence[Hole]) -> int:
        """Return the stream's first number when it says why numbers are missing. Raises `SkippedError` otherwise."""
        first = (await self._reader.state(self.shard)).first
        deleted = await self._reader.deleted(self.shard) if any(hole.high >= first for hole in skipped) else ()
        hole = unexplained(skipped, first, deleted)
        if hole is not None:
            raise SkippedError(f"numbers from {hole.low} to {hole.high} are missing, but neither trimmed nor deleted")
        for hole in skipped:
            for number in range(max(hole.low, first), hole.high + 1):
                self.audit.was_set_aside(number)  # removed: what is to stand in its place comes with who removed it
        return first

    async def _pass_over(self, archive: Archive, through: int, last: int) -> None:
        """Move the position to `last` where the stream holds nothing between: trimmed, lifted, or deleted at its end.

        Where it does hold something, a reply by a replica that lags did not have it yet, or it has just come.
        """
        messages, _ = await self._reader.after(self.shard, "*", through, 1)
        if messages:
            self._woken.set()
            return
        first = (await self._reader.state(self.shard)).first
        hole = Hole(through + 1, last)
        if unexplained([hole], first, await self._reader.deleted(self.shard)) is not None:
            return
        await archive.store([], through, last)
        self.through = last
        self._count_lost([hole], first)
        await self._announce()

    def _count_lost(self, skipped: Sequence[Hole], first: int, removed: Collection[int] = ()) -> None:
        # A removed message that was the stream's first one looks as if it had been trimmed.
        count = lost(skipped, first) - sum(hole.low <= number <= hole.high for hole in skipped for number in removed)
        if count <= 0:
            return
        LOST.labels(self.shard).inc(count)
        _log.error(
            "the stream was trimmed further than Postgres had come: numbers are missing from the archive",
            shard=self.shard,
            count=count,
            low=skipped[0].low,
            first=first,
        )

    async def _store(self, archive: Archive, messages: Sequence[Stored]) -> None:
        """Store messages in their order, and set aside those that cannot be: halving finds each in a few steps."""
        assert self.through is not None
        last = messages[-1]
        try:
            rows = with_removals([row_of(message, self._settings.shards) for message in messages])
            unerased = await self._duties.do(rows, self.through)
            comments = await archive.store(rows, self.through, last.number, unerased)
        except (RowRefusedError, ValueError) as error:
            if len(messages) > 1:
                half = len(messages) // 2
                await self._store(archive, messages[:half])
                await self._store(archive, messages[half:])
                return
            await self._set_aside(archive, last, error)
            return
        self.through = last.number
        self._set_aside_in_a_row = 0
        ARCHIVED.inc(comments)
        THROUGH.labels(self.shard).set(last.number)

    async def _set_aside(self, archive: Archive, message: Stored, error: Exception) -> None:
        assert self.through is not None
        if self._set_aside_in_a_row >= MAX_SET_ASIDE_IN_A_ROW:
            raise RefusesAllError(f"{self._set_aside_in_a_row} messages in a row were refused: {error}")
        await set_aside(self._publisher, self.shard, message)
        self.audit.was_set_aside(message.number)
        await archive.store([], self.through, message.number)
        self.through = message.number
        self._set_aside_in_a_row += 1
        SET_ASIDE.labels(self.shard).inc()
        reason = str(error.__cause__ or error) if isinstance(error, ValueError) else type(error.__cause__).__name__
        _log.error("a message was set aside", shard=self.shard, number=message.number, reason=reason)

    async def _position(self, archive: Archive) -> int:
        through = await archive.position()
        if through is None:
            raise SettingsError("the streams are not there yet: run 'livecomments streams'")
        THROUGH.labels(self.shard).set(through)
        return through

    async def _announce(self) -> None:
        with contextlib.suppress(nats.errors.Error):  # it is said again soon
            await self._connection.publish(subjects.archived(self.shard), b"%d" % (self.through or 0))

    async def _woken_within(self, limit_s: float) -> bool:
        try:
            async with asyncio.timeout(limit_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True

    def _bear_nats_away(self, error: StoreAwayError) -> None:
        """Bear it for a while; then raise it, which gives the turn to an archiver that may be better off."""
        now = time.monotonic()
        if self._nats_away_since is None:
            self._nats_away_since = now
        elif now - self._nats_away_since > NATS_AWAY_S:
            self._nats_away_since = None
            raise error

    def _hold(self, *, held: bool) -> None:
        self.held = held
        HELD.labels(self.shard).set(held)


def _told(error: Exception) -> str:
    """Return what a log may hold of an error: what Postgres says of a statement may quote a comment."""
    if isinstance(error, OSError | TimeoutError):
        return f"{type(error).__name__}: {error}"
    code = getattr(error, "sqlstate", None)
    return type(error).__name__ + (f" ({code})" if code else "")


def _where(error: Exception) -> str:
    """Return the innermost place of an error's traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
