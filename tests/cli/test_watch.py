import orjson

from livecomments.client import Interrupted, Opened
from livecomments.commands.watch import Viewer
from livecomments.screen import JsonScreen, TerminalScreen
from wire.comment import encode_payload, event_data
from wire.sse import Event


def comment(number: int, message: str = "hello", user: str = "ann", **more: str) -> Event:
    data = event_data(number, 1_700_000_000_000, encode_payload(user, message, **more))
    return Event("message", data.decode(), str(number))


def shown(events, screen):
    viewer = Viewer("v", screen, lambda: None)
    for event in events:
        viewer.show(event)


def test_a_comment_is_one_line_whatever_it_says(capsys):
    shown([comment(1, "one\ntwo \x1b[31mred [bold]草[/bold]", user="a\u202eb")], TerminalScreen())
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "one two \\x1b[31mred [bold]草[/bold]" in out
    assert "a\\u202eb" in out


def test_a_name_stands_in_place_of_the_id_and_a_role_beside_it(capsys):
    shown([comment(1, user="u-1", name="Ann", role="host"), comment(2, user="u-2", role="viewer")], TerminalScreen())
    first, second = capsys.readouterr().out.splitlines()
    assert "Ann" in first
    assert "[host]" in first
    assert "u-1" not in first
    assert "u-2" in second
    assert "[viewer]" not in second


def test_a_comment_that_is_sent_twice_is_shown_once(capsys):
    shown([comment(1), comment(2), Interrupted("gone", 1), Opened("1"), comment(2), comment(3)], JsonScreen())
    assert [orjson.loads(line)["commentId"] for line in capsys.readouterr().out.splitlines()] == ["1", "2", "3"]


def test_json_lines_are_the_comments_as_the_stream_has_them_and_other_events_by_name(capsys):
    sync = Event("sync", '{"resumed":true,"replayed":0,"complete":true}', "1")
    shown([comment(1, "a\nb\x1b"), sync, Event("delete", '{"commentId":"1"}', "2")], JsonScreen())
    lines = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {"commentId": "1", "userId": "ann", "message": "a\nb\x1b", "timestamp": 1_700_000_000_000}
    assert lines[1]["event"] == "sync"
    assert lines[2] == {"event": "delete", "commentId": "1"}


def test_only_what_a_viewer_should_know_is_said_and_not_among_the_comments(capsys):
    shown(
        [
            Event("sync", '{"resumed":true,"replayed":2,"complete":true}', ""),
            Event("viewers", '{"count":5}', ""),
            Event("sync", '{"resumed":true,"replayed":0,"complete":false,"from":"3","to":"9"}', ""),
            Event("something-new", '{"x":1}', ""),
            Event("skipped", '{"from":"3","to":"9","count":4}', "9"),
        ],
        TerminalScreen(),
    )
    captured = capsys.readouterr()
    assert captured.out == ""
    said = captured.err.splitlines()
    assert len(said) == 2
    assert "(3 to 9)" in said[0]
    assert "4 comments were skipped" in said[1]


def test_a_lost_connection_is_told_once_and_once_that_it_is_back(capsys):
    away = [Interrupted("cannot connect", 1)] * 5
    shown([Opened(""), *away, Opened("5"), *away, Opened("5")], TerminalScreen())
    assert capsys.readouterr().err.splitlines() == [
        "-- connected: what is said on v follows as it is said",
        *["-- cannot connect; trying again", "-- connected again"] * 2,
    ]


def test_a_sample_and_what_moderators_do_are_told_in_words(capsys):
    shown(
        [
            *[Event("sampled", '{"shown":20,"of":180}', "")] * 3,
            Event("delete", '{"commentId":"7"}', "8"),
            Event("delete", '{"userId":"mal"}', "9"),
            Event("state", '{"slowModeS":30,"paused":true}', "10"),
            Event("state", '{"slowModeS":0}', "11"),
        ],
        TerminalScreen(),
    )
    assert capsys.readouterr().err.splitlines() == [
        "-- more is said than anybody can read: a sample of it is shown (20 of 180 in the last second)",
        "-- comment 7 was removed",
        "-- all that mal had said was removed",
        "-- slow mode: a comment every 30 s",
        "-- comments are paused",
        "-- slow mode is off",
    ]
