"""How many streams an address, a user and this edge may have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from edge.metrics import REFUSED
from runtime.settings import Settings
from wire.problem import Refused


class StreamLimits:
    """Counts open streams. 0 in a setting means no limit."""

    def __init__(self, settings: Settings) -> None:
        self._per_address = settings.streams_per_address
        self._per_user = settings.streams_per_user
        self._per_edge = settings.streams_per_edge
        self._addresses: Counter[str] = Counter()
        self._users: Counter[str] = Counter()
        self.streams = 0

    @property
    def edge_is_full(self) -> bool:
        """Whether this edge holds as many streams as it may."""
        return bool(self._per_edge) and self.streams >= self._per_edge

    def check(self, address: str, user_id: str | None) -> None:
        """Raise `Refused` (`too_many_streams`) when the address or the user has as many streams as it may."""
        if self._per_address and self._addresses[address] >= self._per_address:
            REFUSED.labels("address").inc()
            raise Refused("too_many_streams")
        if self._per_user and user_id is not None and self._users[user_id] >= self._per_user:
            REFUSED.labels("user").inc()
            raise Refused("too_many_streams")

    def take(self, address: str, user_id: str | None) -> Callable[[], None]:
        """Count a stream, and return what gives it back."""
        counted = (
            [(self._addresses, address)]
            if user_id is None
            else [
                (self._addresses, address),
                (self._users, user_id),
            ]
        )
        for counter, key in counted:
            counter[key] += 1
        self.streams += 1

        def release() -> None:
            for counter, key in counted:
                counter[key] -= 1
                if not counter[key]:
                    del counter[key]
            self.streams -= 1

        return release
