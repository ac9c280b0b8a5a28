"""The plots of a report, as SVG to stand inside of its page."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, Final

import matplotlib as mpl
from cycler import cycler

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.suite.result import Result

OURS: Final = "this edge"
COLOURS: Final = ("#c2410c", "#475569", "#2563eb", "#059669", "#7c3aed", "#b45309", "#0e7490")

mpl.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "livecomments",  # the same figures make the same file
        "font.family": "sans-serif",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
        "legend.frameon": False,
        "axes.prop_cycle": cycler(color=COLOURS),
    }
)


def svg(draw: Callable[[Axes], None], *, width: float = 8.4, height: float = 3.6) -> str:
    """Return a picture."""
    return stacked((draw,), width=width, height=height)


def stacked(
    draw: Sequence[Callable[[Axes], None]],
    *,
    heights: Sequence[float] = (1,),
    width: float = 8.4,
    height: float = 4.6,
) -> str:
    """Return pictures one above the other, over the same axis, as one."""
    figure, all_axes = plt.subplots(
        len(draw), figsize=(width, height), layout="constrained", sharex=True, squeeze=False, height_ratios=heights
    )
    for each, axes in zip(draw, all_axes[:, 0], strict=True):
        each(axes)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    plt.close(figure)
    return out.getvalue()[out.getvalue().index("<svg") :]


def all_plots(result: Result) -> list[tuple[str, str, str]]:
    """Return a name, a title and a picture for each thing that was measured."""
    made = (
        ("latency", "How late a comment is: the share that came within so many ms", _distributions(result)),
        ("knee", "Fan-out: how many deliveries a second, and how late, up to the knee and beyond it", _knee(result)),
        ("write-knee", "Posting: how many a second, and how late the answers, up to the knee", _write_knee(result)),
        (
            "cost-by-viewers",
            "CPU of a delivery, from few viewers to many",
            _flat(result, "viewers", lambda row: row["rooms"] == 1),
        ),
        (
            "cost-by-videos",
            "CPU of a delivery, beside few other videos and many",
            _flat(result, "rooms", lambda row: row["viewers"] == _most_common_viewers(result)),
        ),
        (
            "write",
            "CPU of a write to a socket, one comment each",
            _bars(result.rows("one_write"), "us_per_write", "µs, lower is better"),
        ),
        (
            "memory",
            "Resident memory a viewer",
            _bars(result.rows("one_write"), "resident_kb_per_viewer", "KB, lower is better"),
        ),
        (
            "busy-room",
            "Comments delivered for each second of a core, one busy room",
            _bars(result.rows("busy_room"), "delivered_per_core_s", "higher is better"),
        ),
    )
    return [(name, title, picture) for name, title, picture in made if picture is not None]


def _distributions(result: Result) -> str | None:
    curves: list[tuple[str, Sequence[tuple[float, float]]]] = []
    for measured in result.results("latency"):
        for name, points in measured.get("distributions", {}).items():
            curves.append((name, [(ms, share) for share, ms in points]))
    curves += [
        (f"{row['server']}, {row['viewers']:,} viewers, {row['comments_per_s']:g}/s", _shares(row))
        for row in result.rows("busy_room")
    ]
    if not curves:
        return None

    def draw(axes: Axes) -> None:
        for name, points in curves:
            axes.plot([ms for ms, _ in points], [share for _, share in points], label=name)
        axes.set(xscale="log", xlabel="ms", ylabel="% of comments", ylim=(0, 100))
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))  # beside the curves, not over them

    return svg(draw, width=10, height=4.2)


def _shares(row: dict[str, Any]) -> list[tuple[float, float]]:
    total, seen, points = sum(count for _, count in row["histogram"]), 0, []
    for upper_us, count in row["histogram"]:
        seen += count
        points.append((upper_us / 1000, 100 * seen / total))
    return points


def _knee(result: Result) -> str | None:
    rows = result.rows("knee")
    if not rows:
        return None

    def draw(axes: Axes) -> None:
        for place, server in enumerate(dict.fromkeys(row["server"] for row in rows)):
            steps = [row for row in rows if row["server"] == server and row["p99_ms"]]
            delivered = [row["delivered"] / row["seconds"] for row in steps]
            colour = COLOURS[place % len(COLOURS)]
            axes.plot(delivered, [row["p99_ms"] for row in steps], "o-", color=colour, label=f"{server}, p99")
            axes.plot(delivered, [row["p50_ms"] for row in steps], ".:", color=colour, label=f"{server}, p50")
        axes.set(xscale="log", yscale="log", xlabel="comments delivered a second, one core", ylabel="ms")
        axes.legend(fontsize=8)

    return svg(draw, height=4.2)


def _write_knee(result: Result) -> str | None:
    steps = result.line("knee").get("steps", [])
    if not steps:
        return None

    def draw(axes: Axes) -> None:
        rates = [step["per_s"] for step in steps]
        axes.plot(rates, [step["p99_ms"] for step in steps], "o-", label="p99")
        axes.plot(rates, [step["p50_ms"] for step in steps], "o-", label="p50")
        axes.set(yscale="log", xlabel="comments accepted a second, all parts and the load on two cores", ylabel="ms")
        axes.legend()

    return svg(draw)


def _flat(result: Result, by: str, among: Callable[[dict[str, Any]], bool]) -> str | None:
    rows = sorted((row for row in result.rows("flat_cost") if among(row)), key=lambda row: row[by])
    if len(rows) < 2:
        return None

    def draw(axes: Axes) -> None:
        for server in dict.fromkeys(row["server"] for row in rows):
            those = [row for row in rows if row["server"] == server]
            axes.plot([row[by] for row in those], [row["us_per_delivery"] for row in those], "o-", label=server)
        axes.set(xscale="log", ylim=(0, None), ylabel="µs a delivery")
        axes.set_xlabel("viewers of the video" if by == "viewers" else "videos open on the edge")
        axes.legend()

    return svg(draw, height=3)


def _most_common_viewers(result: Result) -> int:
    """The rooms that are measured beside others all have as many viewers."""
    counts = [row["viewers"] for row in result.rows("flat_cost")]
    return max(counts, key=counts.count, default=0)


def _bars(rows: Sequence[dict[str, Any]], key: str, label: str) -> str | None:
    known = [row for row in rows if row[key] is not None]
    if not known:
        return None

    def draw(axes: Axes) -> None:
        colours = [COLOURS[0] if row["server"] == OURS else "#94a3b8" for row in known]
        drawn = axes.barh([row["server"] for row in known], [row[key] for row in known], color=colours)
        axes.bar_label(drawn, fmt=lambda value: f"{value:,.1f}" if value < 1000 else f"{value:,.0f}", padding=4)
        axes.invert_yaxis()
        axes.set_xlabel(label)
        axes.margins(x=0.12)

    return svg(draw, height=0.6 + 0.42 * len(known))
