"""What is in the cluster: which NATS server leads what, asked of the servers themselves."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import aiohttp

from hosts.fleet import Fleet
from wire import subjects

MONITOR_PORT = 8222
ASK_S = 2.0


@dataclass(frozen=True, slots=True)
class Leaders:
    """Who leads: the cluster's meta group, and each stream."""

    meta: str | None
    streams: dict[str, str]


async def leaders(fleet: Fleet) -> Leaders:
    """Return who leads now, as far as the servers that answer say."""
    meta, streams = None, {}
    for name in fleet.named("nats"):
        said = await _jsz(fleet, name)
        meta = (said.get("meta_cluster") or {}).get("leader") or meta
        for account in said.get("account_details") or ():
            for stream in account.get("stream_detail") or ():
                leader = (stream.get("cluster") or {}).get("leader")
                if leader == name:
                    streams[stream["name"]] = name
    return Leaders(meta, streams)


async def copies(fleet: Fleet) -> Counter[str]:
    """Return how many streams each NATS server has a copy of."""
    held: Counter[str] = Counter()
    for name in fleet.named("nats"):
        for account in (await _jsz(fleet, name)).get("account_details") or ():
            held[name] += len(account.get("stream_detail") or ())
    return held


async def meta_members(fleet: Fleet) -> set[str]:
    """Return the NATS servers that have a vote in the meta group, as its leader says; none where it has no leader."""
    for name in fleet.named("nats"):
        meta = (await _jsz(fleet, name)).get("meta_cluster") or {}
        if meta.get("leader") == name:
            return {name, *(one["name"] for one in meta.get("replicas") or ())}
    return set()


async def leader_of_shard(fleet: Fleet, shard: int) -> str:
    """Return who leads a shard's stream; some server where nobody says."""
    return (await leaders(fleet)).streams.get(subjects.stream_name(shard)) or fleet.named("nats")[0]


async def _jsz(fleet: Fleet, name: str) -> dict[str, Any]:
    timeout = aiohttp.ClientTimeout(total=ASK_S)
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with aiohttp.ClientSession(timeout=timeout) as session:
            url = f"{fleet.url(name, MONITOR_PORT)}/jsz?accounts=true&streams=true"
            async with session.get(url) as response:
                return dict(await response.json())
    return {}
