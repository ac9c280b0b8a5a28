"""Every fault that several hosts let one try, and a rolling restart, under load: every promise is kept."""

import asyncio

import pytest

from hosts.__main__ import judge
from hosts.rehearsal import EVERY_FAULT, ROLLING_RESTART, Rehearsal, amount


@pytest.mark.timeout(560)
async def test_every_promise_is_kept_while_hosts_fail_and_all_services_are_restarted(fleet, work_folder):
    rehearsal = Rehearsal(fleet, work_folder / "ledger", amount(rate=60, viewers=60), print)
    await rehearsal.go([*EVERY_FAULT, *ROLLING_RESTART])
    verdict = await asyncio.to_thread(judge, work_folder)  # names are answered meanwhile
    assert not verdict.violations, verdict.by_check()
    assert not verdict.void, verdict.void
