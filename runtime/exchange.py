"""A request and its answer, of whichever framework: what the routes that are asked most often are written in.

Such a route is a function from `Asked` to `Answer`. Quart serves it, and beside Quart `runtime.hot_route` does, in a
fraction of the time; both say the same, because both only carry what is decided here and in the function.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Final, NamedTuple

from werkzeug.sansio.http import parse_cookie

from runtime.credentials import Fields
from runtime.metrics import ANSWERS
from wire.message import MAX_BODY_BYTES
from wire.problem import CONTENT_TYPE, Refused, problem_body

BODY_TIMEOUT_S: Final = 10

Field = tuple[bytes, bytes]

# Of every answer. A route that has a policy of its own for one of them says so first. What is no page of ours runs
# nothing and is framed by nobody, should a browser be brought to show it as one.
CONTENT_SECURITY_POLICY: Final = b"default-src 'none'; frame-ancestors 'none'"
SECURITY_FIELDS: Final[tuple[Field, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", CONTENT_SECURITY_POLICY),
)
_NO_STORE: Final[Field] = (b"cache-control", b"no-store")


class Asked(NamedTuple):
    """A request. `headers` are asked for by names in lower case, and know the first value of each.

    `body` reads the body. It raises `Refused`: `body_too_large` above 8 KiB, `too_slow` after 10 s.
    """

    method: str
    video: str
    query: bytes
    address: str
    headers: Fields
    cookies: Fields
    body: Callable[[], Awaitable[bytes]]


class Answer(NamedTuple):
    """An answer. `fields` are its headers but Content-Length, in lower case; `code` is the problem's, if it is one."""

    status: int
    fields: tuple[Field, ...]
    body: bytes
    code: str = ""


Route = Callable[[Asked], Awaitable[Answer]]


def answer(status: int, content_type: bytes, cache_control: bytes, body: bytes) -> Answer:
    """Return an answer that is no problem."""
    return Answer(status, ((b"content-type", content_type), (b"cache-control", cache_control), *SECURITY_FIELDS), body)


@lru_cache(1_024)
def problem_answer(code: str, retry_after_s: int | None) -> Answer:
    """Return the answer that tells a client of a problem."""
    problem = Refused(code)
    fields: list[Field] = [(b"content-type", CONTENT_TYPE.encode()), _NO_STORE]
    if retry_after_s is not None:
        fields.append((b"retry-after", b"%d" % retry_after_s))
    if problem.status == 401:
        fields.append((b"www-authenticate", b"Bearer"))
    return Answer(problem.status, (*fields, *SECURITY_FIELDS), problem_body(code), code)


class Cookies:
    """The cookies of a request, read when they are asked for."""

    __slots__ = ("_header",)

    def __init__(self, header: str | None) -> None:
        self._header = header

    def get(self, key: str, /) -> str | None:
        """Return a cookie's value, None when the request has none."""
        return parse_cookie(self._header).get(key) if self._header else None


_counters: dict[tuple[str, int, str], Callable[[], None]] = {}  # as many as there are routes, statuses and codes


def count_answer(route: str, status: int, code: str) -> None:
    """Count an answer of a route, which is named as its rule."""
    key = (route, status, code)
    count = _counters.get(key)
    if count is None:
        count = _counters[key] = ANSWERS.labels(route, str(status), code).inc
    count()


def check_length(content_length: str | None) -> None:
    """Raise `Refused` (`body_too_large`) for a body that says so itself."""
    if content_length is not None and content_length.isdecimal() and int(content_length) > MAX_BODY_BYTES:
        raise Refused("body_too_large")
