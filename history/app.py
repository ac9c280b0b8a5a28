"""History as a service: pages over HTTP, replays over NATS, and the page at `/`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from history.archive import Archive
from history.metrics import LAG_SECONDS
from history.moderation import Moderation
from history.newest import Newest
from history.pages import Pages
from history.replays import ReplayAnswers
from history.replica_lag import ReplicaLag
from history.status import Status
from history.web import Web
from runtime import jetstream
from runtime.background import Background
from runtime.cancelling import end_if_cancelled
from runtime.credentials import Credentials
from runtime.jetstream import Reader, StoreError
from runtime.logs import get_logger
from runtime.postgres import ArchiveAwayError
from runtime.revocations import Revocations
from runtime.service import Service, make_app
from runtime.settings import Settings, SettingsError
from runtime.tokens import Tokens
from wire import subjects
from wire.mark import decode_number

NAME: Final = "history"
LAG_INTERVAL_S: Final = 2.0  # between two looks at how far what is read is behind
RETRY_S: Final = 0.5  # until Postgres is reached for the first time
# For revocations to be read, before the port opens: they are, within some milliseconds, unless NATS is away. Without
# them pages are served to those alone who need no token.
REVOCATIONS_WAIT_S: Final = 1.0

_log = get_logger(NAME)


def make_service(settings: Settings) -> Service:
    """Return history. Raises `SettingsError`."""
    return History(settings)


class History:
    """Starts whether Postgres and NATS are there or not.

    Pages need only the one, replays the other too; and so do pages for which a token is brought, until it was heard
    once which tokens were revoked.
    """

    name = NAME

    def __init__(self, settings: Settings) -> None:
        self.app = make_app(NAME)
        self._settings = settings
        self._archive = Archive(settings)
        self._lag = ReplicaLag()
        self._replays = ReplayAnswers(self._archive, settings.shards)
        self._connection: Client | None = None
        self._revocations: Revocations | None = None
        self._has_asked = asyncio.Event()  # for revocations, whether there was an answer or not
        self._background = Background()
        credentials = self._credentials = Credentials(settings, Tokens(settings))
        self._moderation = Moderation(credentials, self._archive, settings.shards)
        self._moderation.add_routes(self.app)
        self._pages = Pages(settings, self._archive, credentials, self._moderation)
        self._pages.add_routes(self.app)
        if settings.web_dir is not None:
            if not (settings.web_dir / "index.html").is_file():
                raise SettingsError(f"LIVECOMMENTS_WEB_DIR={settings.web_dir}: there is no index.html in it")
            Web(settings.web_dir, status_page=settings.status_page).add_routes(self.app)
        self._status: Status | None = None
        if settings.status_page:
            if settings.cluster_file is None:
                raise SettingsError("LIVECOMMENTS_STATUS_PAGE=1 needs LIVECOMMENTS_CLUSTER_FILE: which parts there are")
            self._status = Status(settings.cluster_file, settings.origins)
            self._status.add_routes(self.app)

    async def start(self) -> None:
        """Look for Postgres, and begin. Raises `SettingsError` when the cluster has another number of shards."""
        await self._archive.open()
        try:
            await self._archive.check()
        except ArchiveAwayError:
            self._background.begin("check", self._check_later)
        self._background.begin("replays", self._serve_replays)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REVOCATIONS_WAIT_S):
                await self._has_asked.wait()
        self._background.begin("lag", self._watch_lag)
        if self._status is not None:
            self._background.begin("status", self._status.keep)

    async def drain(self) -> None:
        """Stop answering edges: they ask another history."""
        if self._connection is not None:
            await jetstream.close(self._connection)

    async def stop(self) -> None:
        """Close everything."""
        await self._background.stop()
        await self._replays.stop()
        if self._status is not None:
            await self._status.stop()
        await self.drain()
        await self._archive.close()

    def not_ready(self) -> str | None:
        """Return why this is not history yet.

        Once it is, it stays so: while Postgres is away it is this part that has to tell clients, and it has the page.
        """
        return None if self._archive.reached else "Postgres was not reached yet"

    async def _check_later(self) -> None:
        while not self._archive.reached:
            end_if_cancelled()
            await asyncio.sleep(RETRY_S)
            try:
                await self._archive.check()
            except ArchiveAwayError:
                continue
            except SettingsError as error:
                _log.error("cannot serve pages", error=str(error))

    async def _serve_replays(self) -> None:
        while self._connection is None:
            end_if_cancelled()
            try:
                self._connection = await jetstream.connect(self._settings, NAME, on_reconnect=self._reconnected)
            except (StoreError, OSError) as error:
                _log.warning("no replays for edges", error=str(error))
                await asyncio.sleep(RETRY_S)
        await self._moderation.start(self._connection)
        revocations = self._revocations = Revocations(self._connection, self._settings)
        await revocations.start()
        self._credentials.is_revoked = revocations.hold
        self._has_asked.set()
        await self._replays.start(self._connection)
        await self._connection.subscribe(subjects.archived("*"), cb=self._archived)
        reader = Reader(self._connection)
        await reader.start()
        self._pages.newest = Newest(reader)
        self._background.begin("revocations", revocations.run)

    async def _reconnected(self) -> None:
        self._moderation.reconnected()
        if self._revocations is not None:
            self._revocations.reconnected()

    async def _archived(self, message: Msg) -> None:
        with contextlib.suppress(ValueError):
            shard, through = int(message.subject.rsplit(".", 1)[1]), decode_number(message.data)
            self._pages.archived(shard, through)
            self._lag.announced(shard, through, time.monotonic())

    async def _watch_lag(self) -> None:
        while True:
            end_if_cancelled()
            await asyncio.sleep(LAG_INTERVAL_S)
            with contextlib.suppress(ArchiveAwayError):
                LAG_SECONDS.set(self._lag.behind_s(await self._archive.positions(), time.monotonic()))
