"""How many streams an address, a user and this edge may have."""

from __future__ import annotations

from collections import Counter

from edge.metrics import REFUSED
from runtime.settings import Settings
from runtime.tokens import Identity


class StreamLimits:
    """Counts open streams. 0 in a setting means no limit. Addresses are networks (see `runtime/addresses.py`)."""

    def __init__(self, settings: Settings) -> None:
        self._per_address = settings.streams_per_address
        self._per_user = settings.streams_per_user
        self._per_edge = settings.streams_per_edge
        self._addresses: Counter[str] = Counter()
        self._users: Counter[str] = Counter()
        self.streams = 0

    @property
    def edge_is_over(self) -> bool:
        """Whether this edge holds more streams than it may."""
        return 0 < self._per_edge < self.streams

    def streams_of(self, user_id: str) -> int:
        """Return how many streams a user has here."""
        return self._users[user_id]

    def has_too_many(self, address: str, identity: Identity | None) -> bool:
        """Return whether the address or the user has as many streams as it may, and count it if so."""
        if self._per_address and self._addresses[address] >= self._per_address:
            REFUSED.labels("address").inc()
            return True
        if self._per_user and identity is not None and self._users[identity.user_id] >= self._per_user:
            REFUSED.labels("user").inc()
            return True
        return False

    def take(self, address: str, identity: Identity | None) -> None:
        """Count a stream."""
        self.streams += 1
        self._addresses[address] += 1
        if identity is not None:
            self._users[identity.user_id] += 1

    def release(self, address: str, identity: Identity | None) -> None:
        """Give a counted stream back."""
        self.streams -= 1
        _decrease(self._addresses, address)
        if identity is not None:
            _decrease(self._users, identity.user_id)


def _decrease(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
