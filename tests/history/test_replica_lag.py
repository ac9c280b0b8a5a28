"""How far a replica is behind, out of announcements and what was read."""

from history.replica_lag import ReplicaLag


def test_the_oldest_announcement_that_cannot_be_read_yet_says_how_far_it_is_behind():
    lag = ReplicaLag()
    lag.announced(0, 100, now=10.0)
    lag.announced(0, 200, now=12.0)
    lag.announced(1, 50, now=11.0)
    assert lag.behind_s([(0, 100), (1, 50)], now=15.0) == 3.0
    assert lag.behind_s([(0, 100), (1, 49)], now=16.0) == 4.0
    assert lag.behind_s([(0, 200), (1, 50)], now=17.0) == 0.0


def test_what_was_never_announced_is_not_behind():
    assert ReplicaLag().behind_s([(0, 0), (1, 5)], now=100.0) == 0.0


def test_what_is_said_again_is_not_new():
    lag = ReplicaLag()
    lag.announced(0, 100, now=10.0)
    lag.announced(0, 100, now=20.0)
    assert lag.behind_s([(0, 99)], now=21.0) == 11.0
    assert lag.behind_s([(0, 100)], now=21.0) == 0.0
