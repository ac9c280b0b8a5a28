"""Pages of 50 for each second of a core (history's and Postgres' together), where pages repeat and where none does."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg

from bench.fanout.scenario import Verdict
from bench.figure import Figure
from bench.write import wrk
from bench.write.line import Found, Line, Run
from bench.write.system import System, Window
from runtime.settings import Settings
from wire.video import shard_of

REACH_REPEATED: Final = 1_500
REACH_DIFFERENT: Final = 700
REACH_GROWTH: Final = 1.2
SMALL: Final = 100_000  # rows of the table
LARGE: Final = 10_000_000
SMALL_SHARD, LARGE_SHARD = 0, 1
TURNS: Final = 3
VIDEOS: Final = 25
LEAST: Final = 50 * VIDEOS  # from here on a page is full
CONNECTIONS: Final = 16
SECONDS: Final = 6.0
REPEATED_PAGES: Final = 50
DIFFERENT_PAGES: Final = 100_000  # more than are asked for in one measurement
BLOCK: Final = 1 << 22

# Numbers as they are in life: microseconds since 1970, so that there are as many blocks as there would be.
FILL: Final = """
    INSERT INTO comments (shard, video_id, comment_id, user_id, message, posted_ms)
    SELECT $1::int, ($2::text[])[1 + n % array_length($2::text[], 1)], $3::bigint + n, 'author-' || n % 500,
           'what a goal, unbelievable scenes here tonight! ' || n, ($3::bigint + n) / 1000
    FROM generate_series($4::bigint, $5::bigint) AS n
    ON CONFLICT DO NOTHING
"""
FILLED_AT_ONCE: Final = 100_000


def measure(run: Run) -> Found:
    """Measure with a small table, and with a large one beside it on demand."""
    small = _Table(run.system, SMALL_SHARD)
    asyncio.run(small.fill(SMALL))
    run.say("pages that repeat")
    repeated, *more_repeated = [_pages(run, small, REPEATED_PAGES) for _ in range(run.turns or 1)]
    run.say("pages of which none repeats")
    different, *more_different = [_pages(run, small, DIFFERENT_PAGES, turn + 1) for turn in range(run.turns or 1)]
    verdicts = [
        Verdict(
            "pages of 50 per core second, where they repeat",
            f"≥ {REACH_REPEATED:,}",
            f"{repeated['per_core_s']:,.0f}",
            repeated["per_core_s"] >= REACH_REPEATED,
        ),
        Verdict(
            "… where none does",
            f"≥ {REACH_DIFFERENT}",
            f"{different['per_core_s']:,.0f}",
            different["per_core_s"] >= REACH_DIFFERENT,
        ),
    ]
    figures = {"repeated": repeated, "different": different}
    growth = f"… from {SMALL:,} rows to {LARGE:,}"
    if run.long:
        newest, anywhere = _growth(run, small, figures)
        verdicts += [
            Verdict(f"{growth}, the newest", f"≤ {REACH_GROWTH} ×", f"{newest:.2f} ×", newest <= REACH_GROWTH),
            Verdict("… anywhere in them", f"≤ {REACH_GROWTH} ×", f"{anywhere:.2f} ×", anywhere <= REACH_GROWTH),
        ]
    else:
        verdicts.append(Verdict(growth, f"≤ {REACH_GROWTH} ×", "with --long", None))
    remarks = [
        f"{name}: {one['per_s']:,.0f} pages/s, p50 {one['p50_ms']:.1f} ms, p99 {one['p99_ms']:.1f} ms;"
        f" µs a page: history {one['history_us']:.0f}, postgres {one['postgres_us']:.0f}"
        for name, one in figures.items()
    ]
    return Found(
        verdicts,
        remarks,
        figures,
        [
            Figure("pages a core second, repeated", "1/s", _per_core([repeated, *more_repeated]), "higher"),
            Figure("pages a core second, none repeated", "1/s", _per_core([different, *more_different]), "higher"),
        ],
    )


def _per_core(several: list[dict[str, float]]) -> list[float]:
    return [one["per_core_s"] for one in several]


def _growth(run: Run, small: _Table, figures: dict[str, dict[str, float]]) -> tuple[float, float]:
    """Return how many times as much a page of the large table costs: of its newest part, and of any.

    The newest part is as large as the small table, and as warm; what is asked for anywhere in ten million rows comes
    out of the kernel's cache, not Postgres' own. In turns: what else the machine does meets all alike.
    """
    large = _Table(run.system, LARGE_SHARD)
    run.say(f"filling a table with {LARGE:,} rows")
    asyncio.run(large.fill(LARGE))
    newest, anywhere = [], []
    for turn in range(TURNS):
        run.say(f"both tables, turn {turn + 1}")
        little = figures[f"of {SMALL:,}, turn {turn + 1}"] = _pages(run, small, DIFFERENT_PAGES, seed=2 * turn + 10)
        large.among = SMALL
        late = figures[f"newest of {LARGE:,}, turn {turn + 1}"] = _pages(
            run, large, DIFFERENT_PAGES, seed=2 * turn + 11
        )
        large.among = LARGE
        any_ = figures[f"of {LARGE:,}, turn {turn + 1}"] = _pages(run, large, DIFFERENT_PAGES, seed=2 * turn + 11)
        newest.append(little["per_core_s"] / late["per_core_s"])
        anywhere.append(little["per_core_s"] / any_["per_core_s"])
    return median(newest), median(anywhere)


def _pages(run: Run, table: _Table, count: int, seed: int = 1) -> dict[str, float]:
    url, token = run.system.url("histories"), run.system.token("reader")
    wrk.pages(url, token, 1, CONNECTIONS, table.paths(count, -seed))  # warm
    paths = table.paths(count, seed)
    window = Window(run.system)
    answers = wrk.pages(url, token, run.seconds(SECONDS), CONNECTIONS, paths)
    used = window.close()
    if answers.failed:
        raise RuntimeError(f"{answers.failed} pages failed: {answers.statuses}, {answers.errors} errors")
    pages = answers.count(200)
    each = used.us_each(pages)
    return {
        "per_core_s": pages / (used.parts["histories"] + used.parts["postgres"]),
        "per_s": pages / answers.seconds,
        "p50_ms": answers.p50_ms,
        "p99_ms": answers.p99_ms,
        "history_us": each["histories"],
        "postgres_us": each["postgres"],
        "pages": pages,
    }


class _Table:
    """The comments of one shard, which has tables of its own: as many of each video."""

    def __init__(self, system: System, shard: int) -> None:
        shards = Settings().shards
        self._system = system
        self._shard = shard
        self._first = (time.time_ns() // 1000 - 3600 * 1_000_000) // BLOCK * BLOCK  # below what the streams have given
        self._rows = 0
        self.among = 0  # the newest rows, that pages are asked for of
        names = (f"old-{index}" for index in itertools.count())
        self._videos = list(itertools.islice((name for name in names if shard_of(name, shards) == shard), VIDEOS))

    async def fill(self, rows: int) -> None:
        """Fill it with so many rows."""
        database: Any = await asyncpg.connect(self._system.postgres_dsn)
        try:
            for block in range(self._first // BLOCK, (self._first + rows) // BLOCK + 1):
                await database.execute("SELECT ensure_block($1, $2)", self._shard, block * BLOCK)
            for begin in range(0, rows, FILLED_AT_ONCE):
                end = min(begin + FILLED_AT_ONCE, rows) - 1
                await database.execute(FILL, self._shard, self._videos, self._first, begin, end, timeout=600)
            await database.execute("VACUUM ANALYZE comments", timeout=600)
            await database.execute("CHECKPOINT", timeout=600)
        finally:
            await database.close()
        self._rows = self.among = rows

    def paths(self, count: int, seed: int) -> Path:
        """Return a file of addresses: different pages, anywhere among the newest."""
        chance = random.Random(seed)
        lowest = self._rows - self.among + LEAST
        found = (
            f"/comments/{chance.choice(self._videos)}?cursor={self._first + chance.randrange(lowest, self._rows)}"
            for _ in range(count)
        )
        file = self._system.cluster.data_dir / "paths.txt"
        file.write_text("\n".join(found) + "\n", "ascii")
        return file


LINE: Final = Line("pages", "pages of history", measure)
