"""`livecomments bench`: every measurement, with a report."""

from __future__ import annotations

from livecomments.checkout import command_of

bench = command_of("bench.suite.command", "bench", "bench")
