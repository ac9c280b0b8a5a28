"""`kubernetes/` is what Kubernetes takes, and names only what there is: settings, secrets, servers, metrics."""

import json
import os
import re
import subprocess

import kubernetes_validate
import pytest
import yaml

from cluster import binaries
from edge import metrics
from edge.admission import DRAIN_MAX_S, GOODBYE_S
from livecomments.cli import COMMANDS
from runtime import assets
from runtime.service import STOP_GRACE_S
from runtime.settings import PREFIX, Settings
from runtime.stream_configs import further_bytes
from tests.kubernetes.conftest import FOLDER, containers, pod, values

OLDEST = "1.34"  # docs/kubernetes.md says the same: matchLabelKeys, the preStop that sleeps
PARTS = ("writer", "archiver", "history", "edge")
SECRETS = {
    "nats": {"livecomments", "writer", "archiver", "history", "edge", "operator", "routes"},
    "token": {"secret"},
    "gateway-tls": {"tls.crt", "tls.key"},
    "postgres-owner": {"username", "password"},
    "postgres-archiver": {"username", "password"},
    "postgres-history": {"username", "password"},
}


def settings_of(manifests, container):
    """The environment of a container: its own, and that of the ConfigMaps that it names."""
    given = {}
    for source in container.get("envFrom", []):
        given |= manifests.of("ConfigMap", source["configMapRef"]["name"])["data"]
    return given | {one["name"]: one["value"] for one in container.get("env", [])}


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_every_resource_is_of_its_schema_and_has_nothing_that_is_not_in_it(manifests, version):
    for resource in manifests.resources:
        kubernetes_validate.validate(resource, version, strict=True)


def test_a_misspelt_field_would_be_noticed(parts):
    edge = parts.of("StatefulSet", "edge")
    wrong = {**edge, "spec": {**edge["spec"], "podManagmentPolicy": "Parallel"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, OLDEST, strict=True)


def test_all_is_in_one_namespace(manifests):
    namespaced = [one for one in manifests.resources if one["kind"] != "Namespace"]
    assert {one["metadata"].get("namespace") for one in namespaced} == {"livecomments"}


def test_every_setting_is_one_and_every_value_is_taken(manifests, monkeypatch):
    checked = 0
    for workload in manifests.workloads:
        for container in containers(workload):
            given = {
                name: value for name, value in settings_of(manifests, container).items() if name.startswith(PREFIX)
            }
            assert set(given) <= {PREFIX + field.upper() for field in Settings.model_fields}
            with monkeypatch.context() as environment:
                for name, value in given.items():
                    environment.setenv(name, value)
                assert Settings().shards == 64 or not given
            checked += len(given)
    assert checked


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_run_by_its_command(parts, part):
    (workload,) = [one for one in parts.workloads if one["metadata"]["name"] == part]
    (container,) = containers(workload)
    assert part in COMMANDS
    assert container["args"] == [part]
    assert container["image"] == "livecomments:0.1.0"


def test_migrations_come_before_streams(prepare):
    job = pod(prepare.of("Job", "prepare"))
    (first,), (then,) = job["initContainers"], job["containers"]
    assert (first["args"], then["args"]) == (["migrate"], ["streams"])


def files(workload, container):
    """The files of secrets that a container has, each with the secret and the key."""
    found = {}
    volumes = {one["name"]: one["secret"] for one in pod(workload)["volumes"] if "secret" in one}
    for mount in container["volumeMounts"]:
        secret = volumes.get(mount["name"])
        if secret is not None:
            items = secret.get("items") or [{"key": key, "path": key} for key in SECRETS[secret["secretName"]]]
            found |= {f"{mount['mountPath']}/{one['path']}": (secret["secretName"], one["key"]) for one in items}
    return found


def test_every_file_of_a_secret_is_mounted_and_is_a_key_of_that_secret(manifests):
    for workload in manifests.workloads:
        for container in containers(workload):
            mounted = files(workload, container)
            named = {value for value in settings_of(manifests, container).values() if "/secrets/" in value}
            assert named <= mounted.keys()
            assert {mounted[file][0] for file in named} == {secret for secret, _ in mounted.values()}, "each is used"
            assert all(key in SECRETS[secret] for secret, key in mounted.values())
    document = (FOLDER.parent / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    for secret, keys in SECRETS.items():
        (line,) = re.findall(rf"create secret .* {secret} [^\n]*", document)
        assert secret == "gateway-tls" or set(re.findall(r"--from-literal=(\w+)=", line)) == keys


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_its_own_user_at_nats_and_has_no_other_password(parts, part):
    (workload,) = [one for one in parts.workloads if one["metadata"]["name"] == part]
    (container,) = containers(workload)
    assert settings_of(parts, container)["LIVECOMMENTS_NATS_USER"] == part
    assert [key for secret, key in files(workload, container).values() if secret == "nats"] == [part]


def test_everything_runs_as_nobody_confined_and_on_a_file_system_that_it_cannot_write(manifests):
    for workload in manifests.workloads:
        assert pod(workload)["securityContext"]["runAsNonRoot"]
        assert pod(workload)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod(workload)["automountServiceAccountToken"] is False
        for container in containers(workload):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"]
            assert not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert container["resources"]["limits"].keys() == {"memory"}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_stops_has_the_time_to_do_it_well(parts, part):
    (workload,) = [one for one in parts.workloads if one["metadata"]["name"] == part]
    grace_s = pod(workload)["terminationGracePeriodSeconds"]
    assert grace_s > DRAIN_MAX_S + GOODBYE_S + STOP_GRACE_S
    assert grace_s > Settings.model_fields["hold_s"].default + STOP_GRACE_S


def test_a_gateway_that_stops_has_the_time_of_its_configuration(parts):
    gateway = pod(parts.of("Deployment", "gateway"))
    configuration = (assets.folder("gateway") / "haproxy.cfg").read_text(encoding="utf-8")
    hard_stop_s = int(re.search(r"hard-stop-after (\d+)s", configuration)[1])
    sleep_s = gateway["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert gateway["terminationGracePeriodSeconds"] > sleep_s + hard_stop_s


def test_everything_that_serves_is_asked_spread_and_never_evicted_all_at_once(parts):
    budgets = {one["metadata"]["name"]: one["spec"] for one in parts.kind("PodDisruptionBudget")}
    assert budgets.keys() == {*PARTS, "gateway"}
    for workload in parts.workloads:
        name, labels = workload["metadata"]["name"], workload["spec"]["template"]["metadata"]["labels"]
        assert budgets[name]["maxUnavailable"] == 1
        assert budgets[name]["selector"]["matchLabels"].items() <= labels.items()
        assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()
        (container,) = containers(workload)
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
        for spread in pod(workload)["topologySpreadConstraints"]:
            assert spread["labelSelector"]["matchLabels"].items() <= labels.items()


def test_the_gateway_has_the_variables_of_its_configuration_and_its_servers_are_pods(parts):
    (container,) = containers(parts.of("Deployment", "gateway"))
    given = settings_of(parts, container)
    configuration = (assets.folder("gateway") / "haproxy.cfg").read_text(encoding="utf-8")
    assert not [name for name in given if name not in configuration]
    for kind in ("WRITER", "EDGE", "HISTORY"):
        known = sorted(re.findall(rf'"\$\{{({kind}_\d+)\}}"', configuration))
        assert sorted(name for name in given if name.startswith(kind)) == sorted(set(known))
        part = kind.lower()
        port = parts.of("Service", part)["spec"]["ports"][0]["port"]
        for name in set(known):
            ordinal = int(name.rpartition("_")[2]) - 1
            assert given[name] == f"{part}-{ordinal}.{part}.livecomments.svc.cluster.local:{port}"
        workload = parts.of("StatefulSet", part)
        assert workload["spec"]["serviceName"] == parts.of("Service", part)["metadata"]["name"]
        assert workload["spec"].get("replicas", 1) <= len(set(known))


def test_the_gateway_reads_the_configuration_that_is_tested(parts):
    gateway = pod(parts.of("Deployment", "gateway"))
    (volume,) = [one for one in gateway["volumes"] if "configMap" in one]
    given = parts.of("ConfigMap", volume["configMap"]["name"])["data"]["haproxy.cfg"]
    assert given == (assets.folder("gateway") / "haproxy.cfg").read_text(encoding="utf-8")


def test_edges_are_scaled_by_a_metric_that_they_have_up_to_as_many_as_the_gateway_knows(parts):
    scaler = parts.of("HorizontalPodAutoscaler", "edge")["spec"]
    by_viewers = scaler["metrics"][0]["pods"]
    assert by_viewers["metric"]["name"] == metrics.VIEWERS._name
    assert int(by_viewers["target"]["averageValue"]) < Settings.model_fields["streams_per_edge"].default
    (rule,) = values("prometheus-adapter")["rules"]["custom"]
    assert rule["name"]["as"] == metrics.VIEWERS._name
    assert rule["seriesQuery"].startswith(metrics.VIEWERS._name + "{")
    (gateway,) = containers(parts.of("Deployment", "gateway"))
    assert scaler["maxReplicas"] == len([one for one in gateway["env"] if one["name"].startswith("EDGE_")])
    assert "replicas" not in parts.of("StatefulSet", "edge")["spec"], "applying it again would undo the scaling"


def test_prometheus_is_told_of_a_port_that_is_there_and_let_through(parts):
    allowed = {
        port["port"]
        for policy in parts.kind("NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        if any("namespaceSelector" in one for one in rule.get("from", []))
        for port in rule["ports"]
    }
    for workload in parts.workloads:
        port = int(workload["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"])
        (container,) = containers(workload)
        assert port in {one["containerPort"] for one in container["ports"]} & allowed


def test_policies_select_pods_that_there_are(parts, prepare):
    names = {one["metadata"]["name"] for one in [*parts.workloads, *prepare.workloads]} | {"nats"}
    for policy in parts.kind("NetworkPolicy"):
        selector = policy["spec"]["podSelector"]
        if policy["metadata"]["name"] == "postgres":
            assert selector["matchLabels"] == {"cnpg.io/cluster": values("postgres")["fullnameOverride"]}
            continue
        for expression in selector.get("matchExpressions", []):
            assert set(expression["values"]) <= names
        assert selector.get("matchLabels", {}).get("app.kubernetes.io/name", "gateway") in names


def test_nats_has_servers_for_the_copies_room_for_the_streams_and_the_limits_of_its_configuration(parts, prepare):
    nats = values("nats")["config"]
    environment = settings_of(prepare, pod(prepare.of("Job", "prepare"))["containers"][0])
    assert nats["cluster"]["replicas"] >= int(environment["LIVECOMMENTS_REPLICAS"])
    room = int(nats["jetstream"]["fileStore"]["maxSize"].removesuffix("Gi")) * 1024**3
    streams = int(environment["LIVECOMMENTS_SHARDS"]) * int(environment["LIVECOMMENTS_STREAM_BYTES"])
    assert room >= streams + further_bytes(Settings())
    servers = environment["LIVECOMMENTS_NATS_URL"].split(",")
    assert servers == [f"nats://nats-{n}.nats-headless:4222" for n in range(nats["cluster"]["replicas"])]
    users = (assets.folder("nats") / "users.conf").read_text(encoding="utf-8")
    passwords = set(re.findall(r"^[^#\n]*\$(NATS_[A-Z_]+)", users, re.MULTILINE))
    passwords |= {"NATS_OPERATOR_PASSWORD", "NATS_ROUTES_PASSWORD"}
    environment = values("nats")["container"]["env"]
    given = {name: one["valueFrom"]["secretKeyRef"] for name, one in environment.items() if name != "NATS_ROUTES_URLS"}
    assert given.keys() == passwords
    assert {one["name"] for one in given.values()} == {"nats"}
    assert {one["key"] for one in given.values()} == SECRETS["nats"]
    assert "NATS_WRITER_PASSWORD" in given
    assert nats["merge"]["$include"] == "./users.conf"
    configuration = (assets.folder("nats") / "server.conf").read_text(encoding="utf-8")
    assert nats["jetstream"]["merge"]["sync_interval"] == "always"
    assert "sync_interval: always" in configuration
    assert nats["merge"]["max_payload"].strip("<> ") == re.search(r"max_payload: (\S+)", configuration)[1]


def test_nats_servers_take_routes_from_each_other_alone(tmp_path):
    """The part of the chart's configuration that says so, made as the chart makes it, and read by a nats-server."""
    nats = values("nats")
    cluster, environment = nats["config"]["cluster"], nats["container"]["env"]
    # The chart gives variables in the order of their names; Kubernetes knows in each those before it.
    known = {}
    for name in sorted(environment):
        value = environment[name]
        known[name] = "ssecret" if isinstance(value, dict) else re.sub(r"\$\((\w+)\)", lambda one: known[one[1]], value)
    assert known["NATS_ROUTES_URLS"].strip("[]").split(",") == [
        f"nats://routes:ssecret@nats-{number}.nats-headless:6222" for number in range(cluster["replicas"])
    ]
    made = {"cluster": {"name": "nats", "port": 6222, **cluster["merge"]}}
    file = tmp_path / "nats.conf"
    file.write_text(re.sub(r'"<<\s+(.*)\s+>>"', r"\1", json.dumps(made, indent=1)))
    command = [str(binaries.nats_server()), "-t", "-c", str(file)]
    subprocess.run(command, env={**os.environ, **known}, check=True)
    assert cluster["merge"]["authorization"] == {
        "user": "routes", "password": "<< $NATS_ROUTES_PASSWORD >>", "timeout": 2,
    }  # fmt: skip


def sources(parts, policy, port):
    """Whom a policy lets come to a port: names of workloads, and of namespaces."""
    found = set()
    for rule in parts.of("NetworkPolicy", policy)["spec"]["ingress"]:
        if port not in {one["port"] for one in rule["ports"]}:
            continue
        for peer in rule["from"]:
            found |= {f"namespace {name}" for name in peer.get("namespaceSelector", {}).get("matchLabels", {}).values()}
            found |= set(peer.get("podSelector", {}).get("matchLabels", {}).values())
            for expression in peer.get("podSelector", {}).get("matchExpressions", []):
                found |= set(expression["values"])
    return found


def test_stores_are_reached_by_those_who_speak_with_them_and_by_nobody_else(parts, prepare):
    speak = {"LIVECOMMENTS_NATS_URL": set(), "LIVECOMMENTS_POSTGRES_DSN": set()}
    for manifests in (parts, prepare):
        for workload in manifests.workloads:
            for container in containers(workload):
                for setting in speak.keys() & settings_of(manifests, container).keys():
                    speak[setting].add(workload["metadata"]["name"])
    assert sources(parts, "nats", 4222) == speak["LIVECOMMENTS_NATS_URL"]
    assert sources(parts, "nats", 6222) == {"nats"}
    assert not sources(parts, "nats", 8222)
    assert sources(parts, "postgres", 5432) == {
        *speak["LIVECOMMENTS_POSTGRES_DSN"],
        "postgres",
        "namespace cnpg-system",
    }
    for policy in ("nats", "postgres"):
        assert parts.of("NetworkPolicy", policy)["spec"]["policyTypes"] == ["Ingress"]
        assert all(rule.get("from") for rule in parts.of("NetworkPolicy", policy)["spec"]["ingress"]), "not everybody"


def test_the_commands_for_alerts_make_documents_with_all_rules(tmp_path):
    rules = yaml.safe_load((FOLDER.parent / "monitoring" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    document = (FOLDER.parent / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    for_chart, for_operator = re.findall(r"^(\{ .*\} )> rules\.yaml$", document, re.MULTILINE)
    made = [
        yaml.safe_load(subprocess.run(["sh", "-c", one], cwd=FOLDER.parent, capture_output=True, check=True).stdout)
        for one in (for_chart, for_operator)
    ]
    assert made[0]["serverFiles"]["alerting_rules.yml"] == rules
    assert made[1]["spec"] == rules
    assert made[1]["kind"] == "PrometheusRule"


def test_postgres_has_the_roles_that_the_parts_are(parts, prepare):
    postgres = values("postgres")["cluster"]
    roles = {role["name"]: role["passwordSecret"]["name"] for role in postgres["roles"]}
    roles[postgres["initdb"]["owner"]] = postgres["initdb"]["secret"]["name"]
    used = {}
    for manifests in (parts, prepare):
        for workload in manifests.workloads:
            for container in containers(workload):
                given = settings_of(manifests, container)
                if f"{PREFIX}POSTGRES_DSN" in given:
                    role = re.match(r"postgresql://(\w+)@postgres-rw?:5432/(\w+)$", given[f"{PREFIX}POSTGRES_DSN"])
                    assert role[2] == postgres["initdb"]["database"]
                    used[role[1]] = given[f"{PREFIX}POSTGRES_PASSWORD_FILE"].split("/")[-2]
    assert used == roles
