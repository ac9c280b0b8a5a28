"""Which limits a POST is held to, and what a client is told that is over one.

Each writer counts for itself. The gateway sends all POSTs of a video to one writer, so the limits of a user on a video
and of a video hold exactly; those of a user on all videos and of an address hold for each writer.
"""

from __future__ import annotations

from typing import Final, NoReturn

from runtime.addresses import network_of
from runtime.settings import Settings
from wire.problem import Refused
from writer.floods import Floods
from writer.metrics import REFUSED_BY_RATE
from writer.rates import S_TO_NS, Buckets
from writer.same_message import SameMessages

USER_BURST: Final = 10  # comments of one user on one video
USER_TOTAL_BURST: Final = 50  # comments of one user on all videos
VIDEO_BURST_S: Final = 1  # so many seconds' worth of comments at once on one video
ADDRESS_BURST_S: Final = 2  # so many seconds' worth of POSTs at once from one address
LEAST_BURST: Final = 10
GUESTS_BURST: Final = 50  # new guests from one address: a school class, or the page's crowd and some windows beside it

MAX_USERS: Final = 100_000  # remembered at once, for each of the two limits
MAX_VIDEOS: Final = 20_000
MAX_ADDRESSES: Final = 100_000


class Limits:
    """The limits of a writer, and how much of them is used up. Times are in nanoseconds, of a clock that only rises."""

    def __init__(self, settings: Settings) -> None:
        self._users = Buckets(settings.user_rate, USER_BURST, MAX_USERS)
        self._users_total = Buckets(settings.user_total_rate, USER_TOTAL_BURST, MAX_USERS)
        self._videos = Buckets(settings.video_rate, _burst(settings.video_rate, VIDEO_BURST_S), MAX_VIDEOS)
        self._addresses = Buckets(
            settings.posts_per_address, _burst(settings.posts_per_address, ADDRESS_BURST_S), MAX_ADDRESSES
        )
        self._guests = Buckets(settings.guests_per_address, GUESTS_BURST, MAX_ADDRESSES)
        self._said = SameMessages(settings.duplicate_window_s)
        self._floods = Floods(settings.flood_refusals, settings.flood_pause_s, settings.same_text_rate)

    def take_address(self, address: str, now_ns: int) -> None:
        """Count a POST from an address, good or bad. Raises `Refused` (`too_many`)."""
        network = network_of(address)
        if wait_ns := self._addresses.wait_ns(network, now_ns):
            _refuse("address", "too_many", wait_ns)
        self._addresses.take(network, now_ns)

    def take_guest(self, address: str, now_ns: int) -> None:
        """Count a new guest: another user, to whom no ban and no user's rate holds. Raises `Refused` (`too_many`)."""
        network = network_of(address)
        if wait_ns := self._guests.wait_ns(network, now_ns):
            _refuse("guests", "too_many", wait_ns)
        self._guests.take(network, now_ns)

    def take_comment(self, video: str, user_id: str, text: str, message_id: str, now_ns: int) -> None:
        """Count a comment that is good otherwise; one that is refused counts only against its author's patience.

        Raises `Refused`: `same_message`, `too_many`.
        """
        if wait_ns := self._floods.pause_ns(user_id, now_ns):
            _refuse("flood", "too_many", wait_ns)
        on_video = (video, user_id)
        said, by_all = self._said.key(video, user_id, text), self._floods.key(video, text)
        try:
            if wait_ns := self._said.wait_ns(said, message_id, now_ns):
                _refuse("same_message", "same_message", wait_ns)
            self._check_user(on_video, now_ns)
            if wait_ns := self._videos.wait_ns(video, now_ns):
                _refuse("video", "too_many", wait_ns)
            if wait_ns := self._floods.text_wait_ns(by_all, now_ns):
                _refuse("same_text", "same_message", wait_ns)
        except Refused:
            self._floods.was_refused(user_id, now_ns)
            raise
        self._said.say(said, message_id, now_ns)
        self._users.take(on_video, now_ns)
        self._users_total.take(user_id, now_ns)
        self._videos.take(video, now_ns)
        self._floods.said(by_all, now_ns)

    def take_delete(self, video: str, user_id: str, now_ns: int) -> None:
        """Count a delete of one's own against the rates of what one says. Raises `Refused` (`too_many`)."""
        on_video = (video, user_id)
        if wait_ns := self._floods.pause_ns(user_id, now_ns):
            _refuse("flood", "too_many", wait_ns)
        self._check_user(on_video, now_ns)
        self._users.take(on_video, now_ns)
        self._users_total.take(user_id, now_ns)

    def _check_user(self, on_video: tuple[str, str], now_ns: int) -> None:
        if wait_ns := self._users.wait_ns(on_video, now_ns):
            _refuse("user", "too_many", wait_ns)
        if wait_ns := self._users_total.wait_ns(on_video[1], now_ns):
            _refuse("user_total", "too_many", wait_ns)

    def not_stored(self, video: str, user_id: str, text: str, message_id: str) -> None:
        """Let the same text be said again at once, for its comment was not stored."""
        self._said.unsay(self._said.key(video, user_id, text), message_id)

    def give_back(self, video: str, user_id: str) -> None:
        """Take back that a comment was counted: its author is to send it again, through no fault of his."""
        self._users.give_back((video, user_id))
        self._users_total.give_back(user_id)
        self._videos.give_back(video)


def _refuse(limit: str, code: str, wait_ns: int) -> NoReturn:
    REFUSED_BY_RATE.labels(limit).inc()
    raise Refused(code, retry_after_s=-(-wait_ns // S_TO_NS))


def _burst(per_s: float, burst_s: float) -> int:
    return max(LEAST_BURST, round(per_s * burst_s))
