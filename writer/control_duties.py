"""What control messages ask of the archiver beside their rows: the kept states, and texts taken off the stream.

The writer that stored a message has done so already, unless it died; here it is done again, before the message counts
as archived. Both can be done any number of times.
"""

from __future__ import annotations

from collections.abc import Sequence

from nats.aio.client import Client

from runtime import jetstream
from runtime.jetstream import Reader, StoreAwayError, StoreError
from runtime.logs import get_logger
from runtime.video_states import VideoStates
from wire.control import DELETE
from wire.video_state import NOTHING, state_of
from writer.archive import Archive
from writer.archiver_metrics import REMOVED
from writer.rows import Row

_log = get_logger("archiver")


class ControlDuties:
    """Of one shard."""

    def __init__(self, connection: Client, reader: Reader, states: VideoStates, shard: int) -> None:
        self._connection = connection
        self._reader = reader
        self._states = states
        self._shard = shard
        self.removes = True  # a removal of many comments may be under way

    async def do(self, rows: Sequence[Row], through: int) -> None:
        """Do what the control messages of a batch ask for. Raises `StoreAwayError`; then it is to be done again."""
        controls = [(row.video, row.control) for row in rows if row.control is not None]
        if not controls:
            return
        pieces = dict.fromkeys((video for video, _ in controls), NOTHING)
        for video, control in controls:
            pieces[video] = pieces[video].merge(state_of(control))
        for video, piece in pieces.items():
            try:
                await self._states.add(video, piece, archived=through)
            except StoreAwayError:
                raise
            except StoreError as error:
                _log.error("the state of a video cannot be kept", video=video, error=str(error))
        for _, control in controls:
            if control.kind == DELETE:
                await self._erase(int(control.detail["commentId"]))
            self.removes = True

    async def remove_some(self, archive: Archive) -> None:
        """Go on with the oldest removal of a user's comments, by a step. Raises `StoreAwayError`."""
        removal = await archive.removal()
        if removal is None:
            self.removes = False
            return
        numbers, reached = await archive.of_user(removal)
        if numbers:
            first = (await self._reader.state(self._shard)).first
            for number in numbers:
                if number >= first:
                    await self._erase(number)
        await archive.remove(removal, numbers, reached)
        REMOVED.labels(self._shard).inc(len(numbers))
        if reached is None:
            _log.info("all comments of a user are removed", video=removal.video, number=removal.upto)

    async def _erase(self, number: int) -> None:
        try:
            await jetstream.erase(self._connection, self._shard, number)
        except StoreAwayError:
            raise
        except StoreError as error:
            _log.error(
                "a removed text cannot be taken off the stream", shard=self._shard, number=number, error=str(error)
            )
