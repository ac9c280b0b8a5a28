"""Defects: each breaks one promise in a finished ledger, and names the checks of which one at least must say so.

Each returns whether the ledger gave it an opportunity.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import replace
from random import Random

from faults.ledger import (
    ASCENDING,
    BAN,
    DELETE,
    DESCENDING,
    Attempt,
    Connect,
    Fate,
    Ledger,
    Life,
    Opened,
    Page,
    Said,
    Told,
)
from faults.verdict import Check
from tests.faults.simulated import FIRST_NUMBER, VIDEOS


def acknowledged(ledger: Ledger) -> list[Attempt]:
    """Return the attempts that were acknowledged, and whose comments are there still."""
    gone = removed(ledger)
    return [one for one in ledger.attempts if one.fate is Fate.ACKNOWLEDGED and (one.video, one.number) not in gone]


def removed(ledger: Ledger) -> set[tuple[str, int]]:
    return {(said.video, said.number) for said in ledger.said if said.is_tombstone}


def reread(ledger: Ledger, change: Callable[[tuple[int, ...]], tuple[int, ...]], *sorts: str) -> None:
    ledger.readings = [
        replace(one, said=change(one.said)) if one.sort in (sorts or (ASCENDING, DESCENDING)) else one
        for one in ledger.readings
    ]


def insert(ledger: Ledger, said: Said) -> None:
    """Put a comment into history, in its place."""
    place = ledger.place(said)
    by_number = {
        ASCENDING: lambda one: ledger.said[one].number,
        DESCENDING: lambda one: -ledger.said[one].number,
    }
    ledger.readings = [
        replace(one, said=tuple(sorted((*one.said, place), key=by_number[one.sort])))
        if one.video == said.video
        else one
        for one in ledger.readings
    ]


def free_number(ledger: Ledger, video: str) -> int:
    return max((said.number for said in ledger.said), default=FIRST_NUMBER) + 1 + VIDEOS.index(video)


def place_of(ledger: Ledger, attempt: Attempt) -> int:
    return next(
        place for place, said in enumerate(ledger.said) if (said.video, said.number) == (attempt.video, attempt.number)
    )


def lose(ledger: Ledger, chance: Random) -> bool:
    if not acknowledged(ledger):
        return False
    lost = place_of(ledger, chance.choice(acknowledged(ledger)))
    reread(ledger, lambda said: tuple(place for place in said if place != lost))
    return True


def invent(ledger: Ledger, chance: Random) -> bool:
    video = chance.choice(VIDEOS)
    insert(ledger, Said(video, free_number(ledger, video), "nobody", "never said", 0))
    return True


def store_again(ledger: Ledger, chance: Random) -> bool:
    kept = [ledger.said[place] for reading in ledger.readings for place in reading.said]
    kept = [said for said in kept if not said.is_tombstone]
    if not kept:
        return False
    said = chance.choice(kept)
    insert(ledger, said._replace(number=free_number(ledger, said.video)))
    return True


def store_refused(ledger: Ledger, chance: Random) -> bool:
    refused = [attempt for attempt in ledger.attempts if attempt.fate is Fate.REFUSED]
    if not refused:
        return False
    attempt = chance.choice(refused)
    insert(ledger, Said(attempt.video, free_number(ledger, attempt.video), attempt.user, attempt.text, 0))
    return True


def answer_repeat_anew(ledger: Ledger, chance: Random) -> bool:
    if not acknowledged(ledger):
        return False
    attempt = chance.choice(acknowledged(ledger))
    later = replace(attempt, began_ns=attempt.ended_ns + 1, ended_ns=attempt.ended_ns + 2)
    later.number = free_number(ledger, attempt.video)
    ledger.attempts.append(later)
    return True


def let_later_body_win(ledger: Ledger, chance: Random) -> bool:
    if not acknowledged(ledger):
        return False
    attempt = chance.choice(acknowledged(ledger))
    text = "a later body"
    ledger.attempts.append(replace(attempt, text=text, began_ns=10**9, ended_ns=10**9 + 1))
    change_said(ledger, place_of(ledger, attempt), text=text)
    return True


def change_said(ledger: Ledger, place: int, **changes: object) -> None:
    """Change a comment for everybody who was shown it."""
    ledger.said[place] = ledger.said[place]._replace(**changes)


def give_number_twice(ledger: Ledger, chance: Random) -> bool:
    pairs = [
        (one, other)
        for one in acknowledged(ledger)
        for other in acknowledged(ledger)
        if one.key != other.key and one.video == other.video
    ]
    if not pairs:
        return False
    one, other = chance.choice(pairs)
    for attempt in ledger.attempts:
        if attempt.key == one.key and attempt.number is not None:
            attempt.number = other.number
    return True


def swap_shown(ledger: Ledger, chance: Random) -> bool:
    lives = [life for life in ledger.lives if len(life.shown) > 1]
    if not lives:
        return False
    life = chance.choice(lives)
    place = chance.randrange(len(life.shown) - 1)
    life.shown[place], life.shown[place + 1] = life.shown[place + 1], life.shown[place]
    return True


def show_again(ledger: Ledger, chance: Random) -> bool:
    lives = [life for life in ledger.lives if life.shown]
    if not lives:
        return False
    life = chance.choice(lives)
    place = chance.randrange(len(life.shown))
    life.shown = array("L", [*life.shown[: place + 1], *life.shown[place:]])
    life.shown_ns = array("q", [*life.shown_ns[: place + 1], *life.shown_ns[place:]])
    life.steps = [(at + (at > place), step) for at, step in life.steps]
    return True


def hide(ledger: Ledger, chance: Random) -> bool:
    """A viewer that followed to the end misses a comment; where it began is left alone."""
    gone = removed(ledger)
    owed = [
        (life, place)
        for life in ledger.lives
        for place, one in enumerate(life.shown)
        if life.to_the_end and (life.video, ledger.said[one].number) not in gone
    ]
    if not owed:
        return False
    life, place = chance.choice(owed)
    del life.shown[place], life.shown_ns[place]
    life.steps = [(at - (at > place), step) for at, step in life.steps]
    return True


def say_nothing_of_what_is_missing(ledger: Ledger, chance: Random) -> bool:
    """A viewer is told that its replay was complete, which it was not."""
    told = [
        (life, place)
        for life in ledger.lives
        for place, (_, step) in enumerate(life.steps)
        if isinstance(step, Told) and "from" in step.data and owes(ledger, life.video, step.data)
    ]
    if not told:
        return False
    life, place = chance.choice(told)
    at, step = life.steps[place]
    life.steps[place] = (at, replace(step, event="sync", data={"resumed": True, "complete": True}))
    return True


def owes(ledger: Ledger, video: str, data: dict[str, str]) -> bool:
    """Whether something that was not removed lies in a range that a viewer was told is missing."""
    gone = removed(ledger)
    numbers = {one.number for one in ledger.said if one.video == video and (video, one.number) not in gone}
    return any(int(data["from"]) <= number <= int(data["to"]) for number in numbers)


def show_other_words(ledger: Ledger, chance: Random) -> bool:
    lives = [life for life in ledger.lives if life.shown]
    if not lives:
        return False
    life = chance.choice(lives)
    place = chance.randrange(len(life.shown))
    said = ledger.said[life.shown[place]]
    life.shown[place] = ledger.place(said._replace(text=said.text + " "))
    return True


def change_time(ledger: Ledger, chance: Random) -> bool:
    lives = [life for life in ledger.lives if life.shown]
    if not lives:
        return False
    life = chance.choice(lives)
    place = chance.randrange(len(life.shown))
    said = ledger.said[life.shown[place]]
    life.shown[place] = ledger.place(said._replace(posted_ms=said.posted_ms + 3_600_000))
    return True


def overlap_pages(ledger: Ledger, chance: Random) -> bool:
    if not any(reading.said for reading in ledger.readings):
        return False
    reread(ledger, lambda said: said[:1] + said, chance.choice((ASCENDING, DESCENDING)))
    return True


def leave_a_hole_between_pages(ledger: Ledger, chance: Random) -> bool:
    if not any(reading.said for reading in ledger.readings):
        return False
    reread(ledger, lambda said: said[1:], chance.choice((ASCENDING, DESCENDING)))
    return True


def turn_time_around(ledger: Ledger, chance: Random) -> bool:
    """Of two comments, the one that was sent after the other's acknowledgement gets the lower number."""
    first_began = {attempt.key: attempt.began_ns for attempt in reversed(ledger.attempts)}
    pairs = [
        (one, other)
        for one in acknowledged(ledger)
        for other in acknowledged(ledger)
        if one.video == other.video and one.ended_ns < first_began[other.key]
    ]
    if not pairs:
        return False
    one, other = chance.choice(pairs)
    numbers = {one.number: other.number, other.number: one.number}
    for attempt in ledger.attempts:
        if attempt.video == one.video:
            attempt.number = numbers.get(attempt.number, attempt.number)
    place, other_place = place_of(ledger, one), place_of(ledger, other)
    texts = ledger.said[place], ledger.said[other_place]
    change_said(ledger, place, user=texts[1].user, text=texts[1].text)
    change_said(ledger, other_place, user=texts[0].user, text=texts[0].text)
    return True


def show_stale_page(ledger: Ledger, chance: Random) -> bool:
    answered = [attempt for attempt in ledger.attempts if attempt.status == 201]
    if not answered:
        return False
    attempt = chance.choice(answered)
    ledger.pages.append(Page(attempt.video, attempt.ended_ns + 1, attempt.number + 1, (), whole=True))
    return True


def unsay_page(ledger: Ledger, chance: Random) -> bool:
    video = chance.choice(VIDEOS)
    said = Said(video, free_number(ledger, video), "user-0", "seen once", 0)
    ledger.pages.append(Page(video, 10**9, said.number + 1, (ledger.place(said),), whole=False))
    return True


def bring_back(ledger: Ledger, chance: Random) -> bool:
    """Pages show the text of a comment whose removal was answered."""
    answered = {(one.video, one.comment) for one in ledger.rulings if one.status == 200}
    places = [
        place for place, said in enumerate(ledger.said) if said.is_tombstone and (said.video, said.number) in answered
    ]
    if not places:
        return False
    place = chance.choice(places)
    number = ledger.said[place].number
    attempt = next(one for one in ledger.attempts if (one.video, one.number) == (ledger.said[place].video, number))
    change_said(ledger, place, user=attempt.user, text=attempt.text)
    return True


def remove_unasked(ledger: Ledger, chance: Random) -> bool:
    banned = {(one.video, one.user) for one in ledger.rulings if one.kind == BAN}
    asked = {(one.video, one.comment) for one in ledger.rulings}
    found = [
        one
        for one in acknowledged(ledger)
        if (one.video, one.user) not in banned and (one.video, one.number) not in asked
    ]
    if not found:
        return False
    place = place_of(ledger, chance.choice(found))
    grave = ledger.place(ledger.said[place]._replace(user="", text=""))
    reread(ledger, lambda said: tuple(grave if one == place else one for one in said))
    return True


def show_removed(ledger: Ledger, chance: Random) -> bool:
    """One who comes long after a comment was removed is shown it."""
    answered = [one for one in ledger.rulings if one.kind == DELETE and one.status == 200]
    if not answered:
        return False
    ruling = chance.choice(answered)
    attempt = next(one for one in ledger.attempts if (one.video, one.number) == (ruling.video, ruling.comment))
    life = Life("late", ruling.video)
    life.step(Connect(ruling.ended_ns + 10**10, ruling.comment - 1))
    life.show(ledger.place(Said(ruling.video, ruling.comment, attempt.user, attempt.text, 0)), ruling.ended_ns + 10**10)
    ledger.lives.append(life)
    return True


def tell_no_removal(ledger: Ledger, chance: Random) -> bool:
    answered = {(one.video, one.number) for one in ledger.rulings if one.status == 200}
    told = [
        (life, place)
        for life in ledger.lives
        for place, (_, step) in enumerate(life.steps)
        if life.to_the_end and isinstance(step, Told) and step.event == "delete"
        if (life.video, step.position) in answered and any(isinstance(one, Opened) for _, one in life.steps[:place])
    ]
    if not told:
        return False
    life, place = chance.choice(told)
    del life.steps[place]
    return True


DEFECTS: dict[Callable[[Ledger, Random], bool], set[Check]] = {
    lose: {Check.KEPT},
    invent: {Check.ATTEMPTED},
    store_again: {Check.ONCE, Check.UNKNOWN_ONCE},
    store_refused: {Check.REFUSED},
    answer_repeat_anew: {Check.KEY},
    let_later_body_win: {Check.KEY},
    give_number_twice: {Check.NUMBERS},
    swap_shown: {Check.ORDER},
    show_again: {Check.SHOWN_ONCE},
    hide: {Check.FOLLOWED},
    say_nothing_of_what_is_missing: {Check.FOLLOWED},
    show_other_words: {Check.SHOWN_KEPT},
    change_time: {Check.TIMES},
    overlap_pages: {Check.PAGES},
    leave_a_hole_between_pages: {Check.PAGES},
    turn_time_around: {Check.REAL_TIME},
    show_stale_page: {Check.READABLE},
    unsay_page: {Check.STABLE},
    bring_back: {Check.REMOVED},
    remove_unasked: {Check.ASKED},
    show_removed: {Check.HIDDEN},
    tell_no_removal: {Check.TOLD},
}
