import asyncio
import time
from collections import defaultdict
from itertools import pairwise

import jwt
import orjson
import pytest
from aiohttp import web

from livecomments.authors import Authors
from livecomments.chatlog import Said
from livecomments.client import Answer
from livecomments.replay import Due, Replay, Tally
from runtime.settings import Settings
from runtime.tokens import Tokens
from wire.problem import problem_body

SECRET = "the secret of a server that a test made up"


@pytest.fixture
def authors(tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    return Authors(Tokens(Settings(token_secret_file=tmp_path / "secret")))


class Recorder:
    """A server that takes comments, and notes who said what when. `refuse(author, count)` may return an answer."""

    def __init__(self, refuse=lambda *_: None, delay_s=0.0):
        self.said: list[tuple[str, str]] = []
        self.keys: set[str] = set()
        self.at_once: dict[str, int] = defaultdict(int)
        self.most_at_once_of_one = 0
        self._refuse = refuse
        self._delay_s = delay_s
        self._asked: dict[str, int] = defaultdict(int)

    async def post(self, request: web.Request) -> web.StreamResponse:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        author = jwt.decode(token, SECRET, algorithms=["HS256"])["sub"]
        self.at_once[author] += 1
        self.most_at_once_of_one = max(self.most_at_once_of_one, self.at_once[author])
        text = orjson.loads(await request.read())["message"]
        await asyncio.sleep(self._delay_s)
        self.at_once[author] -= 1
        refusal = self._refuse(author, self._asked[author])
        self._asked[author] += 1
        if refusal is not None:
            return refusal
        self.keys.add(request.headers["Idempotency-Key"])
        self.said.append((author, text))
        return web.json_response({"commentId": str(len(self.said))}, status=201)


async def replay(client, authors, log, speed):
    tally, answered = Tally(), []

    def note(due: Due, answer: Answer) -> None:
        answered.append((due, answer))

    await Replay(client, "v", authors, speed=speed, tally=tally, answered=note).run(log, log[0].at_s)
    return tally, answered


async def test_every_message_is_posted_once_as_its_author_with_a_key_of_its_own(serve, authors):
    recorder = Recorder()
    log = [Said(line, float(line), f"author-{line % 7}", f"text {line}") for line in range(1, 101)]
    tally, answered = await replay(await serve(post=recorder.post), authors, log, 0)
    assert sorted((author, text) for author, text in recorder.said) == sorted((said.user, said.message) for said in log)
    assert len(recorder.keys) == len({due.key for due, _ in answered}) == 100
    assert (tally.posted, tally.archived, tally.repeated, sum(tally.refused.values())) == (100, 100, 0, 0)


async def test_what_one_author_says_stays_in_order_also_where_it_must_be_repeated(serve, authors):
    def refuse(author, count):
        if author == "slow" and count in (0, 3):
            return web.Response(status=503, headers={"Retry-After": "0"})
        return None

    recorder = Recorder(refuse, delay_s=0.005)
    log = [Said(line, 0.0, "slow" if line % 2 else "quick", f"{line:03d}") for line in range(1, 41)]
    tally, _ = await replay(await serve(post=recorder.post), authors, log, 0)
    for author in ("slow", "quick"):
        texts = [text for who, text in recorder.said if who == author]
        assert texts == sorted(texts)
        assert len(texts) == 20
    assert recorder.most_at_once_of_one == 1
    assert tally.repeated == 2


async def test_one_author_who_must_wait_holds_up_nobody_else(serve, authors):
    def refuse(author, count):
        return web.Response(status=429, headers={"Retry-After": "1"}) if author == "loud" and count == 0 else None

    recorder = Recorder(refuse)
    log = [Said(1, 0.0, "loud", "1"), Said(2, 0.0, "loud", "2"), *(Said(n, 0.0, f"a{n}", "x") for n in range(3, 30))]
    tally, _ = await replay(await serve(post=recorder.post), authors, log, 0)
    assert recorder.said[-2:] == [("loud", "1"), ("loud", "2")]
    assert len(recorder.said) == len(log)
    assert tally.waited == 1


async def test_the_pace_is_that_of_the_log_times_the_speed_however_slow_the_answers_are(serve, authors):
    recorder = Recorder(delay_s=0.3)
    log = [Said(line, 100 + line * 2.0, f"author-{line}", "x") for line in range(1, 21)]
    began = time.monotonic()
    tally, answered = await replay(await serve(post=recorder.post), authors, log, 100)
    # 38 s at 100 times, and the last answer; one after the other they would take 0.3 s each.
    assert 0.6 <= time.monotonic() - began < 0.3 * len(log)
    due = sorted(due.at for due, _ in answered)
    gaps = [after - before for before, after in pairwise(due)]
    assert gaps == pytest.approx([0.02] * 19)
    assert tally.latencies.percentiles_ms(0)[0] >= 300


async def test_a_log_whose_times_go_back_is_posted_in_the_order_of_its_lines(serve, authors):
    recorder = Recorder()
    log = [Said(1, 5.0, "a", "1"), Said(2, 3.0, "a", "2"), Said(3, 5.5, "a", "3"), Said(4, 0.0, "a", "4")]
    await replay(await serve(post=recorder.post), authors, log, 10)
    assert [text for _, text in recorder.said] == ["1", "2", "3", "4"]


async def test_refusals_are_counted_by_their_code_and_the_rest_goes_on(serve, authors):
    def refuse(author, _):
        if author == "shouter":
            return web.Response(status=400, body=problem_body("message_too_long"))
        return None

    recorder = Recorder(refuse)
    log = [Said(line, 0.0, "shouter" if line % 3 == 0 else "a", "x") for line in range(1, 10)]
    tally, answered = await replay(await serve(post=recorder.post), authors, log, 0)
    assert dict(tally.refused) == {"message_too_long": 3}
    assert (tally.posted, tally.archived) == (9, 6)
    assert [answer.code for due, answer in answered if due.said.user == "shouter"] == ["message_too_long"] * 3
