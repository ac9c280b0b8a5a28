"""`compose.yaml`, read as Docker Compose reads it: variables, merges, defaults. An unknown key is refused."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

_VARIABLE: Final = re.compile(r"\$(?:(\$)|\{([A-Za-z_]\w*)(?:(:?[-?])([^}]*))?\}|([A-Za-z_]\w*))")
_UNITS_S: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_UNITS_BYTES: Final = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
DEFAULT_GRACE_S: Final = 10.0

# What this reads, and what has no meaning without Docker.
_SERVICE_KEYS: Final = {
    *("image", "build", "entrypoint", "command", "environment", "user", "networks", "network_mode", "volumes", "tmpfs"),
    *("read_only", "cap_drop", "cap_add", "security_opt", "restart", "stop_signal", "stop_grace_period", "depends_on"),
    *("healthcheck", "ulimits", "deploy", "ports", "shm_size", "logging", "pull_policy"),
}
_ADDED_TO: Final = {"volumes", "ports"}  # lists that a second file adds to
_HEALTH_KEYS: Final = {"test", "interval", "timeout", "retries", "start_period", "start_interval"}
_CONDITIONS: Final = {"service_started", "service_healthy", "service_completed_successfully"}


class ComposeError(Exception):
    """compose.yaml is not what Docker Compose would take; the message says where."""


@dataclass(frozen=True, slots=True)
class Mount:
    """What stands at `target` in a container: a named volume, or a folder beside compose.yaml."""

    source: str
    target: str
    is_volume: bool
    read_only: bool


@dataclass(frozen=True, slots=True)
class Health:
    """How Docker finds out whether a container can do its work."""

    test: tuple[str, ...]
    interval_s: float = 30.0
    timeout_s: float = 30.0
    retries: int = 3
    start_period_s: float = 0.0
    start_interval_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Service:
    """A service, with everything that it inherits put in."""

    name: str
    image: str
    builds: bool  # it is built for this service; the others of the image find it there
    pull_policy: str
    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...] | None
    environment: Mapping[str, str]
    user: str | None
    networks: tuple[str, ...]
    mounts: tuple[Mount, ...]
    tmpfs: tuple[str, ...]
    read_only: bool
    capabilities: tuple[str, ...] | None  # those it keeps; None: Docker's own choice
    restart: str
    stop_signal: signal.Signals
    grace_s: float
    depends_on: Mapping[str, str]  # service: condition
    health: Health | None
    open_files: int | None
    memory_bytes: int | None
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComposeFile:
    """The whole file."""

    folder: Path
    services: Mapping[str, Service]
    networks: tuple[str, ...]
    volumes: tuple[str, ...] = field(default=())


def read_compose_file(file: Path, variables: Mapping[str, str], added: Sequence[Path] = ()) -> ComposeFile:
    """Return what the file, with others laid over it, says where `variables` are set. Raises `ComposeError`."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for other in added:
        document = _laid_over(document, yaml.safe_load(other.read_text(encoding="utf-8")))
    said = _substituted({key: value for key, value in document.items() if not key.startswith("x-")}, variables)
    networks, volumes = tuple(said.get("networks") or ()), tuple(said.get("volumes") or ())
    services = {name: _service(name, body, networks, volumes) for name, body in said["services"].items()}
    for service in services.values():
        for other, condition in service.depends_on.items():
            if other not in services:
                raise ComposeError(f"{service.name} depends on {other}, which is no service")
            if condition == "service_healthy" and services[other].health is None:
                raise ComposeError(f"{service.name} waits until {other} is healthy, which has no healthcheck")
        for mount in service.mounts:
            if not mount.is_volume and not (file.parent / mount.source).exists():
                raise ComposeError(f"{service.name}: there is no {mount.source}")
    used = {mount.source for service in services.values() for mount in service.mounts if mount.is_volume}
    if used != set(volumes):
        raise ComposeError(f"volumes that are declared or used, and not both: {sorted(used ^ set(volumes))}")
    return ComposeFile(file.parent, services, networks, volumes)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return two files as one: what is above counts, but for lists that are added to (Compose's "merge" rules)."""
    merged = dict(below)
    for key, value in above.items():
        here = (*path, key)
        if len(here) == 2 and here[0] == "services" and key not in below:
            raise ComposeError(f"{key} is added to, and is no service")
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            merged[key] = _laid_over(below[key], value, here)
        elif key in _ADDED_TO and key in below:
            targets = {_target(one) for one in value}
            merged[key] = [*(one for one in below[key] if _target(one) not in targets), *value]
        else:
            merged[key] = value
    return merged


def _target(mount_or_port: str) -> str:
    """Return what tells entries of such a list apart: where it stands in the container."""
    return mount_or_port.removesuffix(":ro").rpartition(":")[2]


def _service(name: str, body: Mapping[str, Any], networks: Sequence[str], volumes: Sequence[str]) -> Service:
    if unknown := body.keys() - _SERVICE_KEYS:
        raise ComposeError(f"{name}: {sorted(unknown)} is not known here")
    on = () if body.get("network_mode") == "none" else tuple(body.get("networks") or ("default",))
    if missing := set(on) - set(networks):
        raise ComposeError(f"{name}: there is no network {sorted(missing)}")
    depends = body.get("depends_on") or {}
    conditions = {other: one["condition"] for other, one in depends.items()}
    if wrong := set(conditions.values()) - _CONDITIONS:
        raise ComposeError(f"{name}: {sorted(wrong)} is no condition")
    limits = (body.get("deploy") or {}).get("resources", {}).get("limits", {})
    files = (body.get("ulimits") or {}).get("nofile")
    return Service(
        name=name,
        image=body["image"],
        builds="build" in body,
        pull_policy=body.get("pull_policy", "missing"),
        entrypoint=_words(body.get("entrypoint")),
        command=_words(body.get("command")),
        environment={key: _text(value) for key, value in (body.get("environment") or {}).items()},
        user=body.get("user"),
        networks=on,
        mounts=tuple(_mount(name, one, volumes) for one in body.get("volumes") or ()),
        tmpfs=tuple(body.get("tmpfs") or ()),
        read_only=body.get("read_only", False),
        capabilities=tuple(body.get("cap_add") or ()) if body.get("cap_drop") == ["ALL"] else None,
        restart=body.get("restart", "no"),
        stop_signal=signal.Signals[body.get("stop_signal", "SIGTERM")],
        grace_s=seconds(body["stop_grace_period"]) if "stop_grace_period" in body else DEFAULT_GRACE_S,
        depends_on=conditions,
        health=_health(name, body["healthcheck"]) if "healthcheck" in body else None,
        open_files=int(files["soft"]) if files else None,
        memory_bytes=size_bytes(limits["memory"]) if "memory" in limits else None,
        ports=tuple(body.get("ports") or ()),
    )


def _health(name: str, body: Mapping[str, Any]) -> Health:
    if unknown := body.keys() - _HEALTH_KEYS:
        raise ComposeError(f"{name}: healthcheck: {sorted(unknown)} is not known here")
    test = tuple(body["test"])
    if test[0] == "CMD-SHELL":
        test = ("/bin/sh", "-c", test[1])
    elif test[0] == "CMD":
        test = test[1:]
    else:
        raise ComposeError(f"{name}: healthcheck: test begins with CMD or CMD-SHELL")
    times = {f"{key}_s": seconds(value) for key, value in body.items() if key not in ("test", "retries")}
    return Health(test, retries=int(body.get("retries", 3)), **times)


def _mount(name: str, said: str, volumes: Sequence[str]) -> Mount:
    source, target, *options = said.split(":")
    is_volume = not source.startswith((".", "/"))
    if is_volume and source not in volumes:
        raise ComposeError(f"{name}: there is no volume {source}")
    return Mount(source, target, is_volume=is_volume, read_only="ro" in options)


def _words(value: object) -> tuple[str, ...] | None:
    match value:
        case None:
            return None
        case str():
            return tuple(shlex.split(value))
        case list():
            return tuple(_text(one) for one in value)
        case _:
            raise ComposeError(f"{value!r} is no command")


def _text(value: object) -> str:
    if isinstance(value, bool):
        raise ComposeError(f"{value} without quotes is not a text to Docker Compose")
    return "" if value is None else str(value)


def _substituted(value: Any, variables: Mapping[str, str]) -> Any:
    match value:
        case str():
            return _VARIABLE.sub(lambda found: _value(found, variables), value)
        case list():
            return [_substituted(one, variables) for one in value]
        case dict():
            return {key: _substituted(one, variables) for key, one in value.items()}
        case _:
            return value


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    dollar, name, kind, other, bare = found.groups()
    if dollar:
        return "$"
    here = variables.get(name or bare)
    if here is not None and (here or kind not in (":-", ":?")):
        return here
    if kind in ("-", ":-"):
        return str(other)
    raise ComposeError(f"the variable {name or bare} has neither a value nor a default")


def seconds(said: str) -> float:
    """Return a length of time as Compose writes it: `1m30s`."""
    parts = re.findall(r"(\d+)(ms|s|m|h)", said)
    if "".join(number + unit for number, unit in parts) != said or not parts:
        raise ComposeError(f"{said!r} is no length of time")
    return sum(int(number) * _UNITS_S[unit] for number, unit in parts)


def size_bytes(said: str) -> int:
    """Return a size as Compose writes it: `512M`."""
    match = re.fullmatch(r"(\d+)([bkmg])b?", said.lower())
    if match is None:
        raise ComposeError(f"{said!r} is no size")
    return int(match[1]) * _UNITS_BYTES[match[2]]
