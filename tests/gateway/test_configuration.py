"""The configuration: valid wherever it is used, and its own words are those of the services."""

import re
import subprocess

import orjson
import pytest

from cluster import binaries
from runtime import assets
from wire.problem import CONTENT_TYPE, DEFAULT_RETRY_AFTER_S, PROBLEMS, problem_body

CONFIGURATION = assets.folder("gateway") / "haproxy.cfg"
HTTP_ERROR = re.compile(
    r"^    http-error status (?P<status>\d+) content-type (?P<type>\S+) string '(?P<body>[^']*)'(?P<headers>.*)$",
    re.MULTILINE,
)


def addresses(writers: int, edges: int, histories: int, host: str) -> dict[str, str]:
    counts = {"WRITER": writers, "EDGE": edges, "HISTORY": histories}
    return {f"{name}_{number}": f"{host}:9{number:02}" for name in counts for number in range(1, counts[name] + 1)}


def check(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [binaries.haproxy(), "-db", "-c", "-f", CONFIGURATION],
        env={"GATEWAY_BIND": "127.0.0.1:8080", "GATEWAY_MAXCONN": "9000", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("counts", [(1, 1, 1), (1, 2, 1), (4, 16, 4)])
def test_it_is_valid_for_each_number_of_servers_without_a_warning(counts):
    checked = check(addresses(*counts, host="127.0.0.1"))
    assert (checked.returncode, checked.stderr) == (0, "")


def test_it_is_valid_where_servers_are_names_that_nobody_knows_yet():
    checked = check({**addresses(1, 2, 1, host="part.invalid"), "GATEWAY_DNS": "127.0.0.1:53"})
    assert checked.returncode == 0, checked.stderr


def test_every_error_of_the_gateway_is_word_for_word_a_problem_of_the_services():
    errors = {int(match["status"]): match for match in HTTP_ERROR.finditer(CONFIGURATION.read_text())}
    assert errors.keys() == {400, 404, 405, 408, 413, 429, 500, 502, 503, 504}
    for status, match in errors.items():
        body = orjson.loads(match["body"])
        expected = orjson.loads(problem_body(body["code"]))
        # The reason phrase of 413 differs between versions of Python.
        assert {**body, "title": ""} == {**expected, "title": ""}
        assert PROBLEMS[body["code"]][0] == status
        assert match["type"] == CONTENT_TYPE
        assert "hdr Cache-Control no-store" in match["headers"]
        retry_after = re.search(r"hdr Retry-After (\d+)", match["headers"])
        assert (int(retry_after[1]) if retry_after else None) == (
            10 if status == 429 else DEFAULT_RETRY_AFTER_S.get(status)
        )


def test_an_edge_that_has_gone_silent_is_given_up_well_within_ten_seconds_and_a_slow_one_has_time():
    edges = CONFIGURATION.read_text().partition("\nbackend edges\n")[2].partition("\nbackend ")[0]
    timeout_s = float(re.search(r"timeout check (\d+)s", edges)[1])
    interval_s, fall = int(re.search(r"check inter (\d+)ms", edges)[1]) / 1000, int(re.search(r"fall (\d+)", edges)[1])
    assert fall * (timeout_s + interval_s) <= 8
    assert timeout_s >= 2, "thousands who come back stand before a check"
    assert fall >= 3, "two lost packets are no reason to cut everybody off"
