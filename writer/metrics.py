"""What a writer counts beside the milestones of a comment (`runtime.metrics`).

`accepted` is `stored`, and what was answered as known by the store, and what was refused as not stored.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from runtime.metrics import LATENCY_BUCKETS_S

ROUND_SIZE: Final = Histogram(
    "livecomments_round_comments",
    "Comments that went to JetStream in one go, by how they went",
    ["way"],
    buckets=(1, 2, 4, 8, 12, 16, 32, 64, 128, 256, 500),
)
ROUND_BATCH: Final = ROUND_SIZE.labels("batch")
ROUND_SINGLES: Final = ROUND_SIZE.labels("singles")
SPLIT_BATCHES: Final = Counter("livecomments_split_batches", "Batches that JetStream refused as a whole and were split")
QUEUE_DEPTH: Final = Gauge("livecomments_queue_depth", "Comments that wait for JetStream's word", ["shard"])
HELD_REPEATS: Final = Counter("livecomments_held_repeats", "Comments sent again because JetStream had not answered")
NOT_STORED: Final = Counter("livecomments_not_stored", "Accepted comments answered with a 503", ["code"])
for _code in ("not_stored", "store_full"):
    NOT_STORED.labels(_code)  # 0 is told from the start: an alert goes by its increase
STORE_AWAY: Final = Gauge(
    "livecomments_store_away", "1 while JetStream has been away for so long that posts are refused at once", ["shard"]
)
STREAM_SHORT: Final = Gauge(
    "livecomments_stream_short", "1 when the shard's stream gave a number at or below one known before", ["shard"]
)
ACK_S: Final = Histogram(
    "livecomments_ack_seconds", "From a comment's arrival to JetStream's acknowledgement", buckets=LATENCY_BUCKETS_S
)
ANSWER_S: Final = Histogram(
    "livecomments_post_seconds", "From a POST's arrival to its answer", ["status"], buckets=LATENCY_BUCKETS_S
)
ANSWER_201_S: Final = ANSWER_S.labels("201")
ANSWER_202_S: Final = ANSWER_S.labels("202")
REFUSED_BY_RATE: Final = Counter("livecomments_rate_refusals", "POSTs refused by a limit", ["limit"])
KNOWN_KEYS: Final = Counter("livecomments_known_keys", "Repeats answered with the first number", ["known_to"])
KNOWN_QUEUED: Final = KNOWN_KEYS.labels("queue")
KNOWN_REMEMBERED: Final = KNOWN_KEYS.labels("memory")
KNOWN_STORED: Final = KNOWN_KEYS.labels("store")
BUNDLES: Final = Counter("livecomments_sample_bundles", "Bundles of hot videos' samples published")
GUESTS: Final = Counter("livecomments_guests", "Tokens given to guests")
MODERATED: Final = Counter("livecomments_moderated", "Control messages stored", ["kind"])
REFUSED_BY_RULE: Final = Counter("livecomments_rule_refusals", "POSTs refused by what moderators decided", ["rule"])
CLASSIFIED: Final = Counter("livecomments_classified", "What the classifier said", ["verdict"])
