"""`livecomments up`: what it starts, keeps running, ends and keeps."""

import contextlib
import http.client
import os
import signal
import socket
import stat
import subprocess
import time
import urllib.error
import urllib.request

import orjson
import pytest

from bench.own_cluster import free_port
from cluster.parts import STOP_WAIT_S
from tests.cluster.conftest import is_alive, places, processes_of, until


def answers(place):
    """Whether something listens where a place says."""
    port = int((place.get("url") or place["dsn"]).rpartition("@")[2].rpartition(":")[2].partition("/")[0])
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def request(cluster, method, path, token, body=None):
    """The status and the JSON of an answer of the gateway; (0, {}) where the connection is cut."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = orjson.dumps(body) if body is not None else None
    asked = urllib.request.Request(cluster.url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=15) as answer:
            return answer.status, orjson.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, orjson.loads(error.read())
    except (OSError, http.client.HTTPException):
        return 0, {}


def one_line_of(completed):
    """The one line on standard error with which a command has failed."""
    assert completed.returncode == 1, completed.stderr
    lines = [line for line in completed.stderr.splitlines() if not line.endswith("…")]  # what it was doing
    assert len(lines) == 1, completed.stderr
    return lines[0]


@pytest.mark.parametrize(
    "name", ["gateway-1", "writers-1", "archivers-1", "histories-1", "edges-1", "edges-2", "nats-1", "postgres-1"]
)
def test_a_process_that_is_killed_is_back_at_the_same_address_and_the_cluster_file_follows(cluster, name):
    before = places(cluster.describe())
    os.kill(before[name]["pid"], signal.SIGKILL)
    until(lambda: places(cluster.describe())[name]["pid"] != before[name]["pid"])
    after = places(cluster.describe())
    assert {**after[name], "pid": 0} == {**before[name], "pid": 0}
    assert {other: place for other, place in after.items() if other != name} == {
        other: place for other, place in before.items() if other != name
    }
    assert is_alive(after[name]["pid"])
    until(lambda: answers(after[name]))


def test_after_a_process_of_each_kind_was_killed_a_comment_goes_all_the_way(cluster):
    token = cluster.token("ann")
    for place in places(cluster.describe()).values():
        os.kill(place["pid"], signal.SIGKILL)
    until(lambda: all(is_alive(place["pid"]) for place in places(cluster.describe()).values()))

    message = {"message": "still here"}
    until(lambda: request(cluster, "POST", "/comments/all-killed", token, message)[0] in (201, 202))
    until(lambda: request(cluster, "GET", "/comments/all-killed", token)[1].get("comments"))


def test_the_data_directory_is_closed_to_others(cluster):
    def mode(path):
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(cluster.data_dir) == 0o700
    assert mode(cluster.data_dir / "cluster.json") == 0o600
    secrets = list((cluster.data_dir / "secrets").iterdir())
    assert len(secrets) == 10  # tokens, three roles in Postgres, and six users of NATS
    assert {mode(secret) for secret in secrets} == {0o600}


def test_postgres_and_nats_take_nobody_without_the_password(cluster):
    port = int(cluster.describe()["nats"][0]["url"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        said = b""
        while piece := client.recv(4096):
            said += piece
    assert b"Authorization Violation" in said
    assert b"PONG" not in said
    assert "scram-sha-256" in (cluster.data_dir / "postgres" / "pg_hba.conf").read_text()
    assert "trust" not in [
        line.split()[-1]
        for line in (cluster.data_dir / "postgres" / "pg_hba.conf").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]


def test_ctrl_c_leaves_no_process_and_the_next_up_has_the_comments(mortal):
    mortal.start()
    token = mortal.token("ann")
    status, posted = request(mortal, "POST", "/comments/kept", token, {"message": "remember me"})
    assert status in (201, 202)
    running = processes_of(mortal.data_dir)
    pids = {place["pid"] for place in places(mortal.describe()).values()}
    assert len(pids) == 8
    os.kill(mortal.pid, signal.SIGINT)
    assert mortal.stop() == 0
    until(lambda: not any(map(is_alive, {*running, *pids})), within_s=2)
    assert not processes_of(mortal.data_dir)
    assert not (mortal.data_dir / "cluster.json").exists()

    mortal.start()
    comments = until(lambda: request(mortal, "GET", "/comments/kept", token)[1].get("comments"))
    assert [(one["id"], one["message"]) for one in comments] == [(posted["commentId"], "remember me")]
    mortal.stop()


def test_when_up_is_killed_nothing_stays_behind_and_the_next_up_starts(mortal):
    mortal.start()
    pids = {place["pid"] for place in places(mortal.describe()).values()}
    os.kill(mortal.pid, signal.SIGKILL)
    until(lambda: not any(map(is_alive, pids)))
    until(lambda: not processes_of(mortal.data_dir))
    mortal.stop()
    mortal.start()
    assert not pids & {place["pid"] for place in places(mortal.describe()).values()}
    mortal.stop()


def test_a_second_ctrl_c_does_not_wait_for_a_process_that_hangs(mortal):
    mortal.start()
    description = places(mortal.describe())
    os.kill(description["writers-1"]["pid"], signal.SIGSTOP)
    os.kill(mortal.pid, signal.SIGINT)
    until(lambda: not is_alive(description["edges-1"]["pid"]))
    asked_again = time.monotonic()
    os.kill(mortal.pid, signal.SIGINT)
    mortal.stop()
    assert time.monotonic() - asked_again < STOP_WAIT_S / 3
    assert not any(is_alive(place["pid"]) for place in description.values())


@pytest.mark.parametrize("after_s", [0.1, 1.0])
def test_ctrl_c_during_the_start_leaves_no_process(mortal, after_s):
    starting = subprocess.Popen(mortal.command("up"), env=mortal.env, stderr=subprocess.PIPE, text=True)
    assert starting.stderr.readline().startswith("starting Postgres")
    with contextlib.suppress(subprocess.TimeoutExpired):
        starting.wait(after_s)  # somewhere in the middle: that is the point
    starting.send_signal(signal.SIGINT)
    starting.communicate(timeout=30)
    assert starting.returncode == 0
    assert not processes_of(mortal.data_dir)


def test_another_number_of_shards_is_refused_in_one_line_and_nothing_is_left(mortal):
    if not (mortal.data_dir / "postgres").exists():
        mortal.start()
        mortal.stop()
    line = one_line_of(mortal.cli("up", env={"LIVECOMMENTS_SHARDS": "7"}))
    assert "LIVECOMMENTS_SHARDS=7" in line
    assert "4 shards" in line
    assert not processes_of(mortal.data_dir)


def test_a_port_that_is_taken_is_said_in_one_line_with_what_to_do(tmp_path, cluster):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        env = {"LIVECOMMENTS_DATA_DIR": str(tmp_path / "data"), "LIVECOMMENTS_PORT": str(port)}
        line = one_line_of(cluster.cli("up", env=env))
    assert str(port) in line
    assert "LIVECOMMENTS_PORT" in line
    assert not (tmp_path / "data").exists(), "a start that is refused leaves nothing behind"


def test_a_second_up_in_the_same_directory_is_refused_in_one_line(cluster):
    line = one_line_of(cluster.cli("up", env={"LIVECOMMENTS_PORT": str(free_port())}))
    assert str(cluster.pid) in line
    assert "LIVECOMMENTS_DATA_DIR" in line
    assert cluster.describe()


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path, cluster):
    (tmp_path / "letter.txt").write_text("dear …")
    tmp_path.chmod(0o755)
    line = one_line_of(cluster.cli("up", env={"LIVECOMMENTS_DATA_DIR": str(tmp_path)}))
    assert "LIVECOMMENTS_DATA_DIR" in line
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_part_that_cannot_start_is_named_with_its_reason(tmp_path, cluster):
    weak = tmp_path / "secret"
    weak.write_text("short")
    env = {
        "LIVECOMMENTS_DATA_DIR": str(tmp_path / "data"),
        "LIVECOMMENTS_PORT": str(free_port()),
        "LIVECOMMENTS_TOKEN_SECRET_FILE": str(weak),
    }
    line = one_line_of(cluster.cli("up", env=env))
    assert "shorter than 32 bytes" in line
    assert not processes_of(tmp_path / "data")
