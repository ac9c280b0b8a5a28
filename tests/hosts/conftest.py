"""One fleet for all of these tests: everything that compose.yaml says, running."""

import time

import pytest

from hosts.__main__ import VARIABLES
from hosts.client_names import know_service
from hosts.fleet import Fleet
from hosts.rehearsal import LATER as ADDED_IN_THE_REHEARSAL

COMING_BACK = "nats-5"  # is added and taken out early, and taken back late: the others forgive that in five minutes
LATER = ADDED_IN_THE_REHEARSAL | {COMING_BACK: "nats-3"}


@pytest.fixture(scope="session")
def work_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hosts")


@pytest.fixture(scope="session")
async def fleet(work_folder):
    running = Fleet(work_folder / "fleet", VARIABLES, LATER)
    know_service([running.network.address(name) for name in running.named("gateway")], work_folder / "hosts")
    try:
        await running.up()
        yield running
    finally:
        await running.down()
        late = {name: host.overran for name, host in running.hosts.items() if host.overran}
        assert not late, f"these did not end within their stop_grace_period: {late}"


@pytest.fixture(scope="session")
async def taken_out_at(fleet):
    """Take a NATS server in, and out again. Gives when that was, in seconds of the monotonic clock."""
    await fleet.join(COMING_BACK)
    await fleet.run_again("streams")
    await fleet.run_again("streams", "--without", COMING_BACK)
    await fleet.leave(COMING_BACK)
    await fleet.run_again("streams", "--without", COMING_BACK)
    return time.monotonic()
