"""Events of a stream as lines of a terminal, or as lines of JSON."""

from __future__ import annotations

import time
from typing import Any, Final, Protocol
from zlib import crc32

import click
import orjson

from livecomments.harmless import harmless

# The colours that can be read on light and on dark backgrounds; an author keeps theirs.
_COLOURS: Final = ("red", "green", "yellow", "blue", "magenta", "cyan", "bright_red", "bright_blue", "bright_magenta")
_MILLISECONDS: Final = 1000
SAMPLED_AGAIN_S: Final = 10.0  # a sample is told of every second: it is said once for each time that it sets in


class Screen(Protocol):
    """Shows what a stream says."""

    def comment(self, data: dict[str, Any]) -> None:
        """Show a comment: `{"commentId","userId","message","timestamp"}`, and `name`, `role` where it has them."""

    def event(self, name: str, data: dict[str, Any]) -> None:
        """Show an event that is no comment."""

    def note(self, text: str) -> None:
        """Say something about the connection."""


class TerminalScreen:
    """For people: colours, the local time, no control characters."""

    def __init__(self) -> None:
        self._sampled_at: float | None = None

    def comment(self, data: dict[str, Any]) -> None:
        """Show a comment as `time author  text`."""
        author = str(data.get("name") or data["userId"])
        role = data.get("role")
        badge = click.style(f" [{harmless(str(role))}]", bold=True) if role in ("host", "moderator") else ""
        colour = _COLOURS[crc32(str(data["userId"]).encode("utf-8", "replace")) % len(_COLOURS)]
        when = time.strftime("%H:%M:%S", time.localtime(data["timestamp"] / _MILLISECONDS))
        click.echo(
            f"{click.style(when, dim=True)} {click.style(harmless(author), fg=colour, bold=True)}{badge}"
            f"  {harmless(str(data['message']))}"
        )

    def event(self, name: str, data: dict[str, Any]) -> None:
        """Show what a viewer should know of; the rest is silent."""
        match name:
            case "sync" if not data.get("complete", True):
                missing = f" ({data['from']} to {data['to']})" if "from" in data and "to" in data else ""
                self.note(f"some comments cannot be shown any more{missing}")
            case "skipped":
                self.note(f"{data.get('count', 'some')} comments were skipped: this terminal is too slow")
            case "poll":
                self.note(
                    "too many viewers for one more stream just now; it is opened, where it ended, when there is room"
                )
            case "delete" if "userId" in data:
                self.note(f"all that {data['userId']} had said was removed")
            case "delete":
                self.note(f"comment {data.get('commentId')} was removed")
            case "state":
                for told in _rules(data):
                    self.note(told)
            case "sampled":
                self._sampled(data)
            case _:
                pass

    def _sampled(self, data: dict[str, Any]) -> None:
        before, self._sampled_at = self._sampled_at, time.monotonic()
        if before is None or self._sampled_at - before > SAMPLED_AGAIN_S:
            share = f"{data.get('shown')} of {data.get('of')} in the last second"
            self.note(f"more is said than anybody can read: a sample of it is shown ({share})")

    def note(self, text: str) -> None:
        """Say it dimly, on standard error, so that what is piped on holds comments only."""
        click.echo(click.style(f"-- {harmless(text)}", dim=True), err=True)


def _rules(state: dict[str, Any]) -> list[str]:
    """Return what the host has changed, a sentence each."""
    told = []
    if "slowModeS" in state:
        slow_s = state["slowModeS"]
        told.append(f"slow mode: a comment every {slow_s} s" if slow_s else "slow mode is off")
    for name, on, off in (
        ("membersOnly", "only members may comment", "everybody may comment"),
        ("paused", "comments are paused", "comments go on"),
        ("ended", "this video is over: it takes no more comments", "this video takes comments again"),
    ):
        if name in state:
            told.append(on if state[name] else off)
    return told


class JsonScreen:
    """For programs: a line of JSON for each event; a comment's as the stream has it, another's with its `event`."""

    def comment(self, data: dict[str, Any]) -> None:
        """Print the comment."""
        click.echo(orjson.dumps(data))

    def event(self, name: str, data: dict[str, Any]) -> None:
        """Print the event, its name first."""
        click.echo(orjson.dumps({"event": name, **data}))

    def note(self, text: str) -> None:
        """Say it on standard error."""
        click.echo(f"-- {harmless(text)}", err=True)
