"""GET /comments/{video}: each comment once, whichever way one pages."""

import itertools
import random

import pytest

from tests.history.conftest import BASE, BLOCK, Archived, Reader
from tests.servers import Database


@pytest.fixture(scope="module")
async def long_video(archived: Archived) -> tuple[str, list[int]]:
    """A video of 257 comments over three blocks, with those of others and control messages between them."""
    chance = random.Random(1)
    video, other = archived.new_video(), archived.new_video()
    numbers = []
    number = BASE
    for position in range(257):
        number += chance.choice([1, 1, 1, 2, 50, BLOCK // 20])
        numbers.append(await archived.add(video, number))
        if position % 5 == 0:
            await archived.add(other, number + 1)
        if position % 7 == 0:
            await archived.add(video, number := number + 1, kind="state", user_id=None, message=None, detail="{}")
    assert numbers[-1] // BLOCK - numbers[0] // BLOCK >= 1
    return video, numbers


@pytest.mark.parametrize("sort", ["desc", "asc"])
@pytest.mark.parametrize("limit", [1, 7, 50, 100])
async def test_paging_to_the_end_holds_each_comment_once_in_order(
    reader: Reader, long_video: tuple[str, list[int]], sort: str, limit: int
) -> None:
    video, numbers = long_video
    found: list[int] = []
    query = f"?sort={sort}&limit={limit}"
    cursor = ""
    while True:
        page = await reader.page(video, query + cursor)
        ids = [int(one["id"]) for one in page["comments"]]
        found += ids
        assert len(found) <= len(numbers), "the pages go round in circles"
        if page["nextCursor"] is None:
            break
        assert len(ids) == limit
        assert page["nextCursor"] == str(ids[-1])
        cursor = f"&cursor={page['nextCursor']}"
    assert found == (numbers if sort == "asc" else numbers[::-1])


async def test_without_a_query_it_is_the_newest_fifty_newest_first(
    reader: Reader, long_video: tuple[str, list[int]]
) -> None:
    video, numbers = long_video
    page = await reader.page(video)
    assert [int(one["id"]) for one in page["comments"]] == numbers[:-51:-1]
    assert page["nextCursor"] == str(numbers[-50])


async def test_a_cursor_is_exclusive_and_need_not_be_a_comment(
    reader: Reader, long_video: tuple[str, list[int]]
) -> None:
    video, numbers = long_video
    middle = numbers[100]
    assert await reader.ids(video, f"?cursor={middle}&limit=2") == [numbers[99], numbers[98]]
    assert await reader.ids(video, f"?cursor={middle}&limit=2&sort=asc") == [numbers[101], numbers[102]]
    between = next(a + 1 for a, b in itertools.pairwise(numbers) if b > a + 2)
    below = max(number for number in numbers if number < between)
    assert await reader.ids(video, f"?cursor={between}&limit=1") == [below]
    assert await reader.ids(video, f"?cursor={between}&limit=1&sort=asc") == [numbers[numbers.index(below) + 1]]


async def test_cursors_beyond_both_ends_are_good(reader: Reader, long_video: tuple[str, list[int]]) -> None:
    video, numbers = long_video
    empty = {"comments": [], "nextCursor": None}
    assert await reader.page(video, "?cursor=0") == empty
    assert await reader.page(video, f"?cursor={numbers[0]}") == empty
    assert await reader.page(video, f"?cursor={numbers[-1]}&sort=asc") == empty
    assert await reader.page(video, "?cursor=9007199254740991&sort=asc") == empty
    assert await reader.ids(video, "?cursor=9007199254740991&limit=1") == [numbers[-1]]
    assert await reader.ids(video, "?cursor=0&sort=asc&limit=1") == [numbers[0]]
    assert await reader.ids(video, f"?cursor={numbers[-1]:016}&limit=1") == [numbers[-2]]


async def test_at_the_end_for_now_one_goes_on_later_from_the_last_id(reader: Reader, archived: Archived) -> None:
    video = archived.new_video()
    first = await archived.add(video, BASE + 1)
    page = await reader.page(video, "?sort=asc&limit=1")
    assert page["nextCursor"] is None
    second = await archived.add(video, BASE + 2)
    assert await reader.ids(video, f"?sort=asc&cursor={first}") == [second]


async def test_a_page_that_is_exactly_full_says_that_it_is_the_last(reader: Reader, archived: Archived) -> None:
    video = archived.new_video()
    numbers = [await archived.add(video, BASE + position) for position in range(4)]
    assert (await reader.page(video, "?limit=4"))["nextCursor"] is None
    assert (await reader.page(video, "?limit=3"))["nextCursor"] == str(numbers[1])


async def test_a_video_without_comments_has_an_empty_page(reader: Reader, archived: Archived) -> None:
    empty = {"comments": [], "nextCursor": None}
    assert await reader.page("never-heard-of") == empty
    assert await reader.page("never-heard-of", "?at=1000") == empty
    assert await reader.page("never-heard-of", "?at=1000&sort=asc") == empty
    video = archived.new_video()
    await archived.add(video, BASE + 1, kind="state", user_id=None, message=None, detail="{}")
    assert await reader.page(video) == empty


async def test_a_comment_has_what_was_said_and_by_whom(reader: Reader, archived: Archived) -> None:
    video = archived.new_video()
    text = "héllo\n\t🎉 \u202e'\"\\ <script>\u2028"
    await archived.add(video, BASE + 1, message=text, posted_ms=1_700_000_000_123)
    await archived.add(video, BASE + 2, message="hi", posted_ms=5, name="Ann", role="host")
    assert (await reader.page(video, "?sort=asc"))["comments"] == [
        {"id": str(BASE + 1), "userId": "ann", "message": text, "timestamp": 1_700_000_000_123},
        {"id": str(BASE + 2), "userId": "ann", "message": "hi", "timestamp": 5, "name": "Ann", "role": "host"},
    ]


async def test_of_a_deleted_comment_nothing_is_left_but_its_place(reader: Reader, archived: Archived) -> None:
    video = archived.new_video()
    await archived.add(video, BASE + 1, deleted_by=BASE + 2, name="Ann", role="host")
    answer = await reader.get(f"/comments/{video}")
    assert answer.json()["comments"] == [{"id": str(BASE + 1), "timestamp": 1, "deleted": True}]
    assert b"ann" not in answer.body.lower()
    assert b"text" not in answer.body


@pytest.mark.parametrize("numbers", [[10, 20, 30, 30, 30, 40], [5], [1, 1, 1], list(range(0, 300, 3))])
async def test_at_a_time_one_reads_on_from_there_in_both_directions(
    reader: Reader, archived: Archived, numbers: list[int]
) -> None:
    video = archived.new_video()
    chance = random.Random(2)
    placed = []
    number = BASE
    for posted_ms in numbers:
        number += chance.choice([1, 1, 7, BLOCK // 3])
        placed.append((await archived.add(video, number, posted_ms=posted_ms), posted_ms))
    for at in {0, *numbers, *(one - 1 for one in numbers if one), *(one + 1 for one in numbers), 10**14}:
        later = [number for number, posted_ms in placed if posted_ms >= at]
        earlier = [number for number, posted_ms in placed if posted_ms <= at][::-1]
        assert await reader.ids(video, f"?at={at}&sort=asc&limit=100") == later[:100]
        assert await reader.ids(video, f"?at={at}&limit=100") == earlier[:100]


async def test_where_a_clock_went_back_one_lands_at_one_of_the_places_where_it_passed_the_time(
    reader: Reader, archived: Archived
) -> None:
    chance = random.Random(3)
    video = archived.new_video()
    times = [*range(0, 60, 2), *range(30, 90, 3), *range(50, 70)]  # set back twice
    placed = []
    for place, posted_ms in enumerate(times):
        number = BASE + place * chance.choice([BLOCK // 3, BLOCK // 2 + 1]) + place
        number = max(number, placed[-1][0] + 1 if placed else 0)
        placed.append((await archived.add(video, number, posted_ms=posted_ms), posted_ms))
    for at in range(92):
        found = await reader.ids(video, f"?at={at}&sort=asc&limit=100")
        # Everything after it in the one order of all comments, beginning where the time was just passed.
        assert found == [number for number, _ in placed[len(placed) - len(found) :]]
        assert not found or placed[-len(found)][1] >= at
        before = placed[len(placed) - len(found) - 1] if len(found) < len(placed) else None
        assert before is None or before[1] < at


async def test_the_old_code_goes_on_when_a_column_is_added(reader: Reader, archived: Archived) -> None:
    video = archived.new_video()
    number = await archived.add(video, BASE + 1)
    assert await reader.ids(video) == [number]
    await archived.connection.execute("ALTER TABLE comments ADD COLUMN of_a_later_version text DEFAULT 'x'")
    try:
        assert await reader.ids(video) == [number]
        second = await archived.add(video, BASE + 2)
        assert await reader.ids(video) == [second, number]
    finally:
        await archived.connection.execute("ALTER TABLE comments DROP COLUMN of_a_later_version")
    assert await reader.ids(video) == [second, number]


async def test_pages_go_on_when_blocks_come_and_go(reader: Reader, archived: Archived, postgres: Database) -> None:
    video = archived.new_video()
    numbers = [await archived.add(video, BASE + 100 * BLOCK + 1)]
    for _ in range(8):  # more often than Postgres makes a plan anew by itself
        assert await reader.ids(video) == numbers[::-1]
    numbers.append(await archived.add(video, BASE + 101 * BLOCK + 1))
    assert await reader.ids(video) == numbers[::-1]
    block = await archived.connection.fetchval(
        "SELECT tableoid::regclass::text FROM comments WHERE comment_id = $1", numbers[0]
    )
    await archived.connection.execute(f"DROP TABLE {block}")
    archived.blocks.clear()
    assert await reader.ids(video) == numbers[1:]
