"""A storm of replays: every viewer gets all that it missed, out of JetStream and out of history."""

import pytest

from hosts.replay_storm import WAYS, storms
from hosts.storm_report import Size


@pytest.mark.timeout(180)
async def test_everybody_who_comes_back_at_once_gets_all_and_those_who_watch_miss_nothing(fleet):
    size = Size(viewers=300, videos=6, behind=700, rate=20, calm_s=1)
    rows = await storms(fleet, size, [way for way in WAYS if way.name in ("stream", "history")], lambda *_: None)
    assert [row.wrong for row in rows] == [[], []]
    assert all(row.served == 300 and row.comments >= 300 * 700 for row in rows)
