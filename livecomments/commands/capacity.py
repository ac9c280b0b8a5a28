"""`livecomments capacity`: how many machines it takes, out of measured costs."""

from __future__ import annotations

from livecomments.checkout import command_of

capacity = command_of("bench.capacity.command", "capacity", "capacity")
