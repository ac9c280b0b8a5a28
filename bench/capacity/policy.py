"""What is a choice, and no measured cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """How machines are used. The defaults are those of this project's settings where there is one."""

    utilisation: float = 0.6  # of a core, at the peak: the rest is for what nobody foresaw, and for a lost machine
    machine_cores: int = 16
    machine_gbps: float = 10.0
    replicas: int = 3  # of each stream
    readable_rate: float = 20.0  # comments a second shown to a viewer; 0: all
    streams_per_edge: int = 18_000
    videos_per_edge: int = 20_000
    poll_above: int = 1_000_000  # viewers of one video
    poll_s: float = 5.0
    gateway_connections: int = 9_900
    keep_s: float = 3_600.0  # how long JetStream keeps what is archived
    pages_per_viewer_hour: float = 12.0
    mean_to_peak: float = 0.3  # of a month, against the peak that is asked for
    packet_bytes: int = 66  # Ethernet, IP and TCP around each write


MOST_WRITES_PER_S = 10.0  # to one viewer: an edge rests for up to 100 ms between two (edge/pacer.py)
