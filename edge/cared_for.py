"""Whose comments the viewers of a hot video see, sample or not: their own, and those of whom they follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from runtime.tokens import Identity
from wire.sample import author_mark

MAX_COUNTED: Final = 500_000  # authors, each as often as somebody cares for him: a tenth of a second to count them


def marks_of(identity: Identity) -> Iterator[int]:
    """Yield the marks of the authors whose comments somebody always sees."""
    yield author_mark(identity.user_id)
    yield from map(author_mark, identity.following)


class CaredFor:
    """The marks of the authors that any viewer of a video cares for, counted as viewers come and go.

    Where there are more than `MAX_COUNTED` it stops counting for good, and everybody is cared for: `are_too_many`.
    """

    def __init__(self, present: Iterable[Identity | None]) -> None:
        self.are_too_many = False
        self._marks: Counter[int] = Counter()
        self._counted = 0
        for identity in present:
            self.add(identity)

    def __contains__(self, mark: int) -> bool:
        """Whether anybody here cares for an author with this mark."""
        return self.are_too_many or mark in self._marks

    def add(self, identity: Identity | None) -> None:
        """Count a viewer who came."""
        if identity is None or self.are_too_many:
            return
        self._counted += 1 + len(identity.following)
        if self._counted > MAX_COUNTED:
            self.are_too_many = True
            self._marks.clear()
        else:
            self._marks.update(marks_of(identity))

    def remove(self, identity: Identity | None) -> None:
        """Count a viewer out who left."""
        if identity is None or self.are_too_many:
            return
        self._counted -= 1 + len(identity.following)
        for mark in marks_of(identity):
            self._marks[mark] -= 1
            if not self._marks[mark]:
                del self._marks[mark]
