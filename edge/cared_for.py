"""Whose comments the viewers of a hot video see, sample or not: their own, and those of whom they follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from runtime.tokens import Identity
from wire.sample import author_mark

MAX_MARKS: Final = 200_000  # of authors, on one video: where its viewers follow more, the edge takes in everything


def marks_of(identity: Identity) -> Iterator[int]:
    """Yield the marks of the authors whose comments somebody always sees."""
    yield author_mark(identity.user_id)
    yield from map(author_mark, identity.following)


class CaredFor:
    """The marks of the authors that any viewer of a video cares for, counted as viewers come and go."""

    def __init__(self, present: Iterable[Identity | None]) -> None:
        self._marks: Counter[int] = Counter()
        for identity in present:
            self.add(identity)

    @property
    def are_too_many(self) -> bool:
        """Whether there are more than one video may have."""
        return len(self._marks) > MAX_MARKS

    def __contains__(self, mark: int) -> bool:
        """Whether anybody here cares for an author with this mark."""
        return mark in self._marks

    def add(self, identity: Identity | None) -> None:
        """Count a viewer who came."""
        if identity is not None:
            self._marks.update(marks_of(identity))

    def remove(self, identity: Identity | None) -> None:
        """Count a viewer out who left."""
        if identity is not None:
            for mark in marks_of(identity):
                self._marks[mark] -= 1
                if not self._marks[mark]:
                    del self._marks[mark]
