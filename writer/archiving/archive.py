"""The archive of one shard in Postgres, as the archiver sees it: whose turn it is, how far it is, storing more."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple

import asyncpg
import orjson

from runtime import postgres
from runtime.cancelling import end_if_cancelled
from runtime.queries import load_queries
from runtime.settings import Settings
from runtime.streams import LOCK_CLASS, check_born_with
from wire.control import BAN, DELETE, Control
from wire.number import BLOCK_BITS
from writer.archiving.rows import Row

LOCK_TIMEOUT_S: Final = 5
IDLE_S: Final = 20  # after so long without a word from an archiver, which hangs then, its shards go to another one
STATEMENT_S: Final = 6  # with the second between looks and two to close it, a silent Postgres is noticed within 10 s
STORE_ATTEMPTS: Final = 2  # of a batch: the second with all its blocks made anew
REMOVAL_STEP: Final = 1_000  # messages that are looked through at once for those of one user

_QUERIES: Final = load_queries("writer.archiving", "archive.sql")

# What Postgres says of a row that it will not hold, however often it is asked.
_REFUSALS: Final = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    ValueError,  # asyncpg's own, for what it cannot encode
)


Words = tuple[Any, ...]  # user, text, name, role


class Removal(NamedTuple):
    """All comments of a user on a video below `upto` are to be removed, and are up to `reached`."""

    video: str
    user_id: str
    upto: int
    reached: int


class RowRefusedError(Exception):
    """Postgres refuses a row of the batch, and would refuse it again."""


class PositionMovedError(Exception):
    """The position is not where this archiver left it: Postgres was restored, or another archiver is at work."""


class Archive:
    """One session in Postgres, for one shard. Everything here raises one of `postgres.AWAY` when Postgres is away."""

    def __init__(self, shard: int, session: asyncpg.Connection) -> None:
        self.shard = shard
        self._session = session
        self._blocks: set[int] = set()  # those that are known to be there

    @classmethod
    async def open(cls, settings: Settings, shard: int) -> Archive:
        """Return a new session. Raises `SettingsError` when the cluster was born with another number of shards."""
        session = await postgres.connect(settings, "archiver", command_timeout_s=STATEMENT_S)
        try:
            await session.fetchrow(_QUERIES["keep_alive"], f"{LOCK_TIMEOUT_S}s", f"{IDLE_S}s")
            check_born_with(await session.fetchval(_QUERIES["born_with"]), settings)
        except BaseException:
            await postgres.close(session)
            raise
        return cls(shard, session)

    async def aclose(self) -> None:
        """End the session, and with it the turn."""
        await postgres.close(self._session)

    async def take_turn(self) -> None:
        """Wait until this archiver is the one that archives the shard."""
        while True:
            end_if_cancelled()
            try:
                await self._session.fetchval(_QUERIES["take_turn"], LOCK_CLASS, self.shard)
            except asyncpg.LockNotAvailableError:
                continue
            return

    async def position(self) -> int | None:
        """Return the number up to which everything is stored; None for a shard that has no stream yet."""
        through: int | None = await self._session.fetchval(_QUERIES["position"], self.shard)
        return through

    async def lift(self) -> int | None:
        """Return the number at which the stream is to begin again; None where no lift is under way."""
        lift_to: int | None = await self._session.fetchval(_QUERIES["lift"], self.shard)
        return lift_to

    async def raise_lift(self, number: int) -> int:
        """Begin a lift to a number, or raise that of one that is under way. Returns the number as it is now."""
        lift_to: int = await self._session.fetchval(_QUERIES["raise_lift"], self.shard, number)
        return lift_to

    async def end_lift(self, number: int) -> None:
        """Note that the stream begins at a number again and takes comments."""
        await self._session.execute(_QUERIES["end_lift"], self.shard, number)

    async def top(self) -> int:
        """Return a number that is not below any that Postgres holds, 0 if it holds none."""
        return await self._session.fetchval(_QUERIES["top"], self.shard) or 0

    async def times(self, places: Sequence[tuple[str, int]]) -> dict[int, int]:
        """Return when each of some numbers was stored, in milliseconds; without those that the videos do not have."""
        videos, numbers = [video for video, _ in places], [number for _, number in places]
        rows = await self._session.fetch(_QUERIES["times"], self.shard, videos, numbers)
        return {row["comment_id"]: row["posted_ms"] for row in rows if row["posted_ms"] is not None}

    async def what_is(self, number: int) -> tuple[str, int] | None:
        """Return the video that a number belongs to, and when it was stored; None where it is not there."""
        row = await self._session.fetchrow(_QUERIES["what_is"], self.shard, number)
        return (row["video_id"], row["posted_ms"]) if row is not None else None

    async def comments_of(self, ranges: Sequence[tuple[str, int, int]]) -> dict[str, dict[int, Words | None]]:
        """Return what there is of videos, each between two numbers; None for what is no comment, or not any more."""
        columns = [list(column) for column in zip(*ranges, strict=True)]
        rows = await self._session.fetch(_QUERIES["comments_of"], self.shard, *columns)
        found: dict[str, dict[int, Words | None]] = {}
        for video, number, as_said, *words in rows:
            found.setdefault(video, {})[number] = tuple(words) if as_said else None
        return found

    async def store(self, rows: Sequence[Row], old: int, new: int, unerased: Sequence[int] = ()) -> int:
        """Store rows and move the position from `old` to `new`, both or neither. Returns how many comments were new.

        `unerased`: removed texts that are still to be taken off the stream, which is noted with the rows.

        Raises `PositionMovedError` and `RowRefusedError`; then nothing was stored.
        """
        for attempt in range(STORE_ATTEMPTS):
            await self._ensure_blocks(rows)
            try:
                return await self._store_all(rows, old, new, unerased)
            except _REFUSALS as error:
                # A violated constraint without a name: there is no block for a number. The one that we know of was
                # dropped, or a restore took it away.
                no_block = isinstance(error, asyncpg.CheckViolationError) and error.constraint_name is None
                if not no_block or attempt == STORE_ATTEMPTS - 1:
                    raise RowRefusedError(type(error).__name__) from error
                self._blocks.clear()
        raise AssertionError

    async def removal(self) -> Removal | None:
        """Return the oldest removal that is under way, None for none."""
        row = await self._session.fetchrow(_QUERIES["next_removal"], self.shard)
        return Removal(*row) if row is not None else None

    async def of_user(self, removal: Removal) -> tuple[list[int], int | None]:
        """Return which comments are next to be removed, and how far that goes: None where it is the end."""
        row = await self._session.fetchrow(
            _QUERIES["of_user"],
            *(self.shard, removal.video, removal.reached, removal.upto, removal.user_id, REMOVAL_STEP),
        )
        assert row is not None
        return row["numbers"], row["reached"] if row["messages"] == REMOVAL_STEP else None

    async def remove(
        self, removal: Removal, numbers: Sequence[int], reached: int | None, unerased: Sequence[int] = ()
    ) -> None:
        """Overwrite the texts of comments that `of_user` has returned, and note how far the removal is.

        `unerased`: those of them that are still to be taken off the stream.
        """
        place = (self.shard, removal.video)
        async with self._transaction():
            await self._note_unerased(unerased)
            if numbers:
                ends = (min(numbers), max(numbers))
                await self._session.execute(_QUERIES["remove_all"], *place, numbers, removal.upto, *ends)
            if reached is None:
                await self._session.execute(_QUERIES["end_removal"], *place, removal.user_id, removal.upto)
            else:
                await self._session.execute(_QUERIES["reach_removal"], *place, removal.user_id, removal.upto, reached)

    async def erasures(self, above: int, limit: int) -> list[int]:
        """Return up to `limit` numbers above one of removed texts that are still to be taken off the stream."""
        return [row["comment_id"] for row in await self._session.fetch(_QUERIES["erasures"], self.shard, above, limit)]

    async def erased(self, numbers: Sequence[int]) -> None:
        """Note that texts were taken off the stream."""
        if numbers:
            await self._session.execute(_QUERIES["erased"], self.shard, numbers)

    async def _note_unerased(self, numbers: Sequence[int]) -> None:
        if numbers:
            await self._session.execute(_QUERIES["note_unerased"], self.shard, numbers)

    async def _store_all(self, rows: Sequence[Row], old: int, new: int, unerased: Sequence[int]) -> int:
        """Store rows, and do what the control messages among them say, in one transaction."""
        controls = [(row.video, row.control) for row in rows if row.control is not None]
        if not controls:
            return await self._store(rows, old, new)
        async with self._transaction():
            comments = await self._store(rows, old, new)
            await self._note_unerased(unerased)
            for video, control in controls:
                await self._do(video, control)
        return comments

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        """Do all of what is done within, or nothing.

        Where a statement ran out of time the session ends at once: a rollback would wait for a silent Postgres as long
        again.
        """
        async with self._session.transaction():
            try:
                yield
            except TimeoutError:
                self._session.terminate()
                raise

    async def _do(self, video: str, control: Control) -> None:
        place, detail = (self.shard, video), control.detail
        await self._session.execute(
            _QUERIES["log_control"],
            *(*place, control.number, control.kind, control.by, detail.get("role"), detail.get("reason")),
            *(orjson.dumps(detail).decode(), control.posted_ms),
        )
        if control.kind == DELETE:
            comment = int(detail["commentId"])
            done = await self._session.execute(_QUERIES["remove"], *place, comment, control.number)
            if done == "UPDATE 0":
                author, posted_ms = str(detail.get("userId", "")), detail["timestamp"]
                await self._session.execute(_QUERIES["entomb"], *place, comment, control.number, author, posted_ms)
        elif control.kind == BAN and detail["comments"]:
            await self._session.execute(_QUERIES["begin_removal"], *place, detail["userId"], control.number)

    async def _store(self, rows: Sequence[Row], old: int, new: int) -> int:
        done = await self._session.fetchrow(
            _QUERIES["store_batch"],
            self.shard,
            old,
            new,
            [row.video for row in rows],
            [row.number for row in rows],
            [row.kind for row in rows],
            [row.user_id for row in rows],
            [row.message for row in rows],
            [row.name for row in rows],
            [row.role for row in rows],
            [row.posted_ms for row in rows],
            [row.detail for row in rows],
            [row.deleted_by for row in rows],
        )
        assert done is not None
        if not done["moved"]:
            raise PositionMovedError(f"shard {self.shard}")
        comments: int = done["comments"]
        return comments

    async def _ensure_blocks(self, rows: Sequence[Row]) -> None:
        for block in sorted({row.number >> BLOCK_BITS for row in rows} - self._blocks):
            await self._session.execute(_QUERIES["ensure_block"], self.shard, max(block << BLOCK_BITS, 1))
            self._blocks.add(block)
