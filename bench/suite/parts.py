"""Which measurements there are. Each is a command of its own, run in a process of its own, that writes JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a part: a module and its options; `quick` ones in their place where it is to be short."""

    module: str
    options: tuple[str, ...]
    quick: tuple[str, ...] | None  # None: left out
    quick_s: float  # about how long it takes, for the bar
    full_s: float

    def command(self, *, quick: bool) -> tuple[str, ...]:
        """Return the module and its options."""
        return (self.module, *((self.quick or ()) if quick else self.options))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the benchmark."""

    name: str
    says: str
    steps: tuple[Step, ...]

    @property
    def is_quick(self) -> bool:
        """Whether any of it is measured with --quick."""
        return any(step.quick is not None for step in self.steps)


def _only(*names: str) -> tuple[str, ...]:
    return tuple(option for name in names for option in ("--only", name))


_FANOUT: Final = "bench.fanout"
_WRITE: Final = "bench.write"


def _scenario(name: str, quick_s: float, full_s: float, quick_rounds: int = 5) -> Step:
    """A scenario of the fan-out, in a command of its own: what one measures is kept whatever becomes of the others."""
    quick = (*_only(name), "--quick", "--rounds", str(quick_rounds))
    return Step(_FANOUT, (*_only(name), "--rounds", "9"), quick, quick_s, full_s)


PARTS: Final = (
    Part(
        "fanout",
        "what it costs to write comments to many viewers, beside other servers",
        (
            _scenario("one_write", 75, 190),
            _scenario("busy_room", 60, 290),
            _scenario("knee", 65, 180),
            _scenario("flat_cost", 105, 210, quick_rounds=4),
            _scenario("gateway", 22, 40),
            Step(_FANOUT, _only("big_room"), None, 0, 40),
            Step(_FANOUT, _only("hot_intake"), None, 0, 70),
            Step(_FANOUT, (*_only("packed"), "--rounds", "9"), None, 0, 220),
        ),
    ),
    Part(
        "latency",
        "from a POST to its answer, and to every viewer",
        (
            Step(
                "bench.latency",
                ("--rate", "100", "--seconds", "60"),
                ("--rate", "100", "--seconds", "10", "--warmup", "2"),
                24,
                75,
            ),
        ),
    ),
    Part(
        "write",
        "what it costs to take comments and to archive them",
        (
            Step(
                _WRITE,
                (
                    *_only("per-comment", "rounds", "per-second", "knee", "alone", "sizes", "copies"),
                    *(*_only("catching-up", "to-viewers"), "--rounds", "9"),
                ),
                (*_only("per-comment", "per-second", "knee", "alone", "sizes", "copies"), "--quick", "--rounds", "5"),
                120,
                420,
            ),
        ),
    ),
    Part(
        "checks",
        "what all checks cost the writer, beside one with none",
        (Step(_WRITE, (*_only("checks"), "--rounds", "7"), None, 0, 100),),
    ),
    Part(
        "history",
        "what it costs to page through comments",
        (
            Step(
                _WRITE,
                (*_only("pages"), "--rounds", "9"),
                (*_only("pages"), "--quick", "--rounds", "5"),
                55,
                150,
            ),
        ),
    ),
    Part(
        "storm",
        "15,000 viewers who come back at once, and the viewers of an edge that is killed",
        (
            Step(_FANOUT, _only("reconnect_storm"), (*_only("reconnect_storm"), "--quick"), 36, 36),
            Step("bench.simulation.small_world", (), None, 0, 40),
        ),
    ),
    Part(
        "memory",
        "what a viewer takes who hears nothing",
        (
            Step(
                _FANOUT,
                _only("idle_memory", "hundred_thousand"),
                (*_only("idle_memory"), "--quick"),
                20,
                170,
            ),
        ),
    ),
    Part(
        "direct",
        "what a delivery costs straight from an edge and through the gateway, over HTTP/1.1, TLS and HTTP/2",
        (Step("bench.direct", (), None, 0, 110),),
    ),
    Part(
        "moderation",
        "how long until the last viewer knows of a delete or a ban, and what deletes cost pages",
        (Step("bench.moderation", (), None, 0, 90),),
    ),
)
