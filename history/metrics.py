"""What history tells Prometheus, beside the answers counted in `runtime.metrics`."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from runtime.metrics import LATENCY_BUCKETS_S

READ_SECONDS: Final = Histogram(
    "livecomments_history_read_seconds", "How long Postgres took", ["query"], buckets=LATENCY_BUCKETS_S
)
ARCHIVE_AWAY: Final = Gauge("livecomments_history_archive_away", "1: the last read from Postgres failed")
REPLAYS: Final = Counter("livecomments_history_replays", "Answers to edges", ["outcome"])
WITHOUT_POSTGRES: Final = Counter("livecomments_history_without_postgres", "Newest pages answered without Postgres")
SECOND_CHOICE: Final = Gauge(
    "livecomments_history_second_choice",
    "1: what is read is not the first server that the DSN names, which does not answer: the replica",
)
LAG_SECONDS: Final = Gauge("livecomments_history_lag_seconds", "How far what is read is behind what is archived")
