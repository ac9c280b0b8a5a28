"""What is to be reached, one file each.

| file | what it shows |
|---|---|
| `one_write.py` | what a write costs beside the kernel's own price |
| `busy_room.py` | how many comments a core delivers when they may share a write |
| `big_room.py` | 10,000 viewers of one video on one edge |
| `idle_memory.py` | what a viewer who hears nothing costs in memory |
| `reconnect_storm.py` | 15,000 viewers coming back at once, each with a part to replay |
| `hot_intake.py` | what taking in a hot video costs, all of it or its sample |
| `flat_cost.py` | that a delivery costs the same for few and for many viewers and videos |
| `knee.py` | how many comments come in time, as more and more are published |
| `gateway.py` | what HAProxy adds to a write |
| `packed.py` | what compressing once for all saves and costs |
| `hundred_thousand.py` | 100,000 viewers over six edges |
"""

from __future__ import annotations

from typing import Final

from bench.fanout.scenario import Scenario
from bench.fanout.scenarios import (
    big_room,
    busy_room,
    flat_cost,
    gateway,
    hot_intake,
    hundred_thousand,
    idle_memory,
    knee,
    one_write,
    packed,
    reconnect_storm,
)

ALL: Final[tuple[Scenario, ...]] = (
    one_write.SCENARIO,
    busy_room.SCENARIO,
    big_room.SCENARIO,
    idle_memory.SCENARIO,
    hot_intake.SCENARIO,
    reconnect_storm.SCENARIO,
    flat_cost.SCENARIO,
    knee.SCENARIO,
    gateway.SCENARIO,
    packed.SCENARIO,
    hundred_thousand.SCENARIO,
)
