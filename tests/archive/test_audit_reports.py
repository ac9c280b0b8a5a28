"""The reports of the loss audit that wait: named, found once they are due, and bounded in every way."""

from __future__ import annotations

import pytest

from wire.audit import Acknowledged, encode_report, report_id
from writer.archiving import audit_reports
from writer.archiving.audit_reports import KEPT_S, AuditReports


def said(*numbers: int, video: str = "v") -> bytes:
    return encode_report({video: Acknowledged(list(numbers), None)})


def waiting(reports: AuditReports) -> list[int]:
    return [one.highest for one in reports.due(10**9, 100)]


def test_a_report_is_due_once_its_highest_number_is_archived_the_oldest_first():
    reports = AuditReports()
    for numbers in ((5, 9), (1, 2), (3, 4)):
        assert reports.add(said(*numbers), 0) == 0
    assert [one.highest for one in reports.due(4, 10)] == [2, 4]
    assert [one.highest for one in reports.due(9, 2)] == [9, 2]
    assert reports.due(1, 10) == []
    [one] = reports.due(2, 10)
    assert one.videos() == {"v": Acknowledged([1, 2], None)}


def test_one_that_was_compared_is_let_go_by_its_name_and_an_unknown_name_changes_nothing():
    reports = AuditReports()
    reports.add(said(1), 0)
    reports.add(said(1, video="w"), 0)
    for name in (report_id(said(1)), report_id(said(1)), b"", b"anything"):
        reports.compared(name)
    assert [list(one.videos()) for one in reports.due(1, 10)] == [["w"]]


def test_one_that_is_said_again_is_taken_once_whether_it_waits_was_compared_or_was_dropped(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(audit_reports, "MAX_REPORTS", 2)
    reports = AuditReports()
    assert [reports.add(said(number), 0) for number in (1, 2, 2, 3, 1)] == [0, 0, 0, 1, 0]
    reports.compared(report_id(said(2)))
    reports.compared(report_id(said(4)))  # heard of before the report itself
    for number in (2, 3, 4):
        assert reports.add(said(number), 10) == 0
    assert [(one.highest, one.heard_s) for one in reports.due(9, 9)] == [(3, 0)]


def test_there_are_never_more_than_allowed_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit_reports, "MAX_REPORTS", 2)
    reports = AuditReports()
    assert [reports.add(said(number, number + 1), 0) for number in (1, 3, 5)] == [0, 0, 2]
    assert waiting(reports) == [4, 6]


def test_they_never_hold_more_bytes_than_allowed(monkeypatch: pytest.MonkeyPatch):
    reports = AuditReports()
    monkeypatch.setattr(audit_reports, "MAX_BYTES", 2 * len(said(1)))
    for number in (1, 2):
        assert reports.add(said(number), 0) == 0
    reports.compared(report_id(said(1)))
    assert reports.add(said(3), 0) == 0
    assert reports.add(said(4, 5), 0) == 2
    assert waiting(reports) == [5]


def test_what_waits_for_longer_than_it_is_kept_is_dropped():
    reports = AuditReports()
    reports.add(said(1), 0)
    assert reports.add(said(2), KEPT_S) == 0
    assert reports.add(said(3), KEPT_S + 1) == 1
    assert waiting(reports) == [2, 3]


@pytest.mark.parametrize("data", [b"[]", b'{"v":1}', b'{"v":[1,["x"],null]}'])
def test_what_is_no_report_is_refused(data: bytes):
    reports = AuditReports()
    with pytest.raises(ValueError, match="not a report"):
        reports.add(data, 0)
    assert waiting(reports) == []
