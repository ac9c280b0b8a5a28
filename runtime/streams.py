"""The streams of the shards: provisioning them, and the number of shards.

The number of shards is fixed when a cluster is born: `shard = crc32(video) % shards` must stay what it is, or a
video's comments would be looked for in the wrong place. Postgres keeps it, and each stream carries it in its metadata,
so that parts that talk to NATS alone can check it too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nats.aio.client import Client

from runtime import jetstream
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import START_WAIT_S, StoreAwayError, StoreError
from runtime.settings import Settings, SettingsError
from runtime.stream_configs import SHARDS_KEY, moderation_stream, revocations_stream, set_aside_stream, shard_stream
from wire import subjects

if TYPE_CHECKING:
    import asyncpg  # for its types alone: edges, which have no database, need not load it

LOCK_CLASS: Final = 0x6C63  # "lc": the first half of the key of every advisory lock of a shard; the second is the shard
LIFT_WAIT_S: Final = 30  # for the archiver that has the lock to lift an older copy

_NO_STREAM: Final = 10059
_LATER: Final = 503  # no leader yet, or not started yet
_ASK_AGAIN_S: Final = 0.25

_Ask = Callable[[Client, str, dict[str, Any] | None], Awaitable[dict[str, Any]]]


async def provision(
    connection: Client, database: asyncpg.Connection, settings: Settings, done: Callable[[str], None]
) -> None:
    """Make every stream as it should be; a second run changes nothing. `done` is told each stream's name.

    Raises `SettingsError` when the cluster was born with another number of shards, `StoreError` when JetStream refuses,
    or does not answer for `START_WAIT_S`, a call, or where an older copy is not lifted for `LIFT_WAIT_S`.
    """
    born_with = await database.fetchval(
        "INSERT INTO cluster (shards) VALUES ($1) ON CONFLICT (one_row) DO UPDATE SET one_row = true RETURNING shards",
        settings.shards,
    )
    check_born_with(born_with, settings)
    for shard in range(settings.shards):
        await _provision_shard(connection, database, settings, shard)
        done(subjects.stream_name(shard))
    await _create_or_update(connection, set_aside_stream(settings))
    done(subjects.SET_ASIDE_STREAM)
    await make_moderation_streams(connection, settings)
    done(subjects.VIDEO_STATES_STREAM)
    done(subjects.REVOCATIONS_STREAM)


async def check_shards(connection: Client, settings: Settings) -> None:
    """Raise `SettingsError` when the streams are not there, or were made for another number of shards.

    Waits while JetStream comes up; raises `StoreAwayError` when that takes longer than `START_WAIT_S`.
    """
    answer = await _answer(connection, f"STREAM.INFO.{subjects.stream_name(0)}")
    if "error" in answer:
        raise SettingsError("the streams are not there yet: run 'livecomments streams'")
    check_born_with(int(answer["config"].get("metadata", {}).get(SHARDS_KEY, "0")), settings)


async def make_shard_stream(connection: Client, settings: Settings, shard: int, first_seq: int) -> dict[str, Any]:
    """Make one shard's stream as it should be, and return its configuration. A new one numbers from `first_seq` on."""
    return await _create_or_update(connection, shard_stream(settings, shard, first_seq))


async def make_moderation_streams(connection: Client, settings: Settings) -> None:
    """Make the streams that keep the states of videos, without which no edge opens one, and the revocations."""
    await _create_or_update(connection, moderation_stream(settings))
    await _create_or_update(connection, revocations_stream(settings))


async def take_subjects_off(connection: Client, shard: int) -> None:
    """See to it that nothing is stored in a shard's stream any more. Raises `StoreError`."""
    await _change(jetstream.api, connection, shard, [subjects.lifting(shard)])


async def put_subjects_back(connection: Client, shard: int) -> None:
    """Let a shard's stream take comments. Raises `StoreError`."""
    await _change(jetstream.api, connection, shard, [subjects.comments(shard, "*")])


async def _change(ask: _Ask, connection: Client, shard: int, wanted: list[str]) -> None:
    """Have a shard's stream take what is said on these subjects, and nothing else. Raises `StoreError`."""
    name = subjects.stream_name(shard)
    answer = await ask(connection, f"STREAM.INFO.{name}", None)
    if "error" not in answer:
        now = answer["config"]
        if now.get("subjects") == wanted:
            return
        answer = await ask(connection, f"STREAM.UPDATE.{name}", {**now, "subjects": wanted})
    if "error" in answer:
        raise StoreError(f"{name}: {answer['error'].get('description')}")


async def _answer(connection: Client, call: str, wanted: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return JetStream's answer, once it says something that is not "later": it starts, or a leader is being elected.

    Raises `StoreAwayError` when that takes longer than `START_WAIT_S`.
    """
    said = ""
    try:
        async with asyncio.timeout(START_WAIT_S):
            while True:
                end_if_cancelled()
                try:
                    answer = await jetstream.api(connection, call, wanted)
                except StoreAwayError as error:
                    said = str(error)
                else:
                    error_said = answer.get("error", {})
                    if error_said.get("code") != _LATER:
                        return answer
                    said = str(error_said.get("description"))
                await asyncio.sleep(_ASK_AGAIN_S)
    except TimeoutError:
        raise StoreAwayError(f"JetStream has no answer to {call} for {START_WAIT_S} s: {said}") from None


async def _there(connection: Client, name: str) -> dict[str, Any] | None:
    """Return what JetStream says of a stream, None where there is none. Raises `StoreError`."""
    answer = await _answer(connection, f"STREAM.INFO.{name}")
    if "error" not in answer:
        return answer
    if answer["error"].get("err_code") == _NO_STREAM:
        return None
    raise StoreError(f"{name}: {answer['error'].get('description')}")


def check_born_with(shards: int | None, settings: Settings) -> None:
    """Raise `SettingsError` unless `shards`, which Postgres keeps in `cluster`, is what the settings say."""
    if shards is None:
        raise SettingsError("the streams are not there yet: run 'livecomments streams'")
    if shards != settings.shards:
        raise SettingsError(
            f"LIVECOMMENTS_SHARDS={settings.shards}: this cluster was born with {shards} shards, and that is fixed:"
            f" set LIVECOMMENTS_SHARDS={shards}"
        )


async def _provision_shard(connection: Client, database: asyncpg.Connection, settings: Settings, shard: int) -> None:
    through = await database.fetchval("SELECT through FROM archive_position WHERE shard = $1", shard)
    if through is not None and await _is_left_to_its_archiver(connection, database, shard):
        return
    first = max(time.time_ns() // 1000, (through or 0) + 1)
    config = await make_shard_stream(connection, settings, shard, first)
    # The stream's own first number is where its archive begins: also when an earlier run ended right after creating
    # it, and when a stream that was lost has been replaced by one that starts above every number known.
    await database.execute(
        """
        INSERT INTO archive_position (shard, through) VALUES ($1, $2)
        ON CONFLICT (shard) DO UPDATE SET through = greatest(archive_position.through, excluded.through)
        """,
        shard,
        config["first_seq"] - 1,
    )


async def _is_left_to_its_archiver(connection: Client, database: asyncpg.Connection, shard: int) -> bool:
    """Return whether a shard is lifted, or is to be: then its archiver says what its stream takes, and when.

    Nothing may be stored in an older copy before that. Its subjects are taken off it under the shard's lock: else an
    archiver that has lifted the shard meanwhile would not put them back. One that holds the lock is waited for, as it
    finds the copy out by itself. Raises `StoreAwayError` when that takes longer than `LIFT_WAIT_S`.
    """
    give_up_s = time.monotonic() + LIFT_WAIT_S
    while True:
        end_if_cancelled()
        found = await _look_at(connection, database, shard)
        if not found.takes_what_it_must_not:
            return found.is_lifted
        if await database.fetchval("SELECT pg_try_advisory_lock($1, $2)", LOCK_CLASS, shard):
            try:
                return await _take_older_copy_out(connection, database, shard)
            finally:
                await database.execute("SELECT pg_advisory_unlock($1, $2)", LOCK_CLASS, shard)
        if time.monotonic() >= give_up_s:
            raise StoreAwayError(
                f"{subjects.stream_name(shard)} is an older copy, and the archiver of the shard has not lifted it"
                f" for {LIFT_WAIT_S} s: see its log, or end it, and run this again"
            )
        await asyncio.sleep(_ASK_AGAIN_S)


class _Found(NamedTuple):
    """A stream as it is: whether it is an older copy that takes comments all the same, and whether it is lifted."""

    takes_what_it_must_not: bool
    is_lifted: bool


async def _look_at(connection: Client, database: asyncpg.Connection, shard: int) -> _Found:
    through = await database.fetchval("SELECT through FROM archive_position WHERE shard = $1", shard)
    there = await _there(connection, subjects.stream_name(shard))
    # Asked for after the stream, whose answer may have taken a while.
    lift_to = await database.fetchval("SELECT lift_to FROM archive_position WHERE shard = $1", shard)
    if there is None:
        return _Found(takes_what_it_must_not=False, is_lifted=False)
    is_short = int(there["state"]["last_seq"]) < (through if lift_to is None else lift_to - 1)
    is_closed = lift_to is not None and there["config"]["subjects"] == [subjects.lifting(shard)]
    return _Found(is_short and not is_closed, lift_to is not None)


async def _take_older_copy_out(connection: Client, database: asyncpg.Connection, shard: int) -> bool:
    """See that nothing is stored in an older copy, also where an earlier run broke off in the middle of that.

    Returns whether it is one, now that nobody else lifts it.
    """
    found = await _look_at(connection, database, shard)
    if not found.takes_what_it_must_not:
        return found.is_lifted
    await database.execute(
        "UPDATE archive_position SET lift_to = through + 1 WHERE shard = $1 AND lift_to IS NULL", shard
    )
    await _change(_answer, connection, shard, [subjects.lifting(shard)])
    return True


async def _create_or_update(connection: Client, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the stream's configuration as it is now."""
    name = wanted["name"]
    there = await _there(connection, name)
    if there is None:
        answer = await _answer(connection, f"STREAM.CREATE.{name}", wanted)
    else:
        now = there["config"]
        # The first number was fixed at creation; metadata holds the server's own entries as well.
        changed = {key: value for key, value in wanted.items() if key not in ("first_seq", "metadata")}
        if all(now.get(key, _DEFAULTS.get(key)) == value for key, value in changed.items()):
            return dict(now)
        answer = await _answer(connection, f"STREAM.UPDATE.{name}", {**now, **changed})
    if "error" in answer:
        raise StoreError(f"{name}: {answer['error'].get('description')}")
    return dict(answer["config"])


_DEFAULTS: Final = {"max_age": 0}
