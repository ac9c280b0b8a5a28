"""Lengths of time on the command line: 90s, 15m, 1h, 7d."""

from __future__ import annotations

import re
from typing import Any, Final

import click

MAX_DURATION_S: Final = 3650 * 86400

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])", re.ASCII)


def parse_duration_s(text: str) -> int:
    """Return the seconds that a text like `15m` stands for. Raises `ValueError`, with what would be right."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"'{text}' is not a length of time like 90s, 15m, 1h or 7d")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if not 1 <= seconds <= MAX_DURATION_S:
        raise ValueError(f"'{text}' is not between 1s and 3650d")
    return seconds


class Duration(click.ParamType[int]):
    """A length of time, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seconds; a value that is a number already is one."""
        if isinstance(value, int):
            return value
        try:
            return parse_duration_s(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
