"""When alerts fire, and when they do not: the rules, fed with series that are made up."""

import shutil
import subprocess
from dataclasses import dataclass

import pytest
import yaml

from tests.servers import ROOT

RULES = ROOT / "monitoring" / "prometheus" / "alerts.yml"
ARCHIVERS = ("archiver-1:8080", "archiver-2:8080")


@dataclass(frozen=True)
class Case:
    """Series of a sample every 5 s, and whether an alert fires at a time."""

    alert: str
    series: dict[str, str]
    at: str
    fires: bool


def copies(current: str, wanted: str = "3x60") -> dict[str, str]:
    """Return what two archivers say of two streams, of which one is as said."""
    return {
        f'livecomments_stream_copies_{what}{{stream="{stream}",instance="{instance}"}}': values
        for instance in ARCHIVERS
        for stream in ("comments-0", "comments-1")
        for what, values in (("wanted", wanted), ("current", current if stream == "comments-0" else "3x60"))
    }


def shards(name: str, values: str) -> dict[str, str]:
    return {f'livecomments_{name}{{shard="0",instance="archiver-1:8080"}}': values}


def parts(**others: str) -> dict[str, str]:
    """Return what parts say that they are, on Kubernetes, and a gateway's number of connections."""
    told = dict.fromkeys(("writer", "archiver", "history", "edge"), "1x60") | others
    labels = 'job="kubernetes-pods",namespace="livecomments"'
    return {f'livecomments_part_info{{part="{part}",pod="{part}-0",{labels}}}': values for part, values in told.items()}


GATEWAY = {'haproxy_process_max_connections{pod="gateway-x"}': "30000x60"}
STRANGER = {'up{job="kubernetes-pods",namespace="shop",pod="shop-1"}': "0x60"}

CASES = [
    Case("PartDown", STRANGER, "4m", fires=False),
    Case("PartDown", {'up{job="edge",instance="edge-1:8080"}': "1x10 0x50"}, "2m", fires=True),
    Case("PartDown", {'up{namespace="livecomments",pod="edge-1",instance="10.0.0.7:8080"}': "0x60"}, "2m", fires=True),
    Case("KindDown", parts() | GATEWAY, "4m", fires=False),
    Case("KindDown", parts(edge="1x10 stale") | GATEWAY, "2m", fires=True),
    Case("KindDown", parts(), "2m", fires=True),
    Case("CopyBehind", copies("3x60"), "4m", fires=False),
    Case("CopyBehind", copies("3 2 2 3 2 2 2 2 2x6 3x40"), "2m", fires=False),  # busy, or started again
    Case("CopyBehind", copies("3 2x60"), "1m30s", fires=False),
    Case("CopyBehind", copies("3 2x60"), "2m15s", fires=True),
    Case("SetAside", shards("archive_set_aside_total", "0x10 1x40"), "1m30s", fires=True),
    Case("CommentsLost", shards("archive_lost_numbers_total", "0x10 1x40"), "1m30s", fires=True),
    Case("ShardLifted", shards("archive_lifts_total", "0x10 1x40"), "1m30s", fires=True),
    Case("NotStored", {'livecomments_store_away{shard="0"}': "0x60"}, "4m", fires=False),
    # Once JetStream is known to be away posts are refused before they are counted.
    Case(
        "NotStored",
        {
            'livecomments_not_stored_total{code="not_stored"}': "0x4 5x60",
            'livecomments_store_away{shard="0"}': "0x4 1x60",
        },
        "4m",
        fires=True,
    ),
    Case("ReplicaAway", {"livecomments_history_second_choice": "0 1 1 0x60"}, "2m", fires=False),
    Case("ReplicaAway", {"livecomments_history_second_choice": "0 1x60"}, "2m", fires=True),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert} {'fires' if case.fires else 'is quiet'}")
def test_an_alert_fires_when_it_should_and_not_when_it_should_not(case, tmp_path):
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not installed: apt-get install prometheus"
    # Without what it would say: that it fires is in what promtool found instead of nothing.
    document = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "5s",
        "tests": [
            {
                "interval": "5s",
                "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
                "alert_rule_test": [{"alertname": case.alert, "eval_time": case.at, "exp_alerts": []}],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == case.fires, done.stdout + done.stderr
    if case.fires:
        assert f'alertname="{case.alert}"' in done.stdout + done.stderr
