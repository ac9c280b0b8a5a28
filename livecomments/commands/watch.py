"""`livecomments watch`: a video's comments in the terminal, as they come."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Any, Final, TextIO

import aiohttp
import click

from livecomments.client import Client, Interrupted, Opened, RefusedError, reason_of
from livecomments.cluster_here import has_secret, public_url, token_issuer
from livecomments.options import User, Video, url_option
from livecomments.screen import JsonScreen, Screen, TerminalScreen
from runtime.settings import Settings, read_settings
from wire.page import MAX_LIMIT
from wire.sse import Event

TOKEN_TTL_S: Final = 3600  # each time the stream is opened again it gets a new token


@click.command()
@click.argument("video", type=Video())
@url_option
@click.option(
    "--user", default="terminal", show_default=True, type=User(), help="Who watches: the token is this user's."
)
@click.option("--token-file", type=click.File(), help="Read the token from this file ('-': standard input).")
@click.option("--since", type=click.IntRange(min=0), metavar="ID", help="Begin after the comment with this id.")
@click.option(
    "--last",
    default=20,
    show_default=True,
    type=click.IntRange(0, MAX_LIMIT),
    help="Begin with this many of the newest comments, where --since is not given.",
)
@click.option("--direct", is_flag=True, help="Connect to the edge that has the video, where the server offers that.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each event, for other programs.")
def watch(
    *,
    video: str,
    url: str | None,
    user: str,
    token_file: TextIO | None,
    since: int | None,
    last: int,
    direct: bool,
    as_json: bool,
) -> None:
    """Show a video's comments as they come, until Ctrl-C.

    A connection that is lost is opened again where it ended, so nothing is missed and nothing shown twice. Comments go
    to standard output, remarks about the connection to standard error.

    \b
    Examples:
      livecomments watch demo
      livecomments watch demo --since 0
      livecomments watch demo --json | jq -r .message
      livecomments watch demo --url https://comments.example --token-file token.txt
    """  # noqa: D301  click reads the \b
    settings = read_settings()
    address = public_url(settings, url)
    screen: Screen = JsonScreen() if as_json else TerminalScreen()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may not know emoji
    token = _token_source(settings, user, token_file)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Viewer(video, screen, token).watch(address, since, last, direct=direct))


def _token_source(settings: Settings, user: str, token_file: TextIO | None) -> Callable[[], str | None]:
    """Return what gives the token for a connection; None where there is neither a file nor a secret here."""
    if token_file is not None:
        given = token_file.read().strip()
        if not given:
            raise click.ClickException(f"{token_file.name}: there is no token in it")
        return lambda: given
    if not has_secret(settings):
        return lambda: None  # reading may be public there
    issuer = token_issuer(settings)
    return lambda: issuer.issue(user, TOKEN_TTL_S)


class Viewer:
    """Follows one video: the newest page first, then the stream from there on."""

    def __init__(self, video: str, screen: Screen, token: Callable[[], str | None]) -> None:
        self._video = video
        self._screen = screen
        self._token = token
        self._newest_shown = 0
        self._interrupted = False
        self._was_connected = False

    async def watch(self, url: str, since: int | None, last: int, *, direct: bool = False) -> None:
        """Show comments for ever. Raises `RefusedError`, or an error of aiohttp when the server is not there at all."""
        async with Client(url, direct=direct) as client:
            position = str(since) if since is not None else await self._newest_page(client, last)
            async with contextlib.aclosing(client.follow(self._video, self._token, position)) as events:
                async for event in events:
                    self.show(event)

    async def _newest_page(self, client: Client, last: int) -> str:
        """Show the newest comments, and return the position from which the stream goes on without a hole."""
        try:
            page = await client.page(self._video, self._token(), limit=max(1, last))
        except RefusedError as refusal:
            if refusal.status < 500:
                raise
            self._screen.note("the newest comments cannot be read for the moment; showing what comes from now on")
            return ""
        except (aiohttp.ClientError, TimeoutError) as error:
            raise click.ClickException(f"{client.url} is not reachable: {reason_of(error)}") from None
        items = page["comments"]
        for item in reversed(items[:last]):
            self._show_item(item)
        self._newest_shown = int(items[0]["id"]) if items else 0
        return str(self._newest_shown)  # 0 comes before every comment: where there is none yet, nothing is missed

    def _show_item(self, item: dict[str, Any]) -> None:
        if not item.get("deleted"):
            self._screen.comment({"commentId": item["id"], **{key: item[key] for key in item if key != "id"}})

    def show(self, event: Event | Opened | Interrupted) -> None:
        """Show what has come, whatever it is."""
        match event:
            case Interrupted():
                if not self._interrupted:  # once for each time that it is away, not for each attempt
                    self._screen.note(f"{event.reason}; trying again")
                self._interrupted = True
            case Opened():
                if self._interrupted:
                    self._screen.note("connected again")
                elif not self._was_connected:
                    self._screen.note(f"connected: what is said on {self._video} follows as it is said")
                self._was_connected, self._interrupted = True, False
            case Event(name="message"):
                data = event.json()
                number = int(data["commentId"])
                if number > self._newest_shown:  # a server that repeats itself is not shown to
                    self._newest_shown = number
                    self._screen.comment(data)
            case Event():
                self._screen.event(event.name, event.json())
