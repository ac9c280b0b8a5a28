"""Every refusal: its code, its status and its body.

Bodies are RFC 9457 `application/problem+json` with a stable `code`. Nothing internal is ever in one: a problem is told
by its code and one of the sentences below.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import orjson

CONTENT_TYPE: Final = "application/problem+json"

# code: (status, the sentence that tells a client what to do)
PROBLEMS: Final[dict[str, tuple[int, str]]] = {
    "bad_video": (400, "A video id is 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'."),
    "not_json": (400, 'The body must be JSON in UTF-8, like {"message": "hello"}.'),
    "message_missing": (400, 'The body must be an object with a string "message".'),
    "message_blank": (400, "The message is empty, or has nothing in it that can be seen."),
    "message_too_long": (400, "The message is longer than 500 characters."),
    "message_characters": (400, "The message holds control characters; only TAB and line feed are allowed."),
    "message_direction": (400, "The message has controls of direction that are not ended in their line."),
    "message_marks": (400, "The message has more than 8 combining marks on one character."),
    "bad_key": (400, "Idempotency-Key must be 1 to 64 printable ASCII characters."),
    "bad_cursor": (400, "cursor must be the id of a comment: a decimal number."),
    "bad_limit": (400, "limit must be a whole number from 1 to 100."),
    "bad_sort": (400, "sort must be 'asc' or 'desc'."),
    "bad_time": (400, "at must be a time in milliseconds since 1970, and goes without cursor."),
    "bad_name": (400, "A guest's name is 1 to 40 characters without controls."),
    "bad_user": (400, "A user id is 1 to 128 characters without controls."),
    "bad_ban": (400, "The body may hold forS (seconds), comments (true or false) and reason (200 characters)."),
    "bad_state": (400, "The body must hold at least one of slowModeS (0 to 3600), membersOnly, paused and ended."),
    "bad_words": (400, "The body must hold words: at most 500, of 1 to 64 characters each."),
    "bad_reason": (400, "The body may hold a reason of at most 200 characters, and nothing else."),
    "bad_revocation": (400, "The body may hold forS (seconds, at most a year) and reason (200 characters)."),
    "bad_request": (400, "The request could not be understood."),
    "no_token": (401, "A valid token is needed: send 'Authorization: Bearer <token>'."),
    "wrong_video": (403, "This token is not good for this video."),
    "not_allowed": (403, "That takes a moderator or a host of this video."),
    "banned": (403, "You are banned from this video."),
    "paused": (403, "Comments are paused on this video."),
    "ended": (403, "This video is over: it takes no more comments."),
    "members_only": (403, "Only members may comment on this video."),
    "blocked_words": (403, "The message, or its author's name, holds words that are blocked on this video."),
    "refused_content": (403, "The message was found not to be fit for this video."),
    "foreign_origin": (403, "Requests with the cookie are only accepted from this service's own pages."),
    "foreign_host": (403, "The operator's page answers to this machine's own names, and those of its origins, only."),
    "no_comment": (404, "This video has no such comment."),
    "not_found": (404, "There is nothing at this address."),
    "method_not_allowed": (405, "This address does not take that method."),
    "too_slow": (408, "The request took too long to arrive."),
    "too_many_bans": (409, "So many bans are in force on this video that no more can be kept; lift some."),
    "body_too_large": (413, "The body is larger than 8 KiB."),
    "not_json_type": (415, "Content-Type must be application/json."),
    "too_many": (429, "Too many requests of this kind; wait as long as Retry-After says."),
    "too_many_requests": (429, "Too many requests from this address; wait as long as Retry-After says."),
    "slow_mode": (429, "Slow mode is on; wait as long as Retry-After says."),
    "same_message": (429, "The same message was just posted; wait as long as Retry-After says."),
    "head_too_large": (431, "The head of the request is too large."),
    "internal": (500, "Something went wrong on our side."),
    "bad_gateway": (502, "The service did not answer properly; try again as Retry-After says."),
    "not_stored": (503, "Not stored, or not known to be: repeat with the same Idempotency-Key as Retry-After says."),
    "store_full": (503, "The store is full: repeat with the same Idempotency-Key as Retry-After says."),
    "not_checked": (503, "The message could not be checked; try again as Retry-After says."),
    "unavailable": (503, "The service is not available for the moment; try again as Retry-After says."),
    "gateway_timeout": (504, "The service did not answer in time; try again as Retry-After says."),
}

# What Retry-After says, in whole seconds, where the refusal itself does not know better.
DEFAULT_RETRY_AFTER_S: Final = {429: 1, 502: 1, 503: 2, 504: 2}


class Refused(Exception):  # noqa: N818  a refusal is an answer, not an error of the program
    """A request is refused with the problem `code`, one of `PROBLEMS`."""

    def __init__(self, code: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status, self.detail = PROBLEMS[code]
        self.retry_after_s = retry_after_s if retry_after_s is not None else DEFAULT_RETRY_AFTER_S.get(self.status)


def problem_body(code: str) -> bytes:
    """Return the body for a problem: `{"type", "title", "status", "code", "detail"}` (RFC 9457, section 3)."""
    status, detail = PROBLEMS[code]
    return orjson.dumps(
        {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": code,
            "detail": detail,
        }
    )
