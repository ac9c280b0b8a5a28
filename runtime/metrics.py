"""A comment's milestones, counted: accepted, stored, published, delivered, archived.

`accepted`: a POST was found good. `stored`: JetStream acknowledged it. `published`: an edge had it from JetStream.
`delivered`: it was written to a viewer's socket. `archived`: it is in Postgres. Comparing their sums shows where
comments are lost, or late.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram, Info

# Seconds; fine around what this service aims at (5 ms to 200 ms).
LATENCY_BUCKETS_S: Final = (
    0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5, 5, 10,
)  # fmt: skip

PART: Final = Info("livecomments_part", "Which part this process is")

COMMENTS: Final = Counter("livecomments_comments", "Comments that passed a milestone in this process", ["milestone"])
ACCEPTED: Final = COMMENTS.labels("accepted")
STORED: Final = COMMENTS.labels("stored")
PUBLISHED: Final = COMMENTS.labels("published")
DELIVERED: Final = COMMENTS.labels("delivered")
ARCHIVED: Final = COMMENTS.labels("archived")

ANSWERS: Final = Counter("livecomments_answers", "Answers to requests", ["route", "status", "code"])
CONNECTIONS_REFUSED: Final = Counter(
    "livecomments_connections_refused", "Connections closed before a request was served, by the problem", ["code"]
)
TOKEN_KEYS: Final = Gauge("livecomments_token_keys", "Keys that tokens may be signed with")
KEY_READS: Final = Counter(
    "livecomments_token_key_reads", "Times that changed or published keys were read", ["outcome"]
)
KEY_READS_OK: Final = KEY_READS.labels("read")
KEY_READS_FAILED: Final = KEY_READS.labels("failed")
REVOCATIONS: Final = Gauge("livecomments_revocations", "Revocations that are known, those that were lifted among them")
REVOCATIONS_UNKNOWN: Final = Gauge(
    "livecomments_revocations_unknown", "1 until all revocations were read once; till then tokens are refused"
)
REVOCATIONS_UNREADABLE: Final = Counter(
    "livecomments_revocations_unreadable", "Revocations that made no sense to this part, which goes on without them"
)
REVOCATIONS_FORGOTTEN: Final = Counter(
    "livecomments_revocations_forgotten", "Revocations let go because there are more than can be held"
)
NATS_DISCONNECTS: Final = Counter("livecomments_nats_disconnects", "Times that the connection to NATS was lost")
TASKS: Final = Gauge("livecomments_tasks", "Tasks on the event loop")
LOOP_LAG: Final = Histogram(
    "livecomments_loop_lag_seconds", "How late the event loop runs what is due", buckets=LATENCY_BUCKETS_S
)
