"""The OpenAPI document of the HTTP interface, as the tests of it read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

from runtime import assets

FOLDER: Final = assets.folder("web") / "api"
FILE: Final = FOLDER / "openapi.yaml"
METHODS: Final = ("get", "post", "put", "delete")


class Operation(NamedTuple):
    """What one method does at one path."""

    method: str
    path: str
    said: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {self.path}"


def read_document() -> dict[str, Any]:
    """Return the document."""
    return dict(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """Yield every operation."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield Operation(method, path, item[method])


def codes(answer: dict[str, Any]) -> list[str]:
    """Return the codes of problems that an answer may have; none where it is no problem."""
    content = answer.get("content", {}).get("application/problem+json")
    return list(content["schema"]["allOf"][1]["properties"]["code"]["enum"]) if content else []
