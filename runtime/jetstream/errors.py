"""What went wrong, as JetStream and the connection to it tell it: a `StoreError`, or one of its kinds below."""

from __future__ import annotations

from typing import Any, Final

NO_MESSAGE: Final = 10037
NOT_THERE: Final = {10037, 10043}  # a message that is to be deleted is none any more
DELETE_FAILED: Final = 10057  # … or it is, and cannot be deleted: that is not told apart

_ALREADY_STORED: Final = {10201, 10158}  # a message id of the batch is known already, or on its way
_STREAM_FULL: Final = {10077, 10047}  # maximum bytes exceeded; insufficient storage
_NOT_THE_LAST: Final = {10071, 10164}  # another message has come under the subject since
_NO_STREAM: Final = 10059


class StoreError(Exception):
    """JetStream did not do what was asked."""


class StoreAwayError(StoreError):
    """JetStream cannot be reached, or did not answer in time: what was asked may or may not have happened."""


class StoreFullError(StoreError):
    """The stream holds as many bytes as it may; nothing was stored."""


class AlreadyStoredError(StoreError):
    """A message id of an atomic batch is known already; nothing of the batch was stored."""


class OvertakenError(StoreError):
    """Another message was stored under the subject since it was looked at; nothing was stored."""


class StreamMissingError(StoreError):
    """There is no such stream; run 'livecomments streams'."""


def error_of(error: dict[str, Any]) -> StoreError:
    """Return the error that JetStream's answer holds under `error`."""
    code, text = error.get("err_code"), f"{error.get('description')} ({error.get('err_code')})"
    if code in _ALREADY_STORED:
        return AlreadyStoredError(text)
    if code in _STREAM_FULL:
        return StoreFullError(text)
    if code == _NO_STREAM:
        return StreamMissingError(text)
    if code in _NOT_THE_LAST:
        return OvertakenError(text)
    if error.get("code") == 503:
        return StoreAwayError(text)
    return StoreError(text)
