"""What is told of a run beside its verdict."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from faults.checker import check
from faults.latencies import S_TO_NS, measure
from faults.ledger import HUNG_UP, Attempt, Closed, Connect, Fired, Ledger, Life, Opened, Said, Told
from faults.picture import draw
from faults.report import PICTURE, REPORT, write_report


def attempt(began_s: float, took_s: float | None, text: str, code: str | None = None) -> Attempt:
    began_ns = round(began_s * S_TO_NS)
    if took_s is None:
        return Attempt("v", "ada", text, text, began_ns, began_ns + 5 * S_TO_NS, 503, code=code)
    return Attempt("v", "ada", text, text, began_ns, began_ns + round(took_s * S_TO_NS), 201, round(began_s * 100))


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(shards=1, ended_ns=60 * S_TO_NS)


def test_a_fault_is_felt_until_comments_are_quick_again(ledger):
    ledger.faults = [Fired("kill", "writer-1", 10 * S_TO_NS, 10 * S_TO_NS)]
    ledger.attempts = [attempt(9, 0.1, "a"), attempt(11, 4, "b"), attempt(12.5, None, "c"), attempt(13, 0.1, "d")]
    (recovery,) = measure(ledger).recoveries
    assert (recovery.kind, recovery.target, recovery.count) == ("kill", "writer-1", 1)
    assert recovery.posting_s == (2.5, 2.5)


def test_what_comes_after_the_next_fault_is_the_next_faults_doing(ledger):
    ledger.faults = [
        Fired("kill", "edge-1", 10 * S_TO_NS, 10 * S_TO_NS),
        Fired("kill", "nats", 20 * S_TO_NS, 20 * S_TO_NS),
    ]
    ledger.attempts = [attempt(21, 3, "a")]
    felt = {one.target: one.posting_s[1] for one in measure(ledger).recoveries}
    assert felt == {"edge-1": 0, "nats": 1}


def test_a_client_that_hangs_up_has_felt_no_fault(ledger):
    ledger.faults = [Fired("kill", "edge-1", 10 * S_TO_NS, 10 * S_TO_NS)]
    ledger.attempts = [attempt(11, None, "a", HUNG_UP)]
    assert measure(ledger).recoveries[0].posting_s == (0, 0)


def test_delivery_is_measured_live_and_not_in_a_replay(ledger):
    ledger.attempts = [attempt(1, 0.1, "a")]
    said = Said("v", 1, "ada", "a", 0)
    life = Life("vera", "v")
    life.step(Connect(0, 0))
    life.step(Opened(0))
    life.show(ledger.place(said), 30 * S_TO_NS)
    life.step(Told(30 * S_TO_NS, "sync", None, {"complete": True}))
    ledger.lives = [life]
    assert not measure(ledger).delivery
    life.show(ledger.place(said._replace(number=2)), 31 * S_TO_NS)
    assert [second.max_s for second in measure(ledger).delivery] == [30]


def test_it_is_told_how_long_viewers_were_away_when_they_did_not_want_to_be(ledger):
    life = Life("vera", "v")
    for at_s, reason in ((1, "own will"), (20, "the server ended the stream")):
        life.step(Connect(0, 0))
        life.step(Told(at_s * S_TO_NS, "sync", None, {"complete": True}))
        life.step(Closed(at_s * S_TO_NS, reason))
    life.step(Told(23 * S_TO_NS, "sync", None, {"complete": True}))
    ledger.lives = [life]
    assert measure(ledger).back_s == [3]


def test_who_leaves_before_being_live_again_is_not_counted_as_away(ledger):
    life = Life("vera", "v")
    life.step(Closed(1 * S_TO_NS, "the server ended the stream"))
    life.step(Connect(2 * S_TO_NS, 0))
    life.step(Closed(3 * S_TO_NS, "own will"))
    life.step(Connect(200 * S_TO_NS, 0))
    life.step(Told(201 * S_TO_NS, "sync", None, {"complete": True}))
    ledger.lives = [life]
    assert not measure(ledger).back_s


def test_the_picture_is_well_formed_and_marks_every_fault(ledger):
    ledger.faults = [Fired("kill", "<nats>", 10 * S_TO_NS, 10 * S_TO_NS), Fired("stop", "edge-1", 0, S_TO_NS)]
    ledger.attempts = [attempt(second, 0.01 * second + 0.001, str(second)) for second in range(50)]
    root = ET.fromstring(draw(ledger, measure(ledger)))
    titles = [one.text for one in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["kill <nats>", "stop edge-1"] * 3


def test_a_run_in_which_nothing_happened_has_a_report_too(tmp_path):
    ledger = Ledger(shards=1, untried=["moved clocks: no library"])
    write_report(tmp_path, ledger, check(ledger))
    said = (tmp_path / REPORT).read_text(encoding="utf-8")
    assert "VOID" in said
    assert "moved clocks" in said
    assert (tmp_path / PICTURE).stat().st_size > 0
