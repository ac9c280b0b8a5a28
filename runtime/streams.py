"""The streams of the shards: provisioning them, and the number of shards.

The number of shards is fixed when a cluster is born: `shard = crc32(video) % shards` must stay what it is, or a
video's comments would be looked for in the wrong place. Postgres keeps it, and each stream carries it in its metadata,
so that parts that talk to NATS alone can check it too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from nats.aio.client import Client

from runtime import jetstream
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import START_WAIT_S, StoreAwayError, StoreError
from runtime.settings import Settings, SettingsError
from wire import subjects

if TYPE_CHECKING:
    import asyncpg  # for its types alone: edges, which have no database, need not load it

MAX_MESSAGE_BYTES: Final = 32 * 1024  # a comment has at most 8 KiB of body; names and headers come on top
SET_ASIDE_BYTES: Final = 64 * 1024 * 1024
REVOCATIONS_BYTES: Final = 128 * 1024 * 1024  # some 400,000; each goes with the last token that it could be about
MAX_STATE_MESSAGE_BYTES: Final = 640 * 1024  # the state of a video has at most 512 KiB
SHARDS_KEY: Final = "livecomments-shards"

_S_TO_NS: Final = 1_000_000_000
_NO_STREAM: Final = 10059
_LATER: Final = 503  # no leader yet, or not started yet
_ASK_AGAIN_S: Final = 0.25


async def provision(
    connection: Client, database: asyncpg.Connection, settings: Settings, done: Callable[[str], None]
) -> None:
    """Make every stream as it should be; a second run changes nothing. `done` is told each stream's name.

    Raises `SettingsError` when the cluster was born with another number of shards, `StoreError` when JetStream refuses,
    or does not answer for `START_WAIT_S`, a call.
    """
    born_with = await database.fetchval(
        "INSERT INTO cluster (shards) VALUES ($1) ON CONFLICT (one_row) DO UPDATE SET one_row = true RETURNING shards",
        settings.shards,
    )
    check_born_with(born_with, settings)
    for shard in range(settings.shards):
        await _provision_shard(connection, database, settings, shard)
        done(subjects.stream_name(shard))
    await _create_or_update(connection, _set_aside_stream(settings))
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
    return await _create_or_update(connection, _shard_stream(settings, shard, first_seq))


async def make_moderation_streams(connection: Client, settings: Settings) -> None:
    """Make the streams that keep the states of videos, without which no edge opens one, and the revocations."""
    await _create_or_update(connection, _moderation_stream(settings))
    await _create_or_update(connection, _revocations_stream(settings))


def further_bytes(settings: Settings) -> int:
    """Return what the streams beside those of the shards may hold, with as much room again for what NATS needs."""
    return 2 * SET_ASIDE_BYTES + settings.moderation_bytes + REVOCATIONS_BYTES


async def take_subjects_off(connection: Client, shard: int) -> None:
    """See to it that nothing is stored in a shard's stream any more. Raises `StoreError`."""
    await _change(connection, shard, {"subjects": [subjects.lifting(shard)]})


async def put_subjects_back(connection: Client, shard: int) -> None:
    """Let a shard's stream take comments. Raises `StoreError`."""
    await _change(connection, shard, {"subjects": [subjects.comments(shard, "*")]})


async def _change(connection: Client, shard: int, changed: dict[str, Any]) -> None:
    name = subjects.stream_name(shard)
    answer = await jetstream.api(connection, f"STREAM.INFO.{name}")
    if "error" not in answer:
        now = answer["config"]
        if all(now.get(key) == value for key, value in changed.items()):
            return
        answer = await jetstream.api(connection, f"STREAM.UPDATE.{name}", {**now, **changed})
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
    there = await _there(connection, subjects.stream_name(shard))
    if through is not None and there is not None:
        # Asked for after the stream, whose answer may have taken a while.
        if await database.fetchval("SELECT lift_to FROM archive_position WHERE shard = $1", shard) is not None:
            return  # the stream is being lifted: what it takes is the archiver's to say
        if int(there["state"]["last_seq"]) < through:
            # An older copy: nothing may be stored in it before the archiver has lifted the shard.
            await database.execute(
                "UPDATE archive_position SET lift_to = through + 1 WHERE shard = $1 AND lift_to IS NULL", shard
            )
            await take_subjects_off(connection, shard)
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


def _shard_stream(settings: Settings, shard: int, first_seq: int) -> dict[str, Any]:
    return {
        "name": subjects.stream_name(shard),
        "description": f"the comments of shard {shard}",
        "subjects": [subjects.comments(shard, "*")],
        "storage": "file",
        "retention": "limits",
        "discard": "new",  # full: refuse, and never drop what was acknowledged
        "max_bytes": settings.stream_bytes,
        "max_age": 0,  # the archiver trims: messages must not expire before they are in Postgres
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "max_msg_size": MAX_MESSAGE_BYTES,
        "max_consumers": -1,
        "num_replicas": settings.replicas,
        "duplicate_window": settings.key_life_s * _S_TO_NS,
        "allow_direct": True,
        "allow_atomic": True,
        "republish": {"src": subjects.comments(shard, "*"), "dest": subjects.live(shard, "{{wildcard(1)}}")},
        "first_seq": first_seq,
        "metadata": {SHARDS_KEY: str(settings.shards)},
    }


def _set_aside_stream(settings: Settings) -> dict[str, Any]:
    return {
        "name": subjects.SET_ASIDE_STREAM,
        "description": "messages that Postgres cannot hold, for a person to look at",
        "subjects": ["setaside.*"],
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "max_bytes": SET_ASIDE_BYTES,
        "num_replicas": settings.replicas,
        "duplicate_window": settings.key_life_s * _S_TO_NS,
        "metadata": {SHARDS_KEY: str(settings.shards)},
    }


def _moderation_stream(settings: Settings) -> dict[str, Any]:
    return {
        "name": subjects.VIDEO_STATES_STREAM,
        "description": "what moderators have decided: the state of each video",
        "subjects": [subjects.video_state("*", "*")],
        "storage": "file",
        "retention": "limits",
        "discard": "new",  # full: refuse; who is banned stays banned
        "max_bytes": settings.moderation_bytes,
        "max_msgs_per_subject": 1,  # the newest state is the state
        "max_msg_size": MAX_STATE_MESSAGE_BYTES,
        "num_replicas": settings.replicas,
        "duplicate_window": settings.key_life_s * _S_TO_NS,
        "allow_direct": True,
        "allow_msg_ttl": True,  # a state of which nothing is left to know goes by itself
        "metadata": {SHARDS_KEY: str(settings.shards)},
    }


def _revocations_stream(settings: Settings) -> dict[str, Any]:
    # A stream of its own: whoever fills the other one must not thereby keep his token.
    return {
        "name": subjects.REVOCATIONS_STREAM,
        "description": "tokens that are no longer good",
        "subjects": [subjects.revoked("*")],
        "storage": "file",
        "retention": "limits",
        "discard": "new",  # full: refuse; who is shut out stays so
        "max_bytes": REVOCATIONS_BYTES,
        "max_msgs_per_subject": 1,
        "max_msg_size": MAX_MESSAGE_BYTES,
        "num_replicas": settings.replicas,
        "duplicate_window": settings.key_life_s * _S_TO_NS,
        "allow_direct": True,
        "allow_msg_ttl": True,  # a revocation ends with the last token that it could be about
        "republish": {"src": subjects.revoked("*"), "dest": subjects.moderated_token("{{wildcard(1)}}")},
        "metadata": {SHARDS_KEY: str(settings.shards)},
    }


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
