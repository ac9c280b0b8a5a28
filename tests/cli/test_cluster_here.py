import os
from pathlib import Path

import click
import orjson
import pytest

from livecomments.cluster_here import NoClusterError, describe, public_url
from runtime.settings import Settings


def described(folder: Path, pid: int) -> Settings:
    place = {"url": "http://127.0.0.1:8080", "pid": pid}
    parts = {part: [place] for part in ("writers", "archivers", "histories", "edges", "nats")}
    (folder / "cluster.json").write_bytes(
        orjson.dumps({"gateway": place, **parts, "postgres": {"dsn": "", "pid": pid}})
    )
    return Settings(data_dir=folder)


def test_the_gateway_of_the_cluster_that_runs_is_found(tmp_path):
    settings = described(tmp_path, os.getpid())
    assert public_url(settings, None) == "http://127.0.0.1:8080"
    assert describe(settings)["edges"][0]["pid"] == os.getpid()


def test_a_description_that_a_killed_cluster_left_behind_is_not_believed(tmp_path):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    with pytest.raises(NoClusterError, match="does not run any more"):
        describe(described(tmp_path, child))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"gateway": 1}', b'{"gateway":{"pid":"x"}}'])
def test_a_file_that_describes_nothing_is_told(tmp_path, content):
    (tmp_path / "cluster.json").write_bytes(content)
    with pytest.raises(NoClusterError, match="not the description"):
        describe(Settings(data_dir=tmp_path))


def test_where_nothing_runs_the_message_says_how_to_start_it(tmp_path):
    with pytest.raises(NoClusterError, match="make run"):
        public_url(Settings(data_dir=tmp_path / "none"), None)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/", "http://127.0.0.1:8080", "http://127.0.0.1:8080//"])
def test_an_address_that_is_given_needs_no_cluster_here(tmp_path, url):
    assert public_url(Settings(data_dir=tmp_path), url) == "http://127.0.0.1:8080"


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://x", "http://", "file:///etc/passwd", "http://[::1", "x"])
def test_what_is_no_address_is_a_wrong_call(tmp_path, url):
    with pytest.raises(click.BadParameter):
        public_url(Settings(data_dir=tmp_path), url)
