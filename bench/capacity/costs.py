"""The measured costs: what `livecomments bench --costs FILE` writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import orjson

RECORDED: Final = Path(__file__).resolve().parents[1] / "costs.json"


class CostsError(click.ClickException):
    """A file holds no costs; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What things cost. CPU in microseconds of a core, memory in KB, sizes in bytes."""

    edge_us_per_write: float
    edge_us_per_busy_delivery: float
    edge_us_per_comment: float
    edge_deliveries_per_s: float
    edge_kb_per_viewer: float
    kernel_kb_per_socket: float
    edge_returns_per_s: float
    gateway_us_per_frame: float
    gateway_us_per_post: float
    writer_us_per_comment: float
    nats_us_per_comment: float
    nats_us_per_copy: float
    stream_comments_per_s: float
    archiver_us_per_comment: float
    postgres_us_per_comment: float
    stream_bytes_per_comment: float
    postgres_bytes_per_comment: float
    history_us_per_page: float
    postgres_us_per_page: float
    event_bytes: float
    measured: str = ""  # when, and on what


def read(file: Path) -> Costs:
    """Return the costs that stand in a file. Raises `CostsError`."""
    how = "'livecomments bench --costs FILE' writes them"
    try:
        document = orjson.loads(file.read_bytes())
        values = {name: float(cost["value"]) for name, cost in document["costs"].items()}
        return Costs(**values, measured=_when(document["measured"]))
    except OSError as error:
        raise CostsError(f"{file}: {error.strerror}; {how}") from None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise CostsError(f"{file} holds no costs of this version ({error}): {how}") from None


def _when(measured: dict[str, Any]) -> str:
    machine = measured["machine"]
    return f"{measured['began'][:10]}, commit {machine['commit']}, {machine['processor']}, Python {machine['python']}"
