"""A chat log: one message a line, `{"t": seconds from the start, "user": author, "message": text}`, gzip or not.

`user` may be missing or empty where the log has no authors. Other members are ignored. A line that is none of this is
told by its number; what the service thinks of a text is not judged here.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, cast

import click
import orjson

from runtime.tokens import is_user_id
from wire.orders import MAX_USER_ID_CHARACTERS

MAX_LINE_BYTES: Final = 256 * 1024
MAX_TIME_S: Final = 366 * 86400  # a year: what is beyond is milliseconds, or a date, taken for seconds

_GZIP_MAGIC: Final = b"\x1f\x8b"


class ChatLogError(click.ClickException):
    """A file is not a chat log; the message says which line, and why."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}, line {line}: {reason}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a log. `at_s` is in seconds from the log's start; `user` is None where the log names nobody."""

    line: int
    at_s: float
    user: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Survey:
    """How much a log holds."""

    messages: int
    first_s: float
    last_s: float


def read_chat_log(path: Path, limit: int | None = None) -> Iterator[Said]:
    """Yield the messages of a log in the order of its lines, at most `limit`.

    Raises `ChatLogError`, or `OSError` when the file cannot be read.
    """
    return islice(_messages(path), limit)


def survey(path: Path, limit: int | None = None) -> Survey:
    """Read a log to its end (or `limit`), so that whatever is wrong with it is known before anything is posted.

    Raises `ChatLogError`, also for a log without messages, or `OSError` when the file cannot be read.
    """
    messages, first_s, last_s = 0, 0.0, 0.0
    for said in read_chat_log(path, limit):
        if messages == 0:
            first_s = last_s = said.at_s
        messages += 1
        last_s = max(last_s, said.at_s)
    if messages == 0:
        raise ChatLogError(path, 1, "the chat log holds no message")
    return Survey(messages, first_s, last_s)


def _messages(path: Path) -> Iterator[Said]:
    number = 0
    with _open(path) as file:
        try:
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    raise ChatLogError(path, number, f"longer than {MAX_LINE_BYTES // 1024} KiB")
                if not line.strip():
                    continue
                try:
                    yield _said(number, line)
                except ValueError as error:
                    raise ChatLogError(path, number, str(error)) from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ChatLogError(path, number + 1, f"the gzip file is broken: {error}") from None


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        packed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return cast("BinaryIO", gzip.open(path, "rb")) if packed else path.open("rb")


def _said(number: int, line: bytes) -> Said:
    """Raises `ValueError`, saying what is wrong with the line."""
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise ValueError('not JSON; a chat log has one {"t", "user", "message"} a line') from None
    if not isinstance(document, dict):
        raise ValueError(  # noqa: TRY004  a line of the wrong form is one kind of error
            'not an object; a chat log has one {"t", "user", "message"} a line'
        )
    at_s, user, message = document.get("t"), document.get("user"), document.get("message")
    if isinstance(at_s, bool) or not isinstance(at_s, int | float) or not math.isfinite(at_s):
        raise ValueError('"t" must be a number of seconds')
    if not 0 <= at_s <= MAX_TIME_S:
        raise ValueError('"t" must be seconds from the start of the log, not negative and less than a year')
    if not isinstance(message, str):
        raise ValueError('"message" must be a string')  # noqa: TRY004
    if user is not None and user != "" and not (isinstance(user, str) and is_user_id(user)):
        raise ValueError(f'"user" must be a string of up to {MAX_USER_ID_CHARACTERS} characters without controls')
    return Said(number, float(at_s), user or None, message)
