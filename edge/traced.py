"""Comments of a channel that are traced: from hearing their copy until they were written to the last viewer."""

from __future__ import annotations

from runtime.tracing import Span

MAX_TRACED = 1_000  # of one channel and not yet written; further ones are not traced


class Traced:
    """The traced comments of one channel that have not been written to everybody, in their order in the ring."""

    __slots__ = ("_spans",)

    def __init__(self) -> None:
        self._spans: list[tuple[int, Span]] = []

    def __bool__(self) -> bool:
        return bool(self._spans)

    def add(self, index: int, span: Span) -> None:
        """Follow the comment at an index of the ring."""
        if len(self._spans) < MAX_TRACED:
            self._spans.append((index, span))

    def slice_written(self, end: int) -> None:
        """Note that some viewers have been written everything before `end`."""
        for index, span in self._spans:
            if index < end and len(span.milestones) == 1:  # beside `stored`
                span.reached("first viewer written")

    def round_written(self, end: int, viewers: int) -> None:
        """Note that all viewers have been written everything before `end`."""
        done = [span for index, span in self._spans if index < end]
        self._spans = self._spans[len(done) :]
        for span in done:
            span.reached("last viewer written")
            span.attributes["viewers"] = viewers
            span.end()
