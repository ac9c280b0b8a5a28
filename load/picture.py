"""The charts of a run as one picture, for a document: how many comments a second, and how late."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from bench.suite.plots import COLOURS, stacked


def picture(points: list[dict[str, Any]]) -> str:
    """Return the SVG of a run's points, one a second (see `charts.py`)."""
    at = [point["t"] for point in points]

    def comments(axes: Axes) -> None:
        axes.fill_between(at, [point["post_n"] for point in points], color=COLOURS[1], alpha=0.4, linewidth=0)
        axes.set(ylabel="posts a second", ylim=(0, None))

    def late(axes: Axes) -> None:
        for short, name, colour in (("viewer", "post to viewer", COLOURS[0]), ("post", "POST answered", COLOURS[2])):
            for percentile, style in (("p99", "-"), ("p50", ":")):
                drawn = [(t, point[f"{short}_{percentile}"]) for t, point in zip(at, points, strict=True)]
                known = [(t, max(1, ms)) for t, ms in drawn if ms is not None]
                axes.plot(
                    [t for t, _ in known],
                    [ms for _, ms in known],
                    linestyle=style,
                    color=colour,
                    label=f"{name}, {percentile}",
                )
        axes.set(yscale="log", ylabel="ms after it was due", xlabel="seconds")
        axes.legend(fontsize=8, ncols=2)

    return stacked((comments, late), heights=(1, 2))
