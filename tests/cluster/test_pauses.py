"""How long shards went without an acknowledgement, out of a ledger."""

from faults.ledger import Attempt, Fired, Ledger
from hosts.pauses import S_TO_NS, Pause, pauses


def test_the_longest_gap_of_any_shard_around_a_fault_is_its_pause():
    ledger = Ledger(shards=1)
    for at_s in (0, 1, 2, 7, 8, 20):
        ended_ns = at_s * S_TO_NS
        ledger.attempts.append(Attempt("v", "u", None, "t", ended_ns, ended_ns, status=201, number=1))
    ledger.attempts.append(Attempt("v", "u", None, "t", 0, 4 * S_TO_NS, status=503))
    ledger.faults += [Fired("kill", "nats-1", 3 * S_TO_NS, 5 * S_TO_NS), Fired("cut", "edge-1", S_TO_NS // 2, S_TO_NS)]
    assert list(pauses(ledger)) == [Pause("kill", "nats-1", 2.0, 5.0), Pause("cut", "edge-1", 0.5, 1.0)]
