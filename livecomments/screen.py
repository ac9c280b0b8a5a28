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
            case "delete":
                self.note(f"comment {data.get('commentId')} was deleted")
            case _:
                pass

    def note(self, text: str) -> None:
        """Say it dimly, on standard error, so that what is piped on holds comments only."""
        click.echo(click.style(f"-- {harmless(text)}", dim=True), err=True)


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
