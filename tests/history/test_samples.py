"""What the operator's page needs of the parts' metrics, and which parts are asked at all. Pure, and quick."""

from __future__ import annotations

import orjson
import pytest

from history.parts import MAX_PARTS, read_places
from history.samples import read_samples

METRICS = """
# TYPE livecomments_comments counter
livecomments_comments_total{milestone="accepted"} 7.0
livecomments_comments_total{milestone="stored"} 6.0
# TYPE livecomments_gaps counter
livecomments_gaps_total{outcome="left"} 2.0
# TYPE livecomments_queue_depth gauge
livecomments_queue_depth{shard="0"} 3.0
livecomments_queue_depth{shard="1"} 4.0
# TYPE livecomments_archive_lag_seconds gauge
livecomments_archive_lag_seconds{shard="0"} 0.5
livecomments_archive_lag_seconds{shard="1"} 1.5
# TYPE livecomments_post_seconds histogram
livecomments_post_seconds_bucket{le="0.1",status="201"} 5.0
livecomments_post_seconds_bucket{le="+Inf",status="201"} 6.0
livecomments_post_seconds_bucket{le="0.1",status="202"} 1.0
livecomments_post_seconds_bucket{le="+Inf",status="202"} 1.0
livecomments_post_seconds_count{status="201"} 6.0
livecomments_post_seconds_sum{status="201"} 0.4
# TYPE something_else gauge
something_else 99.0
"""


def test_samples_are_added_up_over_their_labels_or_the_highest_counts():
    samples = read_samples(METRICS)
    assert samples.values == {"accepted": 7, "stored": 6, "gapsLeft": 2, "queued": 7, "archiveLagSeconds": 1.5}
    assert samples.histograms == {"post": [(0.1, 6), (None, 7)]}


def test_text_that_is_no_metrics_is_refused():
    with pytest.raises(ValueError):
        read_samples("<html>not found</html>{")


def cluster(**changes):
    here = {"url": "http://127.0.0.1:4001", "pid": 1}
    return {
        "gateway": here,
        "writers": [here],
        "archivers": [here],
        "histories": [here],
        "edges": [here, here],
        "nats": [{"url": "nats://livecomments:nats-secret@127.0.0.1:4222", "pid": 2}],
        "postgres": {"dsn": "postgresql://owner:postgres-secret@127.0.0.1:5432/livecomments", "pid": 3},
        **changes,
    }


def places(tmp_path, document):
    file = tmp_path / "cluster.json"
    file.write_bytes(orjson.dumps(document))
    return read_places(file)


def test_of_the_cluster_s_file_only_hosts_and_ports_are_read(tmp_path):
    found = places(tmp_path, cluster())
    assert [(place.kind, place.number, place.metrics) for place in found] == [
        *(("writer", 1, True), ("archiver", 1, True), ("edge", 1, True), ("edge", 2, True), ("history", 1, True)),
        *(("gateway", 1, False), ("nats", 1, False), ("postgres", 1, False)),
    ]
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        *("http://10.0.0.1:80", "http://example.com:80", "http://169.254.169.254:80", "http://localhost.example:80"),
        *("http://0.0.0.0:80", "http://[::]:80", "http://127.0.0.1", "http://2130706433:80", "file:///etc/passwd", ""),
    ],
)
def test_nothing_but_this_machine_is_ever_asked(tmp_path, url):
    found = places(tmp_path, cluster(edges=[{"url": url, "pid": 1}]))
    assert not [place for place in found if place.kind == "edge"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"writers": 5}', '{"writers": [{"url": 5}]}', "null"])
def test_a_file_that_is_not_whole_is_no_cluster(tmp_path, text):
    file = tmp_path / "cluster.json"
    file.write_text(text)
    assert read_places(file) == []
    assert read_places(tmp_path / "missing") == []


def test_no_more_parts_are_asked_than_a_machine_has(tmp_path):
    many = [{"url": f"http://127.0.0.1:{port}", "pid": 1} for port in range(4000, 4200)]
    assert len(places(tmp_path, cluster(edges=many))) == MAX_PARTS
