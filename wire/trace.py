"""The context of a trace, as it travels with a comment: W3C Trace Context, the header that OpenTelemetry propagates."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final

TRACEPARENT: Final = "traceparent"  # in HTTP and in NATS alike
_SAMPLED: Final = 1
# Version 00; of a later one, what it has in common with 00 (section 4.3 of the recommendation).
_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.ASCII)
_NO_VERSION: Final = "ff"
_MAX_CHARACTERS: Final = 256


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A trace, and the span in it that whoever gets this is a child of."""

    trace_id: str
    span_id: str

    def child(self) -> TraceContext:
        """Return the same trace with a span of its own."""
        return TraceContext(self.trace_id, secrets.token_hex(8))

    def traceparent(self) -> str:
        """Return it as a header."""
        return f"00-{self.trace_id}-{self.span_id}-01"


def new_trace() -> TraceContext:
    """Return a trace of its own."""
    return TraceContext(secrets.token_hex(16), secrets.token_hex(8))


def parse_traceparent(header: str | None) -> TraceContext | None:
    """Return the context of a header; None for one that is missing, malformed, or says not to be sampled."""
    if not header or len(header) > _MAX_CHARACTERS:
        return None
    found = _FORM.fullmatch(header)
    if found is None or found[1] == _NO_VERSION or (found[1] == "00" and len(header) != len("00-") + 32 + 1 + 16 + 3):
        return None
    if not int(found[4], 16) & _SAMPLED or not int(found[2], 16) or not int(found[3], 16):
        return None
    return TraceContext(found[2], found[3])
