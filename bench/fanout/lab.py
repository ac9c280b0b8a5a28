"""Where everything is measured: a folder, the programs, two cores, and the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.fanout.cores import Cores
from bench.fanout.programs import Programs
from bench.fanout.store import Store


@dataclass(frozen=True, slots=True)
class Lab:
    """What each measurement uses."""

    folder: Path
    programs: Programs
    cores: Cores
    store: Store
