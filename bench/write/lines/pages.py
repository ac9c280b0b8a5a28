"""Pages of 50 for each second of a core (history's and Postgres' together), where pages repeat and where none does."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any, Final

import asyncpg

from bench.fanout.scenario import Verdict
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
VIDEOS: Final = 100
CONNECTIONS: Final = 16
SECONDS: Final = 6.0
REPEATED_PAGES: Final = 50
DIFFERENT_PAGES: Final = 100_000  # more than are asked for in one measurement
BLOCK: Final = 1 << 22
SEED: Final = 1

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
    """Measure with a small table, and with a large one on demand."""
    table = _Table(run.system)
    asyncio.run(table.grow(SMALL))
    run.say("pages that repeat")
    repeated = _pages(run, table, REPEATED_PAGES)
    run.say("pages of which none repeats")
    different = _pages(run, table, DIFFERENT_PAGES)
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
        run.say(f"filling the table to {LARGE:,} rows")
        asyncio.run(table.grow(LARGE))
        run.say("pages of which none repeats, large table")
        large = figures["large"] = _pages(run, table, DIFFERENT_PAGES)
        ratio = different["per_core_s"] / large["per_core_s"]
        verdicts.append(Verdict(growth, f"≤ {REACH_GROWTH} ×", f"{ratio:.2f} ×", ratio <= REACH_GROWTH))
    else:
        verdicts.append(Verdict(growth, f"≤ {REACH_GROWTH} ×", "with --long", None))
    remarks = [
        f"{name}: {one['per_s']:,.0f} pages/s, p50 {one['p50_ms']:.1f} ms, p99 {one['p99_ms']:.1f} ms;"
        f" µs a page: history {one['history_us']:.0f}, postgres {one['postgres_us']:.0f}"
        for name, one in figures.items()
    ]
    return Found(verdicts, remarks, figures)


def _pages(run: Run, table: _Table, count: int) -> dict[str, float]:
    paths = table.paths(count)
    url, token = run.system.url("histories"), run.system.token("reader")
    wrk.pages(url, token, 1, CONNECTIONS, table.paths(count, seed=SEED + 1))
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
    """Comments in every shard, so many that each video has the same number."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._shards = Settings().shards
        self._first = (time.time_ns() // 1000 - 3600 * 1_000_000) // BLOCK * BLOCK  # below what the streams have given
        self._rows = 0
        names = [f"old-{index}" for index in range(VIDEOS)]
        self._videos = {
            shard: [name for name in names if shard_of(name, self._shards) == shard] for shard in range(self._shards)
        }

    async def grow(self, rows: int) -> None:
        """Fill it until there are so many rows."""
        database: Any = await asyncpg.connect(self._system.postgres_dsn)
        try:
            for shard, videos in self._videos.items():
                for begin in range(self._rows // self._shards, rows // self._shards, FILLED_AT_ONCE):
                    end = min(begin + FILLED_AT_ONCE, rows // self._shards)
                    for block in range((self._first + begin) // BLOCK, (self._first + end) // BLOCK + 1):
                        await database.execute("SELECT ensure_block($1, $2)", shard, block * BLOCK)
                    await database.execute(FILL, shard, videos, self._first, begin, end - 1, timeout=600)
            await database.execute("VACUUM ANALYZE comments", timeout=600)
            await database.execute("CHECKPOINT", timeout=600)
        finally:
            await database.close()
        self._rows = rows

    def paths(self, count: int, seed: int = SEED) -> Path:
        """Return a file of addresses: different pages, anywhere in the table."""
        chance = random.Random(seed)
        videos = [video for shard in self._videos.values() for video in shard]
        of_shard = self._rows // self._shards
        found = (
            f"/comments/{chance.choice(videos)}?cursor={self._first + chance.randrange(of_shard // 4, of_shard)}"
            for _ in range(count)
        )
        file = self._system.cluster.data_dir / "paths.txt"
        file.write_text("\n".join(found) + "\n", "ascii")
        return file


LINE: Final = Line("pages", "pages of history", measure)
