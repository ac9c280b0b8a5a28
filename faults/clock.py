"""The clock of one process, moved: by libfaketime, out of Debian's package of that name.

Only the time of day is moved. The monotonic clock goes on as it is, as it does on a machine whose clock is set.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

PACKAGE: Final = "libfaketime"
_PLACES: Final = ("/usr/lib", "/usr/local/lib")
_NOT_MOVED: Final = "+0"


def library() -> Path | None:
    """Return the library; None where the package is not installed."""
    for place in _PLACES:
        for found in sorted(Path(place).glob("**/faketime/libfaketimeMT.so.1")):
            return found
    return None


class Clock:
    """The clock of a process that was started with `environment`."""

    def __init__(self, preloaded: Path, folder: Path, part: str) -> None:
        self._preloaded = preloaded
        self._file = folder / f"{part}.clock"
        self._file.write_text(_NOT_MOVED + "\n", encoding="ascii")

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what the process has to be started with."""
        return {
            "LD_PRELOAD": str(self._preloaded),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds; the file is read again after that
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    @contextlib.contextmanager
    def moved(self, seconds: int) -> Iterator[None]:
        """Have the clock moved for as long as the block lasts."""
        self._set(f"{seconds:+d}")
        try:
            yield
        finally:
            self._set(_NOT_MOVED)

    def _set(self, offset: str) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(offset + "\n", encoding="ascii")
        new.replace(self._file)
