"""The ring against a model: a plain list of everything that ever came in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.ring import Ring
from edge.ring_memory import RingMemory

entries = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 40), st.sampled_from([None, None, "ann", "bob"])), max_size=60
)


class Model:
    """Everything that came in, and how much of it a ring may hold."""

    def __init__(self, floor: int, max_entries: int, max_bytes: int) -> None:
        self.floor, self.max_entries, self.max_bytes = floor, max_entries, max_bytes
        self.all: list[tuple[int, bytes, str | None]] = []

    @property
    def begin(self) -> int:
        """The newest entries that fit both limits, and the newest one in any case."""
        begin = len(self.all)
        size = 0
        while begin > 0:
            size += len(self.all[begin - 1][1])
            held = len(self.all) - begin + 1
            if held > 1 and (held > self.max_entries or size > self.max_bytes):
                break
            begin -= 1
        return begin


@given(floor=st.integers(0, 1_000), max_entries=st.integers(1, 8), max_bytes=st.integers(1, 150), entries=entries)
def test_the_ring_holds_the_newest_entries_within_both_limits(floor, max_entries, max_bytes, entries):
    ring, model = Ring(floor, max_entries, max_bytes), Model(floor, max_entries, max_bytes)
    number, seen_begin = floor, 0
    for step, size, author in entries:
        number += step
        model.all.append((number, b"x" * size, author))
        ring.append(number, b"x" * size, author)
        # What was dropped once does not come back when later entries are smaller.
        seen_begin = max(seen_begin, model.begin)
        assert ring.begin == seen_begin
        assert ring.end == len(model.all)
        assert ring.newest == number
        assert ring.floor == (model.all[ring.begin - 1][0] if ring.begin else floor)
        check_views(ring, model)


def check_views(ring: Ring, model: Model) -> None:
    held = model.all[ring.begin :]
    for index in range(ring.begin, ring.end + 1):
        before = model.all[index - 1][0] if index > ring.begin else ring.floor
        assert ring.number_before(index) == before
        assert ring.index_after(before) == index
        rest = model.all[index:]
        assert ring.frames(index, ring.end) == b"".join(frame for _, frame, author in rest if author is None)
        assert ring.frames_for(index, ring.end, lambda author: author == "ann") == [
            (number, frame) for number, frame, author in rest if frame and author in (None, "ann")
        ]
        assert ring.hidden_authors(index, ring.end) == {author for *_, author in rest if author is not None}
        assert ring.shown(index, ring.end) == sum(bool(frame) and author is None for _, frame, author in rest)
    for number in range(ring.floor, ring.newest + 2):
        after = ring.begin + sum(one <= number for one, *_ in held)
        assert ring.index_after(number) == after
    for count in range(4):
        shown = [frame for _, frame, _ in held if frame]
        assert ring.last(count) == shown[len(shown) - min(count, len(shown)) :]


def test_an_empty_ring_reaches_back_to_its_floor():
    ring = Ring(7)
    assert (ring.begin, ring.end, ring.newest, ring.floor) == (0, 0, 7, 7)
    assert ring.index_after(7) == 0
    assert ring.number_before(0) == 7


def test_what_has_been_dropped_is_not_kept_in_memory():
    ring = Ring(0, max_entries=10, max_bytes=1_000)
    for number in range(1, 10_001):
        ring.append(number, b"x" * 50)
    for kept in (ring._numbers, ring._frames, ring._shared, ring._authors):
        assert len(kept) <= 2 * 10 + 1
    assert sum(map(len, ring._frames)) <= 1_000


def test_what_all_rings_hold_together_is_bounded_and_the_quietest_are_emptied_first():
    memory = RingMemory(max_bytes=100)
    busy, quiet, other = (Ring(0, memory=memory) for _ in range(3))
    quiet.append(1, b"x" * 30)
    other.append(1, b"x" * 30)
    busy.append(1, b"x" * 30)
    other.append(2, b"x" * 10)
    assert memory.held_bytes == 100
    busy.append(2, b"x" * 20)
    assert quiet.begin == quiet.end == 1
    assert quiet.floor == quiet.newest == 1
    assert other.frames(0, 2) == b"x" * 40
    quiet.append(2, b"y" * 20)
    assert (busy.end - busy.begin, other.begin, quiet.frames(1, 2)) == (2, 2, b"y" * 20)
    assert memory.held_bytes == 70
    busy.clear()
    assert memory.held_bytes == 20


def test_one_ring_alone_goes_by_its_own_bounds():
    memory = RingMemory(max_bytes=10)
    ring = Ring(0, memory=memory)
    for number in range(1, 4):
        ring.append(number, b"x" * 10)
    assert ring.end - ring.begin == 3
