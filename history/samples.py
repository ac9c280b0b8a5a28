"""What the operator's page needs out of a part's metrics, in few numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

# Samples that are added up over their labels, each under its own name.
_ADDED: Final = {
    "livecomments_viewers": "viewers",
    "livecomments_videos": "videos",
    "livecomments_queue_depth": "queued",
    "livecomments_not_stored_total": "notStored",
    "livecomments_archive_lag_numbers": "archiveLagNumbers",
    "livecomments_archive_lost_numbers_total": "archiveLost",
    "livecomments_archive_set_aside_total": "setAside",
    "livecomments_archive_held": "shardsHeld",
    "livecomments_lost_comments_total": "auditLost",
    "livecomments_skipped_comments_total": "skipped",
    "livecomments_replays_incomplete_total": "replaysIncomplete",
    "livecomments_nats_disconnects_total": "natsDisconnects",
    "process_resident_memory_bytes": "memoryBytes",
    "process_cpu_seconds_total": "cpuSeconds",
}
# Samples of which the highest counts.
_HIGHEST: Final = {
    "livecomments_archive_lag_seconds": "archiveLagSeconds",
    "livecomments_archive_stopped": "archiveStopped",
    "livecomments_store_away": "storeAway",
    "livecomments_stream_short": "streamShort",
    "livecomments_history_archive_away": "archiveAway",
}
# Samples told apart by a label: `accepted`, `gapsLeft`.
_BY_LABEL: Final = {
    "livecomments_comments_total": ("milestone", ""),
    "livecomments_gaps_total": ("outcome", "gaps"),
}
# Histograms, as [upper bound in seconds, how many up to there]; the last bound is null.
_HISTOGRAMS: Final = {
    "livecomments_post_seconds_bucket": "post",
    "livecomments_ack_seconds_bucket": "ack",
    "livecomments_stored_to_written_seconds_bucket": "storedToWritten",
    "livecomments_loop_lag_seconds_bucket": "loopLag",
    "livecomments_history_read_seconds_bucket": "historyRead",
}


@dataclass(frozen=True, slots=True)
class Samples:
    """Numbers of one part, by short names."""

    values: dict[str, float]
    histograms: dict[str, list[tuple[float | None, float]]]


def read_samples(text: str) -> Samples:
    """Return what is wanted of metrics in Prometheus' text format. Raises `ValueError` for text that is none."""
    return _pick(sample for family in text_string_to_metric_families(text) for sample in family.samples)


def _pick(samples: Iterable[Sample]) -> Samples:
    values: dict[str, float] = {}
    buckets: dict[str, dict[float, float]] = {}
    for sample in samples:
        name, labels, value = sample.name, sample.labels, sample.value
        if name in _ADDED:
            values[_ADDED[name]] = values.get(_ADDED[name], 0) + value
        elif name in _HIGHEST:
            values[_HIGHEST[name]] = max(values.get(_HIGHEST[name], value), value)
        elif name in _BY_LABEL:
            label, prefix = _BY_LABEL[name]
            key = labels[label] if not prefix else prefix + labels[label].capitalize()
            values[key] = values.get(key, 0) + value
        elif name in _HISTOGRAMS:
            counts = buckets.setdefault(_HISTOGRAMS[name], {})
            bound = float(labels["le"])
            counts[bound] = counts.get(bound, 0) + value
    histograms = {
        name: [(None if bound == float("inf") else bound, count) for bound, count in sorted(counts.items())]
        for name, counts in buckets.items()
    }
    return Samples(values, histograms)
