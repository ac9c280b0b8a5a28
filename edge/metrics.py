"""What this edge counts."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from runtime.metrics import LATENCY_BUCKETS_S

VIEWERS: Final = Gauge("livecomments_viewers", "Viewers connected to this edge")
OPENED: Final = Counter("livecomments_streams_opened", "Viewers claimed")
CLOSED: Final = Counter("livecomments_streams_closed", "Viewers released")
VIDEOS: Final = Gauge("livecomments_videos", "Videos with a channel on this edge")
SAMPLED_VIDEOS: Final = Gauge("livecomments_sampled_videos", "Hot videos of which this edge takes in the sample alone")
BUNDLES: Final = Counter("livecomments_sample_bundles_heard", "Bundles of hot videos' samples that came here")
WRITES: Final = Counter("livecomments_writes", "Writes to viewers' sockets")
WRITTEN_BYTES: Final = Counter("livecomments_written_bytes", "Bytes written to viewers' sockets")
FLUSHES: Final = Counter("livecomments_flushes", "Rounds of writing to all viewers of a video")
FLUSHED_COMMENTS: Final = Counter("livecomments_flushed_comments", "Comments in those rounds; per round: coalescing")
REPLAYS: Final = Counter("livecomments_replays", "Replays, by where they came from", ["source"])
SHARED_PIECES: Final = Counter("livecomments_replay_pieces_shared", "Pieces of replays that somebody else was read")
REPLAYED: Final = Counter("livecomments_replayed_comments", "Comments replayed")
INCOMPLETE: Final = Counter("livecomments_replays_incomplete", "Replays told to be incomplete")
GAPS: Final = Counter("livecomments_gaps", "Gaps in live copies", ["outcome"])
GAPS_FOUND: Final = GAPS.labels("found")
GAPS_FILLED: Final = GAPS.labels("filled")
GAPS_LEFT: Final = GAPS.labels("left")
FOUND_SHORT: Final = Counter("livecomments_found_short", "Times that a stream ended below what viewers had seen")
UNREADABLE: Final = Counter("livecomments_unreadable", "Messages that could not be shown")
SKIPPED: Final = Counter("livecomments_skipped_comments", "Comments that slow viewers were told they missed")
ENDED: Final = Counter("livecomments_streams_ended", "Streams ended by the edge", ["reason"])
for _reason in ("full", "stalled"):
    ENDED.labels(_reason)  # 0 is told from the start: an alert goes by its increase
REFUSED: Final = Counter("livecomments_streams_refused", "Streams that were told to come back at once", ["reason"])
STORED_TO_WRITTEN: Final = Histogram(
    "livecomments_stored_to_written_seconds",
    "From JetStream's time stamp to the write to the last viewer, of the oldest comment of a round",
    buckets=LATENCY_BUCKETS_S,
)
