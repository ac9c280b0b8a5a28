"""What is to be reached, in the order in which it is measured.

| file | what it shows |
|---|---|
| `per_comment.py` | CPU of the writer for each comment, beside a plain Quart route |
| `rounds.py` | what storing a round costs, as a batch and as singles |
| `checks.py` | CPU of the writer for each comment with all checks on, beside one with none |
| `per_second.py` | how many comments a second are accepted with 201 |
| `knee.py` | how late answers come, as more and more is posted |
| `copies.py` | what a live copy costs nats-server |
| `sizes.py` | what a comment takes on disk |
| `alone.py` | one client that posts one comment after the other, and one viewer |
| `catching_up.py` | how fast the archive catches up after it stood still |
| `pages.py` | pages of 50 a second, where pages repeat and where none does |
| `to_viewers.py` | from a POST until every viewer has the comment |
"""

from __future__ import annotations

from typing import Final

from bench.write.line import Line
from bench.write.lines import (
    alone,
    catching_up,
    checks,
    copies,
    knee,
    pages,
    per_comment,
    per_second,
    rounds,
    sizes,
    to_viewers,
)

ALL: Final[tuple[Line, ...]] = (
    per_comment.LINE,
    rounds.LINE,
    checks.LINE,
    per_second.LINE,
    knee.LINE,
    alone.LINE,
    sizes.LINE,
    copies.LINE,
    catching_up.LINE,
    pages.LINE,
    to_viewers.LINE,
)
