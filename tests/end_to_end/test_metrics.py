"""What alerts go by is there before anything has happened."""

import re

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from bench.own_cluster import OwnCluster
from tests.end_to_end.conftest import SHARDS
from tests.servers import ROOT


async def samples(cluster: OwnCluster, web: aiohttp.ClientSession) -> list[Sample]:
    """Everything that the parts tell."""
    found: list[Sample] = []
    described = cluster.describe()
    for part in [part for kind in ("writers", "archivers", "histories", "edges") for part in described[kind]]:
        async with web.get(f"{part['url']}/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
            found += [sample for family in families for sample in family.samples]
    return found


async def test_whatever_an_alert_wants_the_increase_of_is_told_before_it_happens_for_the_first_time(
    cluster: OwnCluster, web: aiohttp.ClientSession
) -> None:
    """An increase from nothing to 1 is none to Prometheus: the first comment that is lost would alarm nobody."""
    rules = (ROOT / "monitoring" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    wanted = re.findall(r"(?:increase|rate)\((livecomments_\w+)(?:\{(\w+)=\"(\w+)\"\})?\[", rules)
    assert len(wanted) > 10
    told = await samples(cluster, web)
    for name, label, value in wanted:
        series = [one for one in told if one.name == name and (not label or one.labels.get(label) == value)]
        assert series, f"nobody tells {name} {label} {value}"
        shards = {one.labels["shard"] for one in series if "shard" in one.labels}
        assert not shards or shards == {str(shard) for shard in range(SHARDS)}, name
