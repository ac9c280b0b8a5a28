"""The state of a video, put together out of control messages that come in any order and any number of times."""

from __future__ import annotations

from functools import reduce

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.control import Actor, Control, control_event, decode_control, encode_control
from wire.video_state import (
    LIFTED,
    MAX_REMOVED,
    MAX_REMOVED_USERS,
    NOTHING,
    REMEMBER_ARCHIVED_MS,
    REMEMBER_MS,
    REMEMBER_REMOVALS_MS,
    Ban,
    Removal,
    VideoState,
    decode_state,
    state_of,
)

NOW_MS = 1_800_000_000_000
USERS = st.sampled_from(["ann", "ben", "eve"])

details = st.one_of(
    st.builds(lambda n: ("delete", {"commentId": str(n), "timestamp": 1}), st.integers(1, 5)),
    st.builds(
        lambda user, until, comments: ("ban", {"userId": user, "untilMs": until, "comments": comments}),
        USERS,
        st.one_of(st.none(), st.just(NOW_MS + 1)),
        st.booleans(),
    ),
    st.builds(lambda user: ("unban", {"userId": user}), USERS),
    st.builds(lambda seconds: ("state", {"slowModeS": seconds}), st.integers(0, 9)),
    st.builds(lambda paused: ("state", {"paused": paused}), st.booleans()),
    st.builds(lambda words: ("words", {"words": words}), st.lists(st.sampled_from(["x", "y"]), max_size=2)),
)


def control(number: int, kind: str, **detail: object) -> Control:
    return Control(number, NOW_MS + number, kind, {"by": "mod", "role": "moderator", **detail})


@given(st.lists(details, max_size=12), st.data())
def test_the_order_in_which_pieces_come_and_how_often_makes_no_difference(said, data):
    pieces = [state_of(control(n, kind, **detail)) for n, (kind, detail) in enumerate(said, 1)]
    in_order = reduce(VideoState.merge, pieces, NOTHING)
    some_twice = data.draw(st.permutations([*pieces, *data.draw(st.lists(st.sampled_from(pieces or [NOTHING])))]))
    cut = data.draw(st.integers(0, len(some_twice)))
    halves = [reduce(VideoState.merge, part, NOTHING) for part in (some_twice[:cut], some_twice[cut:])]
    assert halves[0].merge(halves[1]) == in_order
    assert in_order.merge(in_order) is in_order
    assert decode_state(in_order.encode()) == in_order


def test_the_later_order_counts_whatever_came_first():
    ban, unban = (
        state_of(control(1, "ban", userId="eve", untilMs=None, comments=False)),
        state_of(control(2, "unban", userId="eve")),
    )
    for state in (ban.merge(unban), unban.merge(ban)):
        assert state.ban_of("eve", "viewer", NOW_MS) is None
        assert state.bans["eve"].until_ms == LIFTED


def test_what_a_later_version_adds_to_an_entry_is_passed_over():
    state = VideoState(7, bans={"eve": Ban(7, None, 1000, "mod", "moderator")}, removed={3: Removal(7, 1000)})
    document = orjson.loads(state.encode())
    document["bans"]["eve"].append("new")
    document["removed"]["3"].append("new")
    assert decode_state(orjson.dumps(document)) == state


def test_what_is_removed_is_hidden_and_what_a_user_says_afterwards_is_not():
    state = state_of(control(10, "ban", userId="eve", untilMs=None, comments=True)).merge(
        state_of(control(11, "delete", commentId="3", timestamp=1))
    )
    assert state.hides(3, "ann")
    assert state.hides(9, "eve")
    assert not state.hides(12, "eve")
    assert not state.hides(9, "ann")


def test_what_is_over_is_forgotten_and_what_holds_is_not():
    state = reduce(
        VideoState.merge,
        (
            state_of(control(1, "ban", userId="for-ever", untilMs=None, comments=True)),
            state_of(control(2, "ban", userId="for-a-time", untilMs=NOW_MS + 5, comments=False)),
            state_of(control(3, "delete", commentId="1", timestamp=1)),
        ),
        NOTHING,
    )
    assert state.forget(NOW_MS) is state
    assert state.forget(NOW_MS + REMEMBER_ARCHIVED_MS + 10) is state
    assert not state.forget(NOW_MS + REMEMBER_ARCHIVED_MS + 10, archived=3).removed
    later = state.forget(NOW_MS + REMEMBER_MS + 10)
    assert list(later.bans) == ["for-ever"]
    # A removal is known for a week where nobody says that it is archived: Postgres may be away for long.
    assert (later.removed, later.removed_users) == (state.removed, state.removed_users)
    assert not state.forget(NOW_MS + REMEMBER_REMOVALS_MS + 10).hides_any


def test_a_state_matters_as_long_as_something_of_it_holds():
    removal = state_of(control(1, "delete", commentId="1", timestamp=1))
    assert removal.ends_ms(NOW_MS) == NOW_MS + 1 + REMEMBER_REMOVALS_MS
    for_a_time = state_of(control(2, "ban", userId="eve", untilMs=NOW_MS + 10 * REMEMBER_REMOVALS_MS, comments=True))
    assert removal.merge(for_a_time).ends_ms(NOW_MS) == NOW_MS + 10 * REMEMBER_REMOVALS_MS + REMEMBER_MS
    lifted = for_a_time.merge(state_of(control(3, "unban", userId="eve")))
    assert lifted.ends_ms(NOW_MS) == NOW_MS + 2 + REMEMBER_REMOVALS_MS
    paused = state_of(control(4, "state", paused=True))
    assert paused.ends_ms(NOW_MS) is None
    assert paused.merge(state_of(control(5, "state", paused=False))).ends_ms(NOW_MS) == NOW_MS + REMEMBER_MS
    assert state_of(control(6, "words", words=["x"])).ends_ms(NOW_MS) is None
    assert state_of(control(7, "words", words=[])).ends_ms(NOW_MS) == NOW_MS + REMEMBER_MS
    assert state_of(control(8, "ban", userId="eve", untilMs=None, comments=False)).ends_ms(NOW_MS) is None


def test_the_oldest_removals_give_way_to_bans_where_there_is_no_room_for_all():
    bans = {f"user-{n}": Ban(n, None, NOW_MS, "mod", "host") for n in range(100)}
    state = VideoState(1, bans=bans, removed={n: Removal(n, NOW_MS) for n in range(1, 1_001)})
    room = len(state.encode()) - 10_000
    fitting = state.fitting(room)
    assert len(fitting.encode()) <= room
    assert fitting.bans == bans
    assert 1_000 in fitting.removed
    assert 1 not in fitting.removed
    assert state.fitting(len(state.encode())) is state


def test_no_more_removals_are_remembered_than_allowed_and_the_latest_are_among_them():
    removed = {n: Removal(n, NOW_MS) for n in range(1, MAX_REMOVED + 11)}
    users = {str(n): Removal(n, NOW_MS) for n in range(1, MAX_REMOVED_USERS + 11)}
    kept = VideoState(1, removed=removed, removed_users=users).forget(NOW_MS)
    assert (len(kept.removed), min(kept.removed)) == (MAX_REMOVED, 11)
    assert (len(kept.removed_users), "10" in kept.removed_users) == (MAX_REMOVED_USERS, False)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("delete", {}),
        ("delete", {"by": "mod", "commentId": 5, "timestamp": 1}),
        ("delete", {"by": "mod", "commentId": "0", "timestamp": 1}),
        ("delete", {"by": "mod", "commentId": "1" * 17, "timestamp": 1}),
        ("delete", {"by": "mod", "commentId": "5"}),
        ("ban", {"by": "mod", "userId": "eve", "untilMs": "x", "comments": False}),
        ("ban", {"by": "mod", "userId": "eve", "untilMs": None}),
        ("ban", {"by": "mod", "userId": "eve", "comments": False}),
        ("ban", {"by": "mod", "userId": "eve", "untilMs": -1, "comments": False}),
        ("ban", {"by": "mod", "userId": "eve", "untilMs": None, "comments": False, "reason": []}),
        ("ban", {"by": "mod", "role": 1, "userId": "eve", "untilMs": None, "comments": False}),
        ("unban", {"by": "mod"}),
        ("state", {"by": "mod", "paused": 1}),
        ("words", {"by": "mod", "words": [1]}),
        ("praise", {"by": "mod"}),
        ("delete", []),
    ],
)
def test_what_no_writer_has_written_is_no_control_message(kind, payload):
    with pytest.raises(ValueError, match="not a control message"):
        decode_control(1, 1, kind, orjson.dumps(payload))


@pytest.mark.parametrize(
    "changed",
    [
        {"number": "1"},
        {"settings": {"paused": [1, 1]}},
        {"settings": {"words": [1, [1]]}},
        {"settings": {"paused": ["1", True]}},
        {"bans": {"eve": ["1", None, 1, "mod", "host"]}},
        {"bans": {"eve": [1, "x", 1, "mod", "host"]}},
        {"bans": {"eve": [1, None, 1, "mod"]}},
        {"bans": {"eve": 1}},
        {"removed": {"x": [1, 1]}},
        {"removed": {"5": [1, None]}},
        {"removedUsers": {"eve": "11"}},
        {"removedUsers": []},
    ],
)
def test_what_has_not_the_types_of_a_state_is_none(changed):
    document = {"v": 1, "number": 1, "settings": {}, "bans": {}, "removed": {}, "removedUsers": {}}
    decode_state(orjson.dumps(document))
    with pytest.raises(ValueError, match=r"state|int"):
        decode_state(orjson.dumps({**document, **changed}))


def test_viewers_are_not_told_who_moderates_nor_why():
    payload = encode_control(Actor("mod", "host", "spam"), {"commentId": "5", "userId": "eve", "timestamp": 1})
    assert (
        control_event(decode_control(9, 1, "delete", payload)) == b'id: 9\nevent: delete\ndata: {"commentId":"5"}\n\n'
    )
    assert control_event(control(9, "ban", userId="eve", untilMs=None, comments=False)) == b""
    assert control_event(control(9, "words", words=["x"])) == b""
