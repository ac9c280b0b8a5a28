"""What the checks cost: CPU of a writer for each comment with all of them on, and of one without rules, in turns.

Both know who speaks. On are besides: revocations, the rules of texts, the rates by user, video and address, floods,
duplicates, one text said by many, bans and blocked words. Every limit is so high that nothing is refused: refusals are
cheaper than comments. Texts are of several scripts, for the rules of texts pass over plain ASCII quickly, and each is
another one: what was said lately is compared quickly, too.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import median
from typing import Final

import aiohttp

from bench.fanout import usage
from bench.fanout.scenario import Verdict
from bench.figure import Figure
from bench.write import wrk
from bench.write.line import Found, Line, Run
from bench.write.peer import Peer
from bench.write.second_writer import running_writer
from bench.write.system import US, System

REACH_RATIO: Final = 1.2
CONNECTIONS: Final = 128
SECONDS: Final = 5.0
TURNS: Final = 3
VIDEOS: Final = 50
BLOCKED_WORDS: Final = 100  # on each of these videos
BANNED: Final = 20
MODERATED_AT_ONCE: Final = 32
DIFFERENT_TEXTS: Final = 4_000

# High enough for nobody to be refused, and counted all the same.
ALL_ON: Final = {
    "LIVECOMMENTS_USER_RATE": "1000000",
    "LIVECOMMENTS_USER_TOTAL_RATE": "1000000",
    "LIVECOMMENTS_VIDEO_RATE": "1000000",
    "LIVECOMMENTS_POSTS_PER_ADDRESS": "1000000",
    "LIVECOMMENTS_DUPLICATE_WINDOW_S": "30",
    "LIVECOMMENTS_FLOOD_REFUSALS": "60",
    "LIVECOMMENTS_SAME_TEXT_RATE": "1000000",
}
TEXTS: Final = (
    "what a goal, unbelievable scenes here tonight!",
    "GOOOOAL",
    "¡qué golazo! increíble lo de esta noche 🎉🎉",
    "これはすごい、最高のゴール",
    "какой гол, просто невероятно!!!",
    "يا له من هدف رائع",
    "lol",
    "cô ấy chơi quá hay luôn 👏🏽👏🏽",
)


def measure(run: Run) -> Found:
    """Measure both, in turns: what else the machine does meets both alike."""
    system, on, off = run.system, [], []
    seconds = run.seconds(SECONDS)
    texts = system.cluster.data_dir / "texts.txt"
    said = (f"{TEXTS[number % len(TEXTS)]} {number}" for number in range(DIFFERENT_TEXTS))
    texts.write_text("\n".join(said) + "\n", "utf-8")
    with (
        running_writer(system, ("livecomments", "writer"), ALL_ON) as checked,
        running_writer(system, ("bench.write.unchecked",), {}) as unchecked,
    ):
        asyncio.run(_moderate(system))
        for peer, name in ((unchecked, "free-"), (checked, "strict-")):
            _cost_us(system, peer, name, texts, 1)
        for turn in range(max(run.rounds, TURNS)):
            run.say(f"turn {turn + 1}")
            off.append(_cost_us(system, unchecked, "free-", texts, seconds))
            on.append(_cost_us(system, checked, "strict-", texts, seconds))
    ratios = [one / other for one, other in zip(on, off, strict=True)]
    ratio = median(ratios)
    return Found(
        [
            Verdict(
                f"CPU of a writer per comment, all checks on ({median(on):.0f} µs), of no rules ({median(off):.0f} µs)",
                f"≤ {REACH_RATIO}",
                f"{ratio:.2f}",
                ratio <= REACH_RATIO,
            )
        ],
        figures={"checked_us": on, "unchecked_us": off, "ratio": ratio},
        measured=[Figure("CPU of the writer a comment, all checks on, of no rules", "×", ratios)],
    )


async def _moderate(system: System) -> None:
    """Block words on the videos of the writer that checks, and ban some users."""
    token = system.cluster.token("boss", role="host", videos=["*"])
    words = {"words": [f"blockedword{number}" for number in range(BLOCKED_WORDS)]}
    turns = asyncio.Semaphore(MODERATED_AT_ONCE)

    async def put(session: aiohttp.ClientSession, path: str, body: object) -> None:
        async with turns, session.put(system.gateway + path, json=body) as answer:
            if answer.status not in (200, 202):
                raise RuntimeError(f"{path}: {answer.status} {await answer.text()}")

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        videos = [f"strict-{number}" for number in range(VIDEOS)]
        await asyncio.gather(*(put(session, f"/videos/{video}/words", words) for video in videos))
        bans = (put(session, f"/videos/{video}/bans/u{user}", {}) for video in videos for user in range(BANNED))
        await asyncio.gather(*bans)


def _cost_us(system: System, peer: Peer, name: str, texts: Path, seconds: float) -> float:
    before = usage.cpu_s([peer.pid])
    answers = wrk.posts(peer.url, system.authors_file, seconds, CONNECTIONS, videos=VIDEOS, name=name, texts=texts)
    used_s = usage.cpu_s([peer.pid]) - before
    if answers.failed:
        raise RuntimeError(f"{answers.failed} POSTs to {peer.url} failed: {answers.statuses}, {answers.errors} errors")
    return used_s / answers.count(201, 202) * US


LINE: Final = Line("checks", "what the checks cost the writer", measure)
