"""Real chats, which are not part of the project: in `../shared/chat`, or where the variable SHARED_DATA says."""

from __future__ import annotations

import os
from pathlib import Path

SHARED = Path(os.environ.get("SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared")

TWITCH = "tw-vod1207493378.ndjson.gz"  # English, with authors, whole seconds
DANMAKU = "cc-danmu-20211125.ndjson.gz"  # Chinese, without authors, milliseconds


def chat_log(name: str) -> Path:
    """Return where a chat log is. Fails the test when it is missing."""
    path = SHARED / "chat" / name
    assert path.is_file(), f"{path} is missing: this test needs a real chat; say with SHARED_DATA where it is"
    return path
