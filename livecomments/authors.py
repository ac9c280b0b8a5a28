"""The authors of a chat log, each with a token of their own; made-up ones where the log names nobody."""

from __future__ import annotations

import time
from typing import Final
from zlib import crc32

from livecomments.chatlog import Said
from runtime.tokens import Tokens

MADE_UP_AUTHORS: Final = 1_000
TOKEN_TTL_S: Final = 6 * 3600
RENEW_BEFORE_S: Final = 1800


def author_of(said: Said) -> str:
    """Return who says a message; a made-up author follows from the number of the line, the same in every replay."""
    return said.user or f"viewer-{crc32(b'%d' % said.line) % MADE_UP_AUTHORS:03d}"


class Authors:
    """Keeps a token for each author, so that the service, which remembers good tokens, checks each once."""

    def __init__(self, issuer: Tokens) -> None:
        self._issuer = issuer
        self._tokens: dict[str, tuple[str, float]] = {}

    def token(self, author: str) -> str:
        """Return a token of the author that is good for a while yet."""
        now = time.monotonic()
        token, renew_at = self._tokens.get(author, ("", 0.0))
        if now >= renew_at:
            token = self._issuer.issue(author, TOKEN_TTL_S)
            self._tokens[author] = (token, now + TOKEN_TTL_S - RENEW_BEFORE_S)
        return token
