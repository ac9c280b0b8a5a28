"""Libraries that parts use, loaded without what these load for uses that no part makes of them.

nats-py loads aiohttp for NATS over WebSockets, PyJWT loads cryptography for signatures with key pairs, and structlog
loads rich for tracebacks in colours: 20 MB resident of an edge's 78. Quart loads the whole of Hypercorn, another 3 MB,
for its own way of starting a server and for names in annotations. To be imported before anything that imports them.

Signatures with key pairs are checked where `LIVECOMMENTS_TOKEN_ALGORITHMS` says so; there cryptography is loaded.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType


@contextlib.contextmanager
def _without(*names: str) -> Iterator[None]:
    """Let imports of these libraries fail meanwhile, as where they are not installed: each is optional to its user."""
    absent = [name for name in names if name not in sys.modules]
    # The import system takes None for "there is no such module"; its type does not say so.
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


class _StandIn(ModuleType):
    """A module in which every name stands for nothing in particular."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []  # it may have submodules

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return object


@contextlib.contextmanager
def _with_stand_ins(*names: str) -> Iterator[None]:
    """Let imports of these modules bring nothing of use; nothing is left of that, and they can be loaded afterwards."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update({name: _StandIn(name) for name in absent})
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


def _has_key_pairs() -> bool:
    """Whether tokens with other signatures than HMAC are to be checked. As `Settings.token_algorithms` is read."""
    named = os.environ.get("LIVECOMMENTS_TOKEN_ALGORITHMS", "").split(",")
    return not {one.strip() for one in named} <= {"", "HS256"}


with _without("aiohttp", "rich", *(() if _has_key_pairs() else ("cryptography",))):
    import jwt
    import nats.aio.client
    import structlog

with _with_stand_ins("hypercorn", "hypercorn.asyncio", "hypercorn.config", "hypercorn.typing"):
    import quart

__all__ = ["jwt", "nats", "quart", "structlog"]
