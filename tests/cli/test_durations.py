import pytest

from livecomments.durations import parse_duration_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604800), ("2w", 1209600), (" 1H ", 3600), ("1s", 1)],
)
def test_a_length_of_time_is_read(text, seconds):
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "60", "1.5h", "-1h", "0s", "1h30m", "5y", "1 h", "٣h", "9999999999s", "3651d", "1h\n1h"]
)
def test_anything_else_is_told_what_would_be_right(text):
    with pytest.raises(ValueError, match=r"like 90s, 15m, 1h or 7d|between 1s and 3650d"):
        parse_duration_s(text)
