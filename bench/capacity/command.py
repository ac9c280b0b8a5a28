"""The command `livecomments capacity`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
import orjson
from rich.console import Console

from bench.capacity import costs as measured
from bench.capacity.demand import Demand
from bench.capacity.limits import limits
from bench.capacity.model import compute
from bench.capacity.policy import Policy
from bench.capacity.tables import print_all
from bench.capacity.thresholds import thresholds

DEFAULT = Policy()


@click.command(name="capacity", context_settings={"show_default": True})
@click.option("--viewers", required=True, type=click.IntRange(min=1), help="Viewers at once, at the peak.")
@click.option("--videos", default=1, type=click.IntRange(min=1), help="Videos that they watch.")
@click.option("--rate", default=1.0, type=click.FloatRange(min=0), help="Comments a second on each video.")
@click.option("--hot-video-viewers", type=click.IntRange(min=0), help="Viewers of the hottest video; else as of any.")
@click.option("--hot-video-rate", type=click.FloatRange(min=0), help="Comments a second there; else as on any.")
@click.option("--replicas", default=DEFAULT.replicas, type=click.IntRange(1, 5), help="Copies of each stream.")
@click.option("--readable-rate", default=DEFAULT.readable_rate, help="Comments a second shown to a viewer; 0: all.")
@click.option(
    "--poll-above", default=DEFAULT.poll_above, help="Viewers of one video above which further ones poll; 0: none."
)
@click.option(
    "--utilisation", default=DEFAULT.utilisation, type=click.FloatRange(0.05, 1), help="Of a core, at the peak."
)
@click.option("--machine-cores", default=DEFAULT.machine_cores, type=click.IntRange(min=1))
@click.option("--machine-gbps", default=DEFAULT.machine_gbps, type=click.FloatRange(min=0.1))
@click.option("--mean-to-peak", default=DEFAULT.mean_to_peak, type=click.FloatRange(0, 1), help="Of a month.")
@click.option("--costs", "costs_file", type=click.Path(path_type=Path), default=measured.RECORDED, show_default=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--plots", "plots_file", type=click.Path(path_type=Path), help="Write a page with plots here.")
@click.option("--picture", "picture_file", type=click.Path(path_type=Path), help="Write the first one here, as SVG.")
def capacity(
    *,
    viewers: int,
    videos: int,
    rate: float,
    hot_video_viewers: int | None,
    hot_video_rate: float | None,
    replicas: int,
    readable_rate: float,
    poll_above: int,
    utilisation: float,
    machine_cores: int,
    machine_gbps: float,
    mean_to_peak: float,
    costs_file: Path,
    as_json: bool,
    plots_file: Path | None,
    picture_file: Path | None,
) -> None:
    """Compute how many machines a load takes, and what breaks first.

    Out of the costs that were measured on this checkout (bench/costs.json; 'livecomments bench --costs' measures them
    anew), and a few choices, which are options.

    \b
    Examples:
      livecomments capacity --viewers 10000000 --rate 500
      livecomments capacity --viewers 1000000 --videos 10000 --rate 2 --hot-video-viewers 200000 --hot-video-rate 50
    """  # noqa: D301  click reads the \b
    hot = -(-viewers // videos) if hot_video_viewers is None else hot_video_viewers
    if hot > viewers:
        raise click.BadParameter("no more than all viewers watch one video", param_hint="--hot-video-viewers")
    costs = measured.read(costs_file)
    demand = Demand(viewers, videos, rate, hot, rate if hot_video_rate is None else hot_video_rate)
    policy = Policy(
        utilisation=utilisation,
        machine_cores=machine_cores,
        machine_gbps=machine_gbps,
        replicas=replicas,
        readable_rate=readable_rate,
        poll_above=poll_above,
        mean_to_peak=mean_to_peak,
    )
    found = compute(demand, costs, policy)
    near, points = limits(found, costs), thresholds(demand, costs, policy)
    if as_json:
        document = {
            "capacity": asdict(found),
            "bottleneck": found.bottleneck.part,
            "limits": [{**asdict(limit), "share": limit.share} for limit in near],
            "thresholds": [{**asdict(point), "needed": point.needed} for point in points],
        }
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    else:
        print_all(Console(width=130, highlight=False), found, costs, near, points)
    if picture_file is not None:
        from bench.capacity.plots import cores_svg  # noqa: PLC0415  matplotlib takes its time

        picture_file.write_text(cores_svg(demand, costs, policy), "utf-8")
    if plots_file is not None:
        from bench.capacity.plots import cores_svg, limits_svg, page  # noqa: PLC0415  matplotlib takes its time

        pictures = [cores_svg(demand, costs, policy), limits_svg(found, costs)]
        plots_file.write_text(page(found, costs, pictures), "utf-8")
        click.echo(f"plots: {plots_file}", err=True)
