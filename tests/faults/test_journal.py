"""A ledger on disk is the ledger."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from random import Random

import pytest

from faults.checker import check
from faults.journal import (
    ATTEMPTS,
    FAULTS,
    HISTORY,
    VIEWERS,
    Journal,
    read_ledger,
    said_line,
    write_run,
)
from faults.ledger import Closed, Connect, Ledger, Opened, Told
from tests.faults.defects import DEFECTS, hide, lose
from tests.faults.simulated import Simulation


def write(folder: Path, ledger: Ledger) -> None:
    """Write a finished ledger as the processes of a run would have."""
    write_run(folder, ledger)
    with Journal(folder / ATTEMPTS) as journal:
        for number, attempt in enumerate(ledger.attempts):
            begun = {"video": attempt.video, "user": attempt.user, "key": attempt.key, "text": attempt.text}
            journal.write({"attempt": number, "t": attempt.began_ns, **begun})
            if attempt.ended_ns is not None:
                ended = {"status": attempt.status, "number": attempt.number, "code": attempt.code}
                journal.write({"answer": number, "t": attempt.ended_ns, **ended})
        for number, ruling in enumerate(ledger.rulings):
            about = {"kind": ruling.kind, "video": ruling.video, "user": ruling.user, "comment": ruling.comment}
            journal.write({"ruling": number, "t": ruling.began_ns, **about})
            if ruling.ended_ns is not None:
                ended = {"status": ruling.status, "number": ruling.number, "code": ruling.code}
                journal.write({"ruled": number, "t": ruling.ended_ns, **ended})
        for page in ledger.pages:
            said = [said_line(ledger.said[place]) for place in page.said]
            line = {"t": page.began_ns, "cursor": page.cursor, "said": said, "whole": page.whole}
            journal.write({"page": page.video, **line})
    with Journal(folder / VIEWERS) as journal:
        for number, said in enumerate(ledger.said):
            journal.write({"said": number, "video": said.video, "as": said_line(said)})
        for life in ledger.lives:
            shown = 0
            for place, step in [*life.steps, (len(life.shown), None)]:
                for at in range(shown, place):
                    journal.write({"got": life.viewer, "t": life.shown_ns[at], "said": [life.shown[at]]})
                shown = place
                match step:
                    case Connect():
                        line = {"connect": life.viewer, "video": life.video, "position": step.position}
                    case Opened():
                        line = {"opened": life.viewer}
                    case Told():
                        line = {"told": life.viewer, "event": step.event, "position": step.position, "data": step.data}
                    case Closed():
                        line = {"closed": life.viewer, "reason": step.reason, "refused": step.refused}
                    case _:
                        break
                journal.write({**line, "t": step.at_ns})
            if life.to_the_end:
                journal.write({"to_the_end": life.viewer})
    with Journal(folder / HISTORY) as journal:
        for reading in ledger.readings:
            for begin in range(0, max(1, len(reading.said)), 3):
                said = [said_line(ledger.said[place]) for place in reading.said[begin : begin + 3]]
                journal.write({"reading": reading.video, "sort": reading.sort, "said": said})
    with Journal(folder / FAULTS) as journal:
        for fault in ledger.faults:
            journal.write({"fault": asdict(fault)})
        for trouble in ledger.trouble:
            journal.write({"trouble": trouble})
        for untried in ledger.untried:
            journal.write({"untried": untried})


@pytest.mark.parametrize("defect", [None, lose, hide], ids=["clean", "lost", "missed"])
def test_a_ledger_that_was_read_again_gets_the_same_verdict(tmp_path, defect):
    ledger = Simulation(Random(7)).run(400)
    ledger.trouble.append("something")
    ledger.untried.append("something else")
    if defect is not None:
        assert defect in DEFECTS
        assert defect(ledger, Random(7))
    write(tmp_path, ledger)
    again = read_ledger(tmp_path)
    assert again.attempts == ledger.attempts
    assert again.rulings == ledger.rulings
    assert again.untried == ledger.untried
    assert set(again.said) >= {ledger.said[place] for life in ledger.lives for place in life.shown}
    assert check(again) == check(ledger)


def test_a_line_that_broke_off_is_not_there(tmp_path):
    ledger = Simulation(Random(3)).run(50)
    write(tmp_path, ledger)
    with (tmp_path / ATTEMPTS).open("ab") as opened:
        opened.write(b'{"attempt": 99999, "t": 5, "vi')
    assert len(read_ledger(tmp_path).attempts) == len(ledger.attempts)


def test_a_folder_without_a_ledger_is_not_taken_for_an_empty_one(tmp_path):
    with pytest.raises(OSError, match=r"run\.json"):
        read_ledger(tmp_path)
