"""The writer as it was before it had rules: it knows who speaks, and takes any text from anybody as often as they like.

`python -m bench.write.unchecked`. Everything else is the writer's own: HTTP, signatures of tokens, batching, JetStream,
answers.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from runtime import lean, service  # noqa: F401  lean: before anything that loads what a part does not need
from runtime.revocations import Revocations
from runtime.settings import read_settings
from writer import posting
from writer.app import make_service
from writer.house_rules import HouseRules
from writer.limits import Limits


def _as_sent(body: bytes) -> str:
    text: str = orjson.loads(body)["message"]
    return text


def _nothing(*_: Any) -> None:
    """Check nothing."""


TAKEN_OUT: Final[tuple[tuple[Any, str, object], ...]] = (
    (Revocations, "hold", lambda *_: False),
    (posting, "parse_body", _as_sent),
    *((Limits, name, _nothing) for name in ("take_address", "take_comment")),
    *((HouseRules, name, _nothing) for name in ("check_speaker", "check_comment", "spoke")),
)


def main() -> None:
    """Run it until SIGTERM."""
    for owner, name, instead in TAKEN_OUT:
        setattr(owner, name, instead)
    service.run(make_service, read_settings())


if __name__ == "__main__":
    main()
