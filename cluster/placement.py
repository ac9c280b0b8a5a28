"""Where streams lie: as many on each NATS server as on any other, and as many led by each.

Servers place a new stream well by themselves, but never move one: not onto a server that was added, nor does leading
come back to one that was restarted. Moving is done by the servers: they add a copy elsewhere, wait until it has
everything, and only then let go of the old one, so nothing waits and nothing is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import string
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import nats.errors
import orjson
from nats.aio.client import Client

from runtime import jetstream
from runtime.jetstream import StoreAwayError, StoreError
from runtime.settings import Settings

ACCOUNT: Final = "$G"
OPERATOR: Final = "operator"
MOVED_WITHIN_S: Final = 600.0  # one stream; a large one has to be copied
STEPPED_DOWN_WITHIN_S: Final = 10.0
ASK_AGAIN_S: Final = 0.25
ASK_S: Final = 2.0
HEARD_WITHIN_S: Final = 0.5  # servers answer in milliseconds whoever asks who is there
STRANGER: Final = "one that was taken out is one again five minutes later; run this again then"
_STILL_MOVING: Final = 10124
ROUNDS_MAX: Final = 4  # tries to spread leaders: a server may refuse the one that was preferred


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream lies. `servers` are all that have a copy, `leader` included; `settled`: no move is under way."""

    stream: str
    leader: str | None
    servers: frozenset[str]
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Move:
    """A copy of a stream is to leave a server."""

    stream: str
    server: str


def next_move(places: Sequence[Place], servers: Sequence[str]) -> Move | None:
    """Return what to move next so that servers have about as many copies each, None where they have."""
    counts = Counter(dict.fromkeys(servers, 0))
    counts.update(server for place in places for server in place.servers if server in counts)
    fullest = sorted(servers, key=lambda server: (-counts[server], server))
    emptiest = min(servers, key=lambda server: (counts[server], server), default=None)
    for server in fullest:
        if emptiest is None or counts[server] - counts[emptiest] <= 1:
            return None
        movable = [one for one in places if server in one.servers and emptiest not in one.servers]
        if movable:
            # One that is led elsewhere first: then not even a leader changes.
            return Move(min(movable, key=lambda one: (one.leader == server, one.stream)).stream, server)
    return None


def next_leader(places: Sequence[Place]) -> tuple[str, str] | None:
    """Return a stream and the server that is to lead it, so that each leads about as many; None where that is so."""
    leading = Counter({server: 0 for place in places for server in place.servers})
    leading.update(place.leader for place in places if place.leader is not None)
    best: tuple[int, str, str] | None = None
    for place in sorted(places, key=lambda one: one.stream):
        if place.leader is None:
            continue
        for server in sorted(place.servers):
            gain = leading[place.leader] - leading[server]
            if gain > 1 and (best is None or gain > best[0]):
                best = (gain, place.stream, server)
    return None if best is None else best[1:]


async def spread(
    settings: Settings, streams: Sequence[str], tell: Callable[[str], None], leaving: str | None = None
) -> None:
    """Spread streams, and then who leads them; where there is only one server or no operator's password, do nothing.

    A server that is `leaving` keeps none; once it is not there any more it is no member of the cluster either. Raises
    `StoreError` when a stream does not come where it is to be in time, or has no place without the server that leaves.
    """
    if settings.nats_operator_password_file is None:
        if leaving is not None:
            raise StoreError("a server leaves by the operator's word: set LIVECOMMENTS_NATS_OPERATOR_PASSWORD_FILE")
        return
    connection = await jetstream.connect(settings, "placement")
    as_operator = settings.model_copy(
        update={"nats_user": OPERATOR, "nats_password_file": settings.nats_operator_password_file}
    )
    operator = await jetstream.connect(as_operator, "placement")
    try:
        servers = await _servers(operator)
        if leaving is not None:
            await _check_room(connection, streams, servers, leaving)
        if leaving in servers:
            # Nothing is spread meanwhile: NATS chooses where a copy goes, and would choose this one, with most room.
            await _empty(connection, operator, streams, leaving, tell)
        else:
            if leaving is not None:
                await _take_out(operator, leaving, tell)
            if len(servers) < 2:
                return
            for stranger in sorted(await _there(operator) - set(servers)):
                tell(f"{stranger} is there, and no member of the cluster: {STRANGER}")
            await _spread_copies(connection, operator, streams, servers, tell)
        await _spread_leaders(connection, streams, tell)
    finally:
        await jetstream.close(operator)
        await jetstream.close(connection)


async def _spread_copies(
    connection: Client, operator: Client, streams: Sequence[str], servers: Sequence[str], tell: Callable[[str], None]
) -> None:
    while True:
        places = [await _settled(connection, stream) for stream in streams]
        move = next_move(places, servers)
        if move is None:
            return
        await _move(connection, operator, move, tell)


async def _move(connection: Client, operator: Client, move: Move, tell: Callable[[str], None]) -> None:
    tell(f"{move.stream} leaves {move.server}")
    deadline = time.monotonic() + MOVED_WITHIN_S
    while True:
        request = {"server": move.server}
        answer = await _ask(operator, f"$JS.API.ACCOUNT.STREAM.MOVE.{ACCOUNT}.{move.stream}", request)
        if answer.get("error", {}).get("err_code") != _STILL_MOVING or time.monotonic() > deadline:
            break
        await asyncio.sleep(ASK_AGAIN_S)  # its last move is over for its leader, and not yet for the cluster's
    if "error" in answer:
        raise StoreError(f"{move.stream} cannot leave {move.server}: {answer['error'].get('description')}")
    await _until_left(connection, move)


async def _check_room(connection: Client, streams: Sequence[str], servers: Sequence[str], leaving: str) -> None:
    """Raise `StoreError` where streams have more copies than there are servers but for the one that leaves."""
    others = [server for server in servers if server != leaving]
    wanted = max([await _copies_wanted(connection, stream) for stream in streams])
    if len(others) < wanted:
        raise StoreError(
            f"without {leaving} there are {len(others)} servers, and streams have {wanted} copies: add a server first"
        )


async def _empty(
    connection: Client, operator: Client, streams: Sequence[str], leaving: str, tell: Callable[[str], None]
) -> None:
    """See to it that a server keeps no stream."""
    for stream in streams:
        if leaving in (await _settled(connection, stream)).servers:
            await _move(connection, operator, Move(stream, leaving), tell)
    tell(f"{leaving} keeps no stream any more: stop it, and run this once more")


async def _take_out(operator: Client, gone: str, tell: Callable[[str], None]) -> None:
    """See to it that a server that is not there is no member of the cluster. Raises `StoreError`.

    Copies that went with it are made anew on the others; whoever spreads streams waits until they are whole.
    """
    # By its number too: servers that were all started again since it was there know no name for it.
    answer = await _ask(operator, "$JS.API.SERVER.REMOVE", {"peer": gone, "peer_id": peer_id(gone)})
    if "error" in answer:
        raise StoreError(f"{gone} cannot be taken out: {answer['error'].get('description')}")
    tell(f"{gone} is no member of the cluster any more")


async def _copies_wanted(connection: Client, stream: str) -> int:
    answer = await jetstream.api(connection, f"STREAM.INFO.{stream}")
    if "error" in answer:
        raise StoreError(f"{stream}: {answer['error'].get('description')}")
    return int(answer["config"]["num_replicas"])


async def _spread_leaders(connection: Client, streams: Sequence[str], tell: Callable[[str], None]) -> None:
    for _ in range(ROUNDS_MAX * len(streams)):
        places = [await _settled(connection, stream) for stream in streams]
        wanted = next_leader(places)
        if wanted is None:
            return
        stream, server = wanted
        tell(f"{stream} is to be led by {server}")
        await jetstream.api(connection, f"STREAM.LEADER.STEPDOWN.{stream}", {"placement": {"preferred": server}})
        deadline = time.monotonic() + STEPPED_DOWN_WITHIN_S
        while (await place_of(connection, stream)).leader is None and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(ASK_AGAIN_S)


async def place_of(connection: Client, stream: str) -> Place:
    """Return where a stream lies. Raises `StoreError`."""
    answer = await jetstream.api(connection, f"STREAM.INFO.{stream}")
    if "error" in answer:
        raise StoreError(f"{stream}: {answer['error'].get('description')}")
    cluster: dict[str, Any] = answer.get("cluster") or {}
    leader = cluster.get("leader")
    others = cluster.get("replicas") or []
    return Place(
        stream,
        leader,
        frozenset([one["name"] for one in others] + ([leader] if leader else [])),
        settled=len(others) + 1 == answer["config"]["num_replicas"] and all(one.get("current") for one in others),
    )


async def _settled(connection: Client, stream: str) -> Place:
    """Return where a stream lies once all its copies have everything. Raises `StoreError`."""
    deadline = time.monotonic() + MOVED_WITHIN_S
    place = Place(stream, None, frozenset(), settled=False)
    while time.monotonic() < deadline:
        try:
            place = await place_of(connection, stream)
        except StoreAwayError:
            place = replace(place, leader=None)
        if place.settled and place.leader is not None:
            return place
        await asyncio.sleep(ASK_AGAIN_S)
    raise StoreError(f"{stream} has not all its copies: {', '.join(sorted(place.servers))}")


async def _until_left(connection: Client, move: Move) -> None:
    deadline = time.monotonic() + MOVED_WITHIN_S
    while time.monotonic() < deadline:
        place = await _settled(connection, move.stream)
        if move.server not in place.servers:
            return
        await asyncio.sleep(ASK_AGAIN_S)
    raise StoreError(f"{move.stream} has not left {move.server} within {MOVED_WITHIN_S:.0f} s")


def peer_id(server: str) -> str:
    """Return the number by which NATS servers know one of a name (nats-server's `getHash`)."""
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    return "".join(digits[byte % len(digits)] for byte in hashlib.sha256(server.encode()).digest()[:8])


async def _servers(operator: Client) -> list[str]:
    """Return the names of all servers of the cluster that keep streams and are there."""
    answer = await _ask(operator, "$SYS.REQ.SERVER.PING.JSZ", {"leader_only": True})
    meta: dict[str, Any] = (answer.get("data") or {}).get("meta_cluster") or {}
    members = [one["name"] for one in meta.get("replicas") or () if not one.get("offline")]
    return sorted({*members, *([meta["leader"]] if meta.get("leader") else [])})


async def _there(operator: Client) -> set[str]:
    """Return the names of all servers that answer, whether they are members of the cluster or not."""
    named: set[str] = set()
    inbox = operator.new_inbox()
    answers = await operator.subscribe(inbox)
    await operator.publish("$SYS.REQ.SERVER.PING", reply=inbox)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HEARD_WITHIN_S):
            async for answer in answers.messages:
                named.add(orjson.loads(answer.data)["server"]["name"])
    await answers.unsubscribe()
    return named


async def _ask(connection: Client, subject: str, request: dict[str, Any]) -> dict[str, Any]:
    try:
        reply = await connection.request(subject, orjson.dumps(request), timeout=ASK_S)
    except (nats.errors.Error, OSError) as error:
        raise StoreAwayError(f"{type(error).__name__} on {subject}") from error
    answer: dict[str, Any] = orjson.loads(reply.data)
    return answer
