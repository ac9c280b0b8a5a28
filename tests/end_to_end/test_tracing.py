"""Where the time of a comment goes: a trace through writer, JetStream, edge and socket."""

from __future__ import annotations

import json

COMMENTS = 30
IN_ORDER = (
    *("client: sent", "writer: came", "writer: checked", "JetStream: stored", "edge: heard"),
    *("edge: first viewer written", "edge: last viewer written"),
)


def test_a_comment_is_followed_from_its_post_to_a_viewers_socket(start_cluster, tmp_path):
    cluster = start_cluster(LIVECOMMENTS_TRACE_DIR=str(tmp_path / "traces"))
    done = cluster.cli("trace", "--comments", str(COMMENTS), "--rate", "30", "--viewers", "3", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name: found[name]["count"] for name in IN_ORDER} == dict.fromkeys(IN_ORDER, COMMENTS)
    medians = [found[name]["p50"] for name in IN_ORDER]
    assert medians == sorted(medians)
    assert found["client: a viewer has it"]["count"] == COMMENTS
    assert found["writer: acknowledged"]["count"] == COMMENTS
    assert medians[0] == 0


def test_where_tracing_is_off_the_command_says_what_to_do(cluster):
    done = cluster.cli("trace", "--comments", "1")
    assert done.returncode == 1
    assert "LIVECOMMENTS_TRACE_DIR" in done.stderr
