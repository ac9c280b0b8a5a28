"""What control messages ask of the archiver beside their rows: the kept states, and texts taken off the stream.

The writer that stored a message has done so already, unless it died; here it is done again, before the message counts
as archived. Both can be done any number of times. Nothing of it holds up the archive: a removal of many comments goes
on in small steps between the batches, and what JetStream refuses is noted in Postgres (`erasures`) and tried again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from nats.aio.client import Client

from runtime import jetstream
from runtime.jetstream import Reader, StoreAwayError
from runtime.logs import get_logger
from runtime.video_states import VideoStates
from wire.control import DELETE
from wire.subjects import OPERATORS
from wire.video_state import NOTHING, VideoState, state_of
from writer.archiving.archive import Archive
from writer.archiving.archiver_metrics import REMOVED, UNDONE
from writer.archiving.rows import Row

ERASE_STEP: Final = 100  # texts that are taken off the stream between two batches of comments
AT_ONCE: Final = 16  # of what is asked of JetStream
LATE_S: Final = 1.0  # after so long a removal goes on by a step though the archive is behind
ERASE_AGAIN_S: Final = 10.0  # after which what JetStream has refused is tried again

_log = get_logger("archiver")


class ControlDuties:
    """Of one shard."""

    def __init__(self, connection: Client, reader: Reader, states: VideoStates, shard: int) -> None:
        self._connection = connection
        self._reader = reader
        self._states = states
        self._shard = shard
        self._removes = True  # a removal of many comments may be under way
        self._erases_from: float | None = 0.0  # when to try again what was refused; None: nothing was
        self._tried_upto = 0  # of what was refused
        self._stepped_at = 0.0

    def begin(self) -> None:
        """A session begins: another archiver may have left something undone."""
        self._removes, self._erases_from, self._tried_upto = True, 0.0, 0

    def are_due(self, *, caught_up: bool) -> bool:
        """Return whether `step` is to be called now, with the archive caught up or not."""
        now = time.monotonic()
        waits = self._removes or (self._erases_from is not None and now >= self._erases_from)
        return waits and (caught_up or now - self._stepped_at > LATE_S)

    async def do(self, rows: Sequence[Row], through: int) -> Sequence[int]:
        """Do what the control messages of a batch ask for. Raises `StoreAwayError`; then it is to be done again.

        Returns the numbers of removed comments that JetStream refuses to take off the stream, to be noted.
        """
        # What operators do with tokens is for the log alone.
        controls = [(row.video, row.control) for row in rows if row.control is not None and row.video != OPERATORS]
        if not controls:
            return ()
        pieces = dict.fromkeys((video for video, _ in controls), NOTHING)
        for video, control in controls:
            pieces[video] = pieces[video].merge(state_of(control))
        videos = list(pieces.items())
        for place in range(0, len(videos), AT_ONCE):
            some = videos[place : place + AT_ONCE]
            await asyncio.gather(*(self._keep(video, piece, through) for video, piece in some))
        self._removes = True
        return await self._erase(
            [int(control.detail["commentId"]) for _, control in controls if control.kind == DELETE]
        )

    async def step(self, archive: Archive) -> None:
        """Go on with the oldest removal of a user's comments, or with what was refused. Raises `StoreAwayError`."""
        self._stepped_at = time.monotonic()
        if self._erases_from is not None and time.monotonic() >= self._erases_from:
            await self._erase_again(archive)
        if self._removes:
            await self._remove_some(archive)

    async def _remove_some(self, archive: Archive) -> None:
        removal = await archive.removal()
        if removal is None:
            self._removes = False
            return
        numbers, reached = await archive.of_user(removal)
        first = (await self._reader.state(self._shard)).first if numbers else 0
        held = [number for number in numbers if number >= first]  # by the stream, still
        if len(held) > ERASE_STEP:
            held, reached = held[:ERASE_STEP], held[ERASE_STEP - 1]
            numbers = [number for number in numbers if number <= reached]
        refused = await self._erase(held)
        await archive.remove(removal, numbers, reached, refused)
        REMOVED.labels(self._shard).inc(len(numbers))
        if reached is None:
            _log.info("all comments of a user are removed", video=removal.video, number=removal.upto)

    async def _erase_again(self, archive: Archive) -> None:
        noted = await archive.erasures(self._tried_upto, ERASE_STEP)
        first = (await self._reader.state(self._shard)).first if noted else 0
        refused = await self._erase([number for number in noted if number >= first])
        await archive.erased([number for number in noted if number not in set(refused)])
        if len(noted) == ERASE_STEP:
            self._tried_upto = noted[-1]
        else:
            nothing_left = not refused and self._tried_upto == 0
            self._tried_upto = 0
            self._erases_from = None if nothing_left else time.monotonic() + ERASE_AGAIN_S

    async def _keep(self, video: str, piece: VideoState, through: int) -> None:
        try:
            await self._states.add(video, piece, archived=through)
        except StoreAwayError:
            raise
        except Exception as error:  # noqa: BLE001  no message may hold up all that come after it
            UNDONE.labels(self._shard).inc()
            _log.error("the state of a video cannot be kept", video=video, error=f"{type(error).__name__}: {error}")

    async def _erase(self, numbers: Sequence[int]) -> list[int]:
        """Take texts off the stream. Returns those that JetStream refuses. Raises `StoreAwayError`."""
        refused: list[int] = []
        for place in range(0, len(numbers), AT_ONCE):
            some = numbers[place : place + AT_ONCE]
            done = await asyncio.gather(*map(self._erase_one, some))
            refused += [number for number, is_gone in zip(some, done, strict=True) if not is_gone]
        if refused:
            self._erases_from = time.monotonic() + ERASE_AGAIN_S
        return refused

    async def _erase_one(self, number: int) -> bool:
        try:
            await jetstream.erase(self._connection, self._shard, number)
        except StoreAwayError:
            raise
        except Exception as error:  # noqa: BLE001  as above
            UNDONE.labels(self._shard).inc()
            _log.error(
                "a removed text cannot be taken off the stream: it is tried again",
                shard=self._shard,
                number=number,
                error=f"{type(error).__name__}: {error}",
            )
            return False
        return True
