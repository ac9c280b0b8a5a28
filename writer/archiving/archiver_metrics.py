"""What the archiver tells Prometheus, for each shard. `archived` among the milestones is in `runtime.metrics`."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

_SHARD: Final = ["shard"]

THROUGH: Final = Gauge("livecomments_archive_through", "Numbers up to this one are in Postgres", _SHARD)
HELD: Final = Gauge("livecomments_archive_held", "1: this archiver archives the shard, 0: it stands by", _SHARD)
# The stream was found short, numbers are missing, or Postgres refuses one message after the other: the log says which.
STOPPED: Final = Gauge("livecomments_archive_stopped", "1: the shard is stopped, a person must look at it", _SHARD)
LAG_NUMBERS: Final = Gauge("livecomments_archive_lag_numbers", "Numbers stored that are not in Postgres yet", _SHARD)
LAG_SECONDS: Final = Gauge("livecomments_archive_lag_seconds", "Age of the oldest comment not in Postgres yet", _SHARD)
SET_ASIDE: Final = Counter("livecomments_archive_set_aside", "Messages that Postgres cannot hold", _SHARD)
LOST: Final = Counter(
    "livecomments_archive_lost_numbers", "Numbers that the stream no longer held when Postgres needed them", _SHARD
)
TRIMMED: Final = Counter("livecomments_archive_trimmed_numbers", "Numbers taken off the stream, being archived", _SHARD)
LIFTS: Final = Counter("livecomments_archive_lifts", "Times that a stream was found short and the shard lifted", _SHARD)
COLLIDED: Final = Counter(
    "livecomments_archive_collided", "Messages set aside because their number stands for something else", _SHARD
)
BLOCKS_DROPPED: Final = Counter("livecomments_archive_blocks_dropped", "Blocks dropped, being too old", _SHARD)
REMOVED: Final = Counter("livecomments_archive_removed", "Comments overwritten after their user was banned", _SHARD)
# A state that cannot be kept, a text that cannot be taken off the stream: each try counts. The log says which.
UNDONE: Final = Counter("livecomments_archive_undone", "Duties of control messages that JetStream refused", _SHARD)
_COUNTED: Final = (SET_ASIDE, LOST, TRIMMED, LIFTS, COLLIDED, BLOCKS_DROPPED, REMOVED, UNDONE)


def tell_zeros(shard: int) -> None:
    """Have all that is counted for a shard begin at 0: what begins at 1 has had no increase, and alarms nobody.

    (prometheus/prometheus#1673)
    """
    for counter in _COUNTED:
        counter.labels(shard)


COPIES_WANTED: Final = Gauge("livecomments_stream_copies_wanted", "Copies that a stream is to have", ["stream"])
COPIES_CURRENT: Final = Gauge(
    "livecomments_stream_copies_current", "Copies of a stream that have everything, as its leader says", ["stream"]
)
FILLED: Final = Gauge(
    "livecomments_moderation_filled", "Share of its bytes that a stream of moderation holds", ["stream"]
)
