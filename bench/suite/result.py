"""What a run has measured, as a file.

{"version", "began", "seconds", "quick", "machine": {...},
"parts": {NAME: {"seconds", "steps_s", "failed": null | why, "results": [what each command wrote]}}}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import orjson

from bench.figure import Figure

VERSION: Final = 1


class ResultError(click.ClickException):
    """A file is no result of this command."""


@dataclass(frozen=True, slots=True)
class Result:
    """A run. `document` is what stands in its file."""

    document: dict[str, Any]

    @property
    def machine(self) -> dict[str, Any]:
        """Return the machine it ran on."""
        machine: dict[str, Any] = self.document["machine"]
        return machine

    def results(self, part: str) -> list[dict[str, Any]]:
        """Return what the commands of a part wrote."""
        found: list[dict[str, Any]] = self.document["parts"].get(part, {}).get("results", [])
        return found

    def rows(self, scenario: str) -> list[dict[str, Any]]:
        """Return the rows of a scenario of the fan-out."""
        return [
            row
            for part in self.document["parts"]
            for result in self.results(part)
            for row in result.get("rows", ())
            if row["scenario"] == scenario
        ]

    def line(self, name: str) -> dict[str, Any]:
        """Return the figures of a line of the write path; empty when it was not measured."""
        for part in self.document["parts"]:
            for result in self.results(part):
                if name in result.get("lines", {}):
                    figures: dict[str, Any] = result["lines"][name]
                    return figures
        return {}

    def figures(self) -> dict[str, list[Figure]]:
        """Return by part what was measured several times."""
        return {
            part: [Figure(**figure) for result in self.results(part) for figure in result.get("figures", ())]
            for part in self.document["parts"]
        }

    def verdicts(self) -> list[dict[str, Any]]:
        """Return what was to be reached, and what was."""
        return [
            verdict
            for part in self.document["parts"]
            for result in self.results(part)
            for verdict in result.get("verdicts", ())
        ]

    def failures(self) -> dict[str, str]:
        """Return which parts failed, and why."""
        return {name: part["failed"] for name, part in self.document["parts"].items() if part["failed"]}

    def write(self, file: Path) -> None:
        """Write it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(orjson.dumps(self.document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def together(results: Sequence[Result]) -> Result:
    """Return runs of different parts as one, with the first one's machine; of a part in several, the last counts."""
    parts = {name: part for result in results for name, part in result.document["parts"].items()}
    seconds = sum(part["seconds"] for part in parts.values())
    return Result({**results[0].document, "parts": parts, "seconds": round(seconds, 1)})


def read(file: Path) -> Result:
    """Return the run that a file holds. Raises `ResultError`."""
    try:
        document = orjson.loads(file.read_bytes())
        if document["version"] != VERSION:
            raise ResultError(f"{file} was written by another version of this command")
        document["machine"], document["parts"]
    except OSError as error:
        raise ResultError(f"{file}: {error.strerror}") from None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise ResultError(f"{file} is not a result of 'livecomments bench'") from None
    return Result(document)
