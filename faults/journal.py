"""The ledger on disk: NDJSON, so that a run can be checked again, and read by a person with `jq`.

| file | who writes it | its lines |
|---|---|---|
| `run.json` | the run | one document: what it was, and when |
| `attempts.ndjson` | posters | `attempt` and its `answer`, `ruling` and its `ruled`, `page` |
| `viewers.ndjson` | viewers | `connect`, `opened`, `got`, `told`, `closed`, `to_the_end`; `said`, once for each |
| `history.ndjson` | historian | `reading`, page by page |
| `faults.ndjson` | the run | `fault`, `trouble`, `untried` |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from faults.ledger import (
    Attempt,
    Closed,
    Connect,
    Fired,
    Ledger,
    Life,
    Needs,
    Opened,
    Page,
    Reading,
    Ruling,
    Said,
    Told,
)

RUN: Final = "run.json"
ATTEMPTS: Final = "attempts.ndjson"
VIEWERS: Final = "viewers.ndjson"
HISTORY: Final = "history.ndjson"
FAULTS: Final = "faults.ndjson"

BUFFER_BYTES: Final = 256 * 1024


class Journal:
    """A file that one process writes, a line at a time."""

    def __init__(self, file: Path) -> None:
        self._opened = file.open("ab", buffering=BUFFER_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def write(self, line: dict[str, Any]) -> None:
        """Add a line."""
        self._opened.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def flush(self) -> None:
        """Let others read what was written."""
        self._opened.flush()


def write_run(folder: Path, ledger: Ledger) -> None:
    """Write down what a run was."""
    document = {
        "shards": ledger.shards,
        "seed": ledger.seed,
        "began_ns": ledger.began_ns,
        "ended_ns": ledger.ended_ns,
        "needs": asdict(ledger.needs),
    }
    (folder / RUN).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def said_line(said: Said) -> list[Any]:
    """Return a comment as it stands in a line. Numbers are whole: JSON for JavaScript would lose none of them."""
    return [said.number, said.user, said.text, said.posted_ms]


def read_ledger(folder: Path) -> Ledger:
    """Return the ledger of a run. Raises `OSError`, `ValueError`, `KeyError` for a folder that holds none."""
    run = orjson.loads((folder / RUN).read_bytes())
    needs = Needs(**run.pop("needs"))
    ledger = Ledger(**run, needs=needs)
    _read_attempts(ledger, folder / ATTEMPTS)
    _read_viewers(ledger, folder / VIEWERS)
    _read_history(ledger, folder / HISTORY)
    _read_faults(ledger, folder / FAULTS)
    return ledger


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open("rb") as opened:
        for line in opened:
            if not line.endswith(b"\n"):
                return  # the process was killed while it wrote
            yield orjson.loads(line)


def _read_attempts(ledger: Ledger, file: Path) -> None:
    by_id: dict[int, Attempt] = {}
    rulings: dict[int, Ruling] = {}
    for line in _lines(file):
        if "attempt" in line:
            attempt = Attempt(line["video"], line["user"], line["key"], line["text"], line["t"])
            by_id[line["attempt"]] = attempt
            ledger.attempts.append(attempt)
        elif "answer" in line:
            attempt = by_id.pop(line["answer"])
            attempt.ended_ns, attempt.status = line["t"], line["status"]
            attempt.number, attempt.code = line["number"], line["code"]
        elif "ruling" in line:
            ruling = Ruling(line["kind"], line["video"], line["user"], line["comment"], line["t"])
            rulings[line["ruling"]] = ruling
            ledger.rulings.append(ruling)
        elif "ruled" in line:
            ruling = rulings.pop(line["ruled"])
            ruling.ended_ns, ruling.status = line["t"], line["status"]
            ruling.number, ruling.code = line["number"], line["code"]
        else:
            video = line["page"]
            said = tuple(ledger.place(Said(video, *item)) for item in line["said"])
            ledger.pages.append(Page(video, line["t"], line["cursor"], said, line["whole"]))


def _read_viewers(ledger: Ledger, file: Path) -> None:
    places: dict[int, int] = {}  # from the file's numbering to the ledger's
    lives: dict[str, Life] = {}
    for line in _lines(file):
        match line:
            case {"got": viewer, "t": at_ns, "said": said}:
                life = lives[viewer]
                for one in said:
                    life.show(places[one], at_ns)
            case {"said": one, "video": video, "as": item}:
                places[one] = ledger.place(Said(video, *item))
            case {"connect": viewer, "t": at_ns, "video": video, "position": position}:
                if viewer not in lives:
                    lives[viewer] = Life(viewer, video)
                    ledger.lives.append(lives[viewer])
                lives[viewer].step(Connect(at_ns, position))
            case {"opened": viewer, "t": at_ns}:
                lives[viewer].step(Opened(at_ns))
            case {"told": viewer, "t": at_ns, "event": event, "position": position, "data": data}:
                lives[viewer].step(Told(at_ns, event, position, data))
            case {"closed": viewer, "t": at_ns, "reason": reason, "refused": refused}:
                lives[viewer].step(Closed(at_ns, reason, refused))
            case {"to_the_end": viewer}:
                lives[viewer].to_the_end = True
            case _:
                raise ValueError(f"{file}: not a line of this file: {line}")


def _read_history(ledger: Ledger, file: Path) -> None:
    places: dict[tuple[str, str], list[int]] = {}
    for line in _lines(file):
        video = line["reading"]
        said = places.setdefault((video, line["sort"]), [])
        said += [ledger.place(Said(video, *item)) for item in line["said"]]
    ledger.readings += [Reading(video, sort, tuple(said)) for (video, sort), said in places.items()]


def _read_faults(ledger: Ledger, file: Path) -> None:
    for line in _lines(file):
        if "fault" in line:
            ledger.faults.append(Fired(**line["fault"]))
        elif "trouble" in line:
            ledger.trouble.append(line["trouble"])
        else:
            ledger.untried.append(line["untried"])
