"""What is to be reached, in the order in which it is measured."""

from __future__ import annotations

from typing import Final

from bench.write.line import Line
from bench.write.lines import alone, catching_up, pages, per_comment, per_second, to_viewers

ALL: Final[tuple[Line, ...]] = (
    per_comment.LINE,
    per_second.LINE,
    alone.LINE,
    catching_up.LINE,
    pages.LINE,
    to_viewers.LINE,
)
