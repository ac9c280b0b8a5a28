"""The loss audit, as metrics: `lost: 0` is measured, and not hoped for.

| metric | what |
|---|---|
| `livecomments_audited_comments_total{part}` | acknowledged comments that were looked for |
| `livecomments_lost_comments_total{part}` | … and were not there |
| `livecomments_differing_comments_total{part}` | … in videos of which something else is there |
| `livecomments_unaudited_comments_total{part}` | … that could not be looked for: watched for too short, too many |

`part` is `archive` (are they in Postgres?) or `edge` (did they come to an edge that had viewers of the video?).
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter

_PART: Final = ["part"]

AUDITED: Final = Counter("livecomments_audited_comments", "Acknowledged comments that were looked for", _PART)
LOST: Final = Counter("livecomments_lost_comments", "Acknowledged comments that were not there", _PART)
DIFFERING: Final = Counter(
    "livecomments_differing_comments", "Comments in videos that differ from what was said", _PART
)
UNAUDITED: Final = Counter("livecomments_unaudited_comments", "Comments that could not be looked for", _PART)

ARCHIVE: Final = "archive"
EDGE: Final = "edge"
for _part in (ARCHIVE, EDGE):
    for _counter in (AUDITED, LOST, DIFFERING, UNAUDITED):
        _counter.labels(_part)  # 0 is told from the start
