"""A flame graph is drawn of a part that runs, and what is missing is said."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from bench.own_cluster import OwnCluster
from bench.profile import main


def test_a_flame_graph_of_an_edge_is_a_file(cluster: OwnCluster, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("LIVECOMMENTS_DATA_DIR", str(cluster.data_dir))
    graph = tmp_path / "edge.svg"
    done = CliRunner().invoke(main, ["edge", "--seconds", "1", "--output", str(graph)])
    assert done.exit_code == 0, done.output
    assert "<svg" in graph.read_text()


def test_where_nothing_runs_it_says_how_to_start_it(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("LIVECOMMENTS_DATA_DIR", str(tmp_path))
    done = CliRunner().invoke(main, ["edge"])
    assert done.exit_code == 1
    assert "make run" in done.output
