"""How many whole copies a stream has is told, and which server lacks what."""

from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import CapturingLogger

from tests.archive.conftest import SHARD, SHARDS, World, a_follower, until
from tests.servers import NatsPeer
from wire import subjects
from writer.archiving import copies_watch
from writer.archiving.copies_watch import Copies, CopiesWatch, copies_of

STREAM = subjects.stream_name(SHARD)


def told(what: str, stream: str = STREAM) -> float | None:
    return REGISTRY.get_sample_value(f"livecomments_stream_copies_{what}", {"stream": stream})


async def test_a_copy_that_is_behind_is_told_and_so_is_one_that_has_caught_up(
    replicated: World, peers: list[NatsPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()
    monkeypatch.setattr(copies_watch, "_log", log)
    monkeypatch.setattr(copies_watch, "LOG_AFTER_S", 0.0)
    watch = CopiesWatch(replicated.connection, SHARDS)

    async def whole() -> bool:
        await watch.look()
        return told("current") == 3

    async def behind() -> bool:
        await watch.look()
        return told("current") == 2

    await until(whole)
    assert {told("wanted", stream) for stream in (STREAM, "setaside", "moderation", "revocations")} == {3}
    follower = await a_follower(replicated, peers)
    follower.pause()
    await replicated.say("one that the silent server has not")
    await until(behind)
    assert told("wanted") == 3
    follower.resume()
    await until(whole)
    assert "warning" in [call.method_name for call in log.calls if call.kwargs["server"] == follower.folder.name]


def info(**cluster: object) -> dict[str, Any]:
    return {"config": {"num_replicas": 3}, "cluster": cluster}


@pytest.mark.parametrize(
    ("answer", "copies"),
    [
        ({"config": {"num_replicas": 1}}, Copies(1, 1, ())),
        (info(leader="a", replicas=[{"name": "b", "current": True}, {"name": "c", "current": True}]), Copies(3, 3, ())),
        (
            info(leader="a", replicas=[{"name": "b", "current": False}, {"name": "c", "current": True}]),
            Copies(3, 2, ("b",)),
        ),
        (info(leader="a", replicas=[{"name": "b", "current": True, "offline": True}]), Copies(3, 1, ("b",))),
        (info(leader="a"), Copies(3, 1, ())),
        (info(replicas=[{"name": "b", "current": True}]), Copies(3, 0, ())),
    ],
    ids=["one server", "all whole", "one behind", "one gone and one taken away", "alone", "nobody leads"],
)
def test_a_copy_counts_when_the_leader_says_that_it_has_everything(answer: dict[str, Any], copies: Copies) -> None:
    assert copies_of(answer) == copies
