"""What was simulated, drawn: how long until everybody is back, by size; and how near it comes to what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from bench.simulation.checking import WITHIN, Compared
from bench.simulation.storm import Storm
from bench.suite.plots import COLOURS, svg


def storms_svg(storms: Sequence[tuple[int, Storm]]) -> str:
    """Draw after how long shares of those who lost their edge are back, against all viewers."""

    def draw(axes: Axes) -> None:
        viewers = [many for many, _ in storms]
        for percent, name in ((50, "half"), (99, "99 %"), (100, "all")):
            axes.plot(viewers, [storm.share_s(percent) for _, storm in storms], "o-", label=name)
        axes.set(xscale="log", xlabel="viewers of all edges", ylabel="s until they are back", ylim=(0, None))
        axes.legend()

    return svg(draw)


def agreement_svg(compared: Sequence[Compared]) -> str:
    """Draw each figure's ratio, simulated to measured, and the fifth that it may differ by."""

    def draw(axes: Axes) -> None:
        axes.axvspan(1 - WITHIN, 1 + WITHIN, color="#94a3b8", alpha=0.25, linewidth=0)
        axes.axvline(1, color="#475569", linewidth=1)
        colours = [COLOURS[1] if one.agrees else COLOURS[0] for one in compared]
        axes.scatter([one.ratio for one in compared], [one.what for one in compared], c=colours)
        axes.invert_yaxis()
        axes.tick_params(axis="y", labelsize=8)
        axes.set(xlabel="simulated, as a share of what was measured", xlim=(0.5, 1.5))

    return svg(draw, height=0.8 + 0.24 * len(compared))
