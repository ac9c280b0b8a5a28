"""One shard's way from JetStream into Postgres, for as long as the process lives, whatever happens around it.

    connect to Postgres -> wait for the turn -> read the position -> see that the stream is not short, or lift the shard
    (`stream_check.py`) -> read the stream above it, check that no number is skipped (`skipped.py`), store the batch and
    move the position in one transaction, announce it (`storing.py`) -> wait to be woken, and again

Postgres away, restarted or failed over, NATS away, the turn lost: each ends the session, and a new one begins with the
position as Postgres has it then.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import traceback
from typing import Final

import asyncpg
from nats.aio.client import Client

from runtime import postgres
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import Publisher, Reader, StoreAwayError, StoreError
from runtime.logs import get_logger
from runtime.marks import Marks
from runtime.settings import Settings, SettingsError
from runtime.video_states import VideoStates
from wire.mark import Claim
from writer.archiving.archive import Archive, PositionMovedError
from writer.archiving.archive_audit import ArchiveAudit
from writer.archiving.archiver_metrics import HELD, STOPPED, tell_zeros
from writer.archiving.control_duties import ControlDuties
from writer.archiving.holes import Hole, holes
from writer.archiving.lifting import Lift
from writer.archiving.rows import removed_by
from writer.archiving.skipped import Skipped, SkippedError
from writer.archiving.storing import RefusesAllError, Storing
from writer.archiving.stream_check import StreamCheck
from writer.archiving.trimming import Trimmer

BATCH: Final = 1_000  # messages read and stored at once
POLL_S: Final = 1.0  # how long a lost `stored.S` goes unnoticed; also how often `archived.S` is said again
BACK_OFF_S: Final = (0.1, 2.0)  # before the first and, doubled each time, the later attempts at a session
LONG_SESSION_S: Final = 10.0  # a session that lasted so long was a good one: the next attempt comes at once
NATS_AWAY_S: Final = 10.0  # after so long without NATS the turn goes to an archiver that may have it

_log = get_logger("archiver")


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
        self.is_postgres_away = False  # as the last attempt to reach it showed
        self.held = False  # it is this archiver's turn
        self.audit = ArchiveAudit(connection, shard)
        publisher = Publisher(connection)
        self._reader = reader
        self._settings = settings
        self._marks = marks
        self._duties = ControlDuties(connection, reader, states, shard)
        self._storing = Storing(connection, publisher, self._duties, self.audit, settings, shard)
        self._skipped = Skipped(reader, self.audit, shard)
        lift = Lift(connection, reader, publisher, marks, shard)
        self._check = StreamCheck(reader, marks, lift, self._storing, shard)
        self._trimmer = Trimmer(connection, reader, settings, shard)
        self._woken = asyncio.Event()
        self._nats_away_since: float | None = None
        HELD.labels(shard).set(0)
        STOPPED.labels(shard).set(0)
        tell_zeros(shard)

    @property
    def through(self) -> int | None:
        """Return how far the shard is in Postgres, as last seen; None: somebody else's, or never seen."""
        return self._storing.through

    def wake(self) -> None:
        """There may be something to archive."""
        self._woken.set()

    def reconnected(self) -> None:
        """NATS was away: what came back may be another stream, or an older copy of it."""
        self._check.is_due = True
        self._woken.set()

    def claimed(self, claim: Claim) -> None:
        """Somebody found the stream short."""
        self._check.claimed(claim)
        self._woken.set()

    async def run(self) -> None:
        """Archive, until cancelled."""
        pause_s = BACK_OFF_S[0]
        while True:
            end_if_cancelled()
            began = time.monotonic()
            try:
                async with contextlib.aclosing(await Archive.open(self._settings, self.shard)) as archive:
                    self.connected, self.is_postgres_away = True, False
                    await self._session(archive)
            except (*postgres.AWAY, asyncpg.PostgresError) as error:
                self.is_postgres_away = True
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
                self._storing.through = None
                self.audit.is_ours = False
                STOPPED.labels(self.shard).set(0)
            await turn
        finally:
            turn.cancel()
        self._hold(held=True)
        self.audit.is_ours = True
        self._check.is_due = True
        self._duties.begin()
        _log.info("archiving", shard=self.shard, through=await self._storing.look(archive))
        while True:
            end_if_cancelled()
            try:
                caught_up = await self._round(archive)
                if self._trimmer.due:
                    await self._trim(archive)
                more = caught_up and await self.audit.compare(archive, self.through or 0)
                if self._duties.are_due(caught_up=caught_up):
                    await self._duties.step(archive)
                elif caught_up and not more and not await self._woken_within(POLL_S):
                    await self._look_around(archive)
                self._nats_away_since = None
            except StoreAwayError as error:
                self._bear_nats_away(error)
                await asyncio.sleep(BACK_OFF_S[0])
            except PositionMovedError:
                _log.warning("the position was moved by somebody else: going on from there", shard=self.shard)
                await self._storing.look(archive)

    async def _round(self, archive: Archive) -> bool:
        """Archive the next batch. Returns whether everything is archived."""
        self._woken.clear()
        if self._check.is_due:
            await self._check.run(archive)
            return False
        through = self.through or 0
        messages, more = await self._reader.after(self.shard, "*", through, BATCH)
        if not messages:
            STOPPED.labels(self.shard).set(0)
            return True
        skipped = holes(through, [message.number for message in messages])
        first = 0
        if skipped:
            first = await self._skipped.explain(skipped)
            self._skipped.were_removed(skipped, first)
        await self._storing.store(archive, messages)
        self._skipped.count_lost(skipped, first, removed_by(messages))
        await self._storing.announce()
        STOPPED.labels(self.shard).set(0)
        return more == 0

    async def _look_around(self, archive: Archive) -> None:
        """Nothing woke us for a while: compare what is thought with what is."""
        through = await self._storing.look(archive)
        await self._storing.announce()
        known = max(through, self._marks.of(self.shard))
        state = await self._reader.state(self.shard)
        if state.last < known:
            self._check.is_due = True
        elif state.last > through:
            await self._pass_over(archive, through, state.last)

    async def _trim(self, archive: Archive) -> None:
        try:
            await self._trimmer.trim(await self._storing.look(archive))
        except StoreAwayError:
            raise
        except StoreError as error:
            _log.warning("cannot trim", shard=self.shard, error=str(error))

    async def _pass_over(self, archive: Archive, through: int, last: int) -> None:
        """Move the position to `last` where the stream holds nothing between: trimmed, lifted, or deleted at its end.

        Where it does hold something, a reply by a replica that lags did not have it yet, or it has just come.
        """
        messages, _ = await self._reader.after(self.shard, "*", through, 1)
        if messages:
            self._woken.set()
            return
        hole = Hole(through + 1, last)
        try:
            first = await self._skipped.explain([hole])
        except SkippedError:
            return
        await self._storing.pass_to(archive, last)
        self._skipped.count_lost([hole], first)
        await self._storing.announce()

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
