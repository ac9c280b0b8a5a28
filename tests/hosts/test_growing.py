"""A NATS server that comes and goes, as docs/operating.md says; test_shrinking takes it back after the rehearsal."""

from hosts.town import copies, meta_members
from tests.hosts.conftest import COMING_BACK


async def test_a_nats_server_that_was_taken_out_keeps_nothing_and_has_no_vote_and_that_is_said(fleet, taken_out_at):
    assert await meta_members(fleet) == set(fleet.named("nats"))
    assert set((await copies(fleet)).values()) == {7}
    await fleet.join(COMING_BACK)  # too early: the others do not take it yet, though it finds itself healthy
    await fleet.run_again("streams")
    assert f"{COMING_BACK} is there, and no member of the cluster" in fleet["streams"].last_words()
    assert (await copies(fleet))[COMING_BACK] == 0
    await fleet.leave(COMING_BACK)
