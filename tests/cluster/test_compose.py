"""`compose.yaml` names only what there is: settings, commands, secrets, servers. Nothing here runs it."""

import re

import pytest

from edge.admission import DRAIN_MAX_S, GOODBYE_S
from livecomments.cli import COMMANDS
from runtime import assets
from runtime.service import STOP_GRACE_S
from runtime.settings import PREFIX, Settings

ROOT = assets.folder("nats").parent
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
SERVICES = re.findall(r"^  ([a-z0-9-]+):", TEXT.partition("\nservices:")[2].partition("\nvolumes:")[0], re.MULTILINE)


def service(name):
    """The lines of a service."""
    return re.split(r"\n  \S|\n\S", TEXT.partition("\nservices:")[2].partition(f"\n  {name}:")[2])[0]


def test_every_setting_in_it_is_one():
    named = set(re.findall(rf"{PREFIX}([A-Z_]+)", TEXT))
    assert named <= {field.upper() for field in Settings.model_fields}


@pytest.mark.parametrize("kind", ["migrate", "streams", "writer", "archiver", "history", "edge"])
def test_every_part_is_run_by_its_command(kind):
    names = [name for name in SERVICES if re.fullmatch(rf"{kind}(-\d+)?", name)]
    assert names
    assert kind in COMMANDS
    assert f"command: [{kind}]" in service(names[0])


def test_a_part_that_stops_has_the_time_to_do_it_well():
    part = TEXT.partition("\nx-part:")[2].partition("\nx-settings:")[0]
    grace_s = int(re.search(r"stop_grace_period: (\d+)s", part)[1])
    assert grace_s > DRAIN_MAX_S + GOODBYE_S + STOP_GRACE_S
    assert grace_s > Settings.model_fields["hold_s"].default + STOP_GRACE_S


def test_every_secret_that_is_used_is_given_to_a_service():
    given = set(re.findall(r"^  ([a-z_]+): \{file:", TEXT.rpartition("\nsecrets:")[2], re.MULTILINE))
    assert given == set(re.findall(r"/run/secrets/([a-z_]+)", TEXT))


def test_the_gateway_has_the_variables_of_its_configuration_and_its_servers_are_services():
    configuration = (assets.folder("gateway") / "haproxy.cfg").read_text(encoding="utf-8")
    given = dict(re.findall(r"^      ([A-Z]+_[A-Z0-9]+): (\S+)$", service("gateway"), re.MULTILINE))
    assert {"GATEWAY_BIND", "GATEWAY_MAXCONN", "GATEWAY_DNS", "WRITER_1", "EDGE_1", "HISTORY_1"} <= given.keys()
    assert not [name for name in given if f"{name}" not in configuration]
    servers = {address.partition(":")[0] for name, address in given.items() if not name.startswith("GATEWAY")}
    assert servers == {name for name in SERVICES if re.fullmatch(r"(writer|edge|history)-\d+", name)}


def test_nats_has_the_variables_of_its_configuration():
    configuration = (assets.folder("nats") / "server.conf").read_text(encoding="utf-8")
    wanted = set(re.findall(r"^[^#\n]*\$(NATS_[A-Z_]+)", configuration, re.MULTILINE))
    assert wanted == set(re.findall(r"(NATS_[A-Z_]+)(?:: |=)", service("nats-1")))


def test_nats_may_reserve_what_the_streams_do():
    def default(name):
        return int(re.search(rf"\$\{{{name}:-(\d+)\}}", TEXT)[1])

    needed = default("LIVECOMMENTS_SHARDS") * default("LIVECOMMENTS_STREAM_BYTES")
    assert default("NATS_STORE_BYTES") > needed
