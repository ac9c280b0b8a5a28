"""The manifests as `kubectl apply -k` would send them, with nothing of a cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "kubernetes"
KUBECTL = Path(sys.executable).parent / "kubectl"


class Manifests:
    """What a kustomization comes to."""

    def __init__(self, folder: Path) -> None:
        rendered = subprocess.run(
            [KUBECTL, "kustomize", str(folder)], capture_output=True, text=True, check=False, timeout=60
        )
        assert rendered.returncode == 0, rendered.stderr
        self.resources: list[dict[str, Any]] = list(yaml.safe_load_all(rendered.stdout))

    def of(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = [one for one in self.kind(kind) if one["metadata"]["name"] == name]
        return found

    def kind(self, *kinds: str) -> list[dict[str, Any]]:
        return [one for one in self.resources if one["kind"] in kinds]

    @property
    def workloads(self) -> list[dict[str, Any]]:
        return self.kind("StatefulSet", "Deployment", "Job")


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    return workload["spec"]["template"]["spec"]


def containers(workload: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod(workload)["containers"], *pod(workload).get("initContainers", [])]


def values(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "values" / f"{name}.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def parts() -> Manifests:
    return Manifests(FOLDER)


@pytest.fixture(scope="session")
def prepare() -> Manifests:
    return Manifests(FOLDER / "prepare")


@pytest.fixture(scope="session", params=["parts", "prepare"])
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return request.getfixturevalue(request.param)
