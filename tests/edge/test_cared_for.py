"""Whose comments the viewers of a hot video see, sample or not."""

from __future__ import annotations

from edge.cared_for import MAX_COUNTED, CaredFor, marks_of
from runtime.tokens import Identity
from tests.edge.recording import NEVER_EXPIRES
from wire.sample import author_mark


def viewer(user: str, *following: str) -> Identity:
    return Identity(user, NEVER_EXPIRES, following=frozenset(following))


def test_viewers_care_for_themselves_and_those_they_follow_for_as_long_as_they_are_here():
    ann, bob = viewer("ann", "star"), viewer("bob", "star", "ann")
    cared_for = CaredFor([ann, None])
    cared_for.add(bob)
    assert all(author_mark(user) in cared_for for user in ("ann", "bob", "star"))
    assert author_mark("eve") not in cared_for
    cared_for.remove(ann)
    assert author_mark("ann") in cared_for, "bob follows her"
    cared_for.remove(bob)
    cared_for.remove(None)
    assert not any(mark in cared_for for mark in marks_of(bob))


def test_more_than_can_be_counted_quickly_are_everybody():
    crowd = viewer("fan", *(f"star-{number}" for number in range(999)))
    cared_for = CaredFor([crowd] * (MAX_COUNTED // 1_000))
    assert not cared_for.are_too_many
    cared_for.add(viewer("one more"))
    assert cared_for.are_too_many
    assert author_mark("eve") in cared_for
    cared_for.remove(crowd)
    assert cared_for.are_too_many
