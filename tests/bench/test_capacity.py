"""The capacity model adds up what was measured, and says what breaks first."""

from __future__ import annotations

import json
import re
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.capacity import costs as measured
from bench.capacity.command import capacity
from bench.capacity.costs import Costs
from bench.capacity.demand import Demand
from bench.capacity.limits import limits
from bench.capacity.model import compute, viewers_per_edge
from bench.capacity.policy import Policy
from bench.capacity.scenarios import about, table
from bench.capacity.thresholds import thresholds

ROOT = Path(__file__).resolve().parents[2]
COSTS = measured.read(measured.RECORDED)
POLICY = Policy()


def test_the_recorded_costs_are_there_and_all_above_nothing():
    numbers = [value for value in COSTS.__getstate__() if isinstance(value, float)]
    assert numbers
    assert all(value > 0 for value in numbers)


def test_a_dearer_write_takes_more_edges_and_nothing_else():
    demand = Demand(1_000_000, 1_000, 2, 20_000, 20)
    dear = compute(demand, replace(COSTS, edge_us_per_write=COSTS.edge_us_per_write * 2), POLICY)
    now = compute(demand, COSTS, POLICY)
    assert dear.need("edge").cores > now.need("edge").cores * 1.3
    assert dear.need("writer") == now.need("writer")


@pytest.mark.parametrize("times", [10, 100, 1_000])
def test_ten_times_the_load_takes_ten_times_the_cores(times):
    small = compute(Demand(10_000, 100, 1, 100, 1), COSTS, POLICY)
    large = compute(Demand(10_000 * times, 100 * times, 1, 100, 1), COSTS, POLICY)
    for need in small.needs:
        assert large.need(need.part).cores == pytest.approx(need.cores * times, rel=0.02)
    assert large.deliveries_per_s == pytest.approx(small.deliveries_per_s * times, rel=0.02)


def test_a_viewer_is_shown_no_more_than_can_be_read():
    assert compute(Demand(1_000, 1, 500, 1_000, 500), COSTS, POLICY).deliveries_per_s == 1_000 * POLICY.readable_rate
    everything = replace(POLICY, readable_rate=0)
    assert compute(Demand(1_000, 1, 500, 1_000, 500), COSTS, everything).deliveries_per_s == 1_000 * 500


def test_a_video_with_more_viewers_than_an_edge_holds_is_spread_over_several():
    one = viewers_per_edge(COSTS, POLICY, 20)
    assert compute(Demand(one, 1, 20, one, 20), COSTS, POLICY).hot_slices == 1
    assert compute(Demand(3 * one, 1, 20, 3 * one, 20), COSTS, POLICY).hot_slices == 3


def test_above_the_threshold_further_viewers_poll():
    found = compute(Demand(10_000_000, 1, 100, 10_000_000, 100), COSTS, POLICY)
    assert found.polling == 9_000_000


def test_a_thousand_comments_a_second_on_a_million_videos_breaks_something_and_says_what():
    demand = Demand(100_000_000, 1_000_000, 1_000, 1_000_000, 1_000)
    first = limits(compute(demand, COSTS, POLICY), COSTS)[0]
    assert first.share > 1
    assert first.remedy


def test_all_comments_go_into_one_primary_and_more_than_its_machine_inserts_break_it():
    demand = Demand(100_000_000, 1_000_000, 1, 1_000_000, 100)
    found = compute(demand, COSTS, POLICY)
    assert found.need("postgres").processes == 1
    by_hand = demand.comments_per_s * COSTS.postgres_us_per_comment / 1e6 / POLICY.machine_cores
    first = limits(found, COSTS)[0]
    assert "primary" in first.what
    assert first.share == pytest.approx(by_hand)
    assert first.share > 1
    larger = replace(POLICY, machine_cores=4 * POLICY.machine_cores)
    [primary] = [limit for limit in limits(compute(demand, COSTS, larger), COSTS) if "primary" in limit.what]
    assert primary.share == pytest.approx(by_hand / 4)


def test_pages_are_read_from_as_many_replicas_as_are_wanted_and_not_from_the_primary():
    busy, idle = replace(POLICY, pages_per_viewer_hour=120), replace(POLICY, pages_per_viewer_hour=0)
    demand = Demand(100_000_000, 1_000_000, 1, 1_000_000, 100)
    many, none = compute(demand, COSTS, busy), compute(demand, COSTS, idle)
    assert many.need("postgres") == none.need("postgres")
    assert many.need("replica").processes > 10
    assert none.need("replica").processes == 1


def test_a_viewer_takes_memory_in_an_edge_and_in_the_kernel():
    found = compute(Demand(1_000_000, 10, 1, 100_000, 1), COSTS, POLICY)
    each_kb = COSTS.edge_kb_per_viewer + COSTS.kernel_kb_per_socket
    assert found.edges_gb == pytest.approx(1_000_000 * each_kb / 1e6)


def test_every_cost_that_is_measured_is_made_use_of():
    files = [*(ROOT / "bench" / "capacity").glob("*.py"), *(ROOT / "bench" / "simulation").glob("*.py")]
    text = "".join(file.read_text("utf-8") for file in files)
    assert not [field.name for field in fields(Costs) if not re.search(rf"\.{field.name}\b", text)]


def test_sampling_is_needed_above_the_readable_rate_and_slices_above_one_edge():
    needed = {point.what: point.needed for point in thresholds(Demand(100_000, 1, 50, 100_000, 50), COSTS, POLICY)}
    assert needed["sampling"]
    assert needed["slices: one video on several edges"]
    few = {point.what: point.needed for point in thresholds(Demand(100, 10, 1, 10, 1), COSTS, POLICY)}
    assert not any(few.values())


def test_the_command_answers_in_a_second(tmp_path):
    began = time.process_time()
    done = CliRunner().invoke(capacity, ["--viewers", "1000000", "--videos", "1000", "--rate", "2"])
    assert done.exit_code == 0, done.output
    assert time.process_time() - began < 1
    for part in ("edge", "writer", "nats", "postgres", "replica", "gateway", "history", "archiver"):
        assert part in done.output


def test_the_command_gives_json_and_plots(tmp_path):
    page = tmp_path / "plots.html"
    options = ["--viewers", "1000000", "--hot-video-viewers", "500000", "--videos", "10"]
    done = CliRunner().invoke(capacity, [*options, "--json", "--plots", str(page)])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["bottleneck"] in {need["part"] for need in said["capacity"]["needs"]}
    assert page.read_text().count("<svg") == 2


def test_the_documented_scenarios_are_those_of_the_recorded_costs():
    assert table(COSTS, POLICY) in (ROOT / "docs" / "capacity.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0547, "0.0547"),
        (2, "2"),
        (109, "109"),
        (20_048, "20,000"),
        (999_900, "1 million"),
        (1.2345e9, "1.23 billion"),
    ],
)
def test_numbers_are_told_with_three_figures(value, said):
    assert about(value) == said


def test_costs_that_are_missing_are_told_with_what_writes_them(tmp_path):
    (tmp_path / "costs.json").write_text("{}")
    done = CliRunner().invoke(capacity, ["--viewers", "1", "--costs", str(tmp_path / "costs.json")])
    assert done.exit_code == 1
    assert "livecomments bench --costs" in done.output
