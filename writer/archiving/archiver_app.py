"""The archiver as a process: every shard's way from JetStream into Postgres, and its health."""

from __future__ import annotations

import contextlib
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from runtime import jetstream, postgres
from runtime.background import Background
from runtime.jetstream import Reader
from runtime.marks import Marks
from runtime.service import Service, make_app
from runtime.settings import Settings
from runtime.streams import check_shards
from runtime.video_states import VideoStates
from wire import subjects
from wire.mark import Claim, decode_number
from writer.archive_watch import ArchiveWatch
from writer.archiving import setting_aside
from writer.archiving.archive_lag import LagWatch
from writer.archiving.archiver import ShardArchiver
from writer.archiving.copies_watch import CopiesWatch
from writer.archiving.fill_watch import FillWatch
from writer.archiving.retention import Retention

NAME: Final = "archiver"
STOP_TIMEOUT_S: Final = 2 * postgres.CLOSE_TIMEOUT_S


def make_service(settings: Settings) -> Service:
    """Return the archiver."""
    return ArchiverService(settings)


class ArchiverService:
    """A task for each shard, one that watches the lag, and one connection to NATS that they share."""

    name = NAME

    def __init__(self, settings: Settings) -> None:
        self.app = make_app(NAME)
        self._settings = settings
        self._connection: Client | None = None
        self._archivers: list[ShardArchiver] = []
        self._background = Background()

    async def start(self) -> None:
        """Connect to NATS and begin; Postgres may come later.

        Raises `SettingsError` when the streams are not those of this cluster, `StoreAwayError` without NATS.
        """
        connection = await jetstream.connect(self._settings, NAME, on_reconnect=self._reconnected)
        self._connection = connection
        try:
            await check_shards(connection, self._settings)
        except BaseException:
            await self.stop()
            raise
        reader = Reader(connection)
        await reader.start()
        marks = Marks(connection, self._settings.shards, self._claimed)
        states = VideoStates(connection, self._settings.shards)  # only to add to them
        for shard in range(self._settings.shards):
            archiver = ShardArchiver(connection, reader, marks, states, self._settings, shard)
            self._archivers.append(archiver)
            await connection.subscribe(subjects.stored(shard), cb=self._stored)
            await connection.subscribe(subjects.audit(shard), cb=self._reported)
            await connection.subscribe(subjects.audit_again(shard), cb=self._reported)
            await connection.subscribe(subjects.audited(shard), cb=self._compared)
            await connection.subscribe(subjects.set_aside(shard), cb=self._set_aside)
            await archiver.audit.ask()
            self._background.begin(f"archiver-{shard}", archiver.run)
        await marks.start()
        if self._settings.retention_s:
            self._background.begin("retention", Retention(self._settings, self._archivers).run)
        self._background.begin("fill", FillWatch(connection).run)
        self._background.begin("copies", CopiesWatch(connection, self._settings.shards).run)
        watch = ArchiveWatch(self._settings.shards, 0)
        await watch.start(connection)
        self._background.begin("lag", LagWatch(reader, self._archivers, watch.through).run)

    async def drain(self) -> None:
        """Nothing is open here."""

    async def stop(self) -> None:
        """Stop archiving: a batch under way is stored whole or not at all."""
        await self._background.stop(STOP_TIMEOUT_S)
        if self._connection is not None:
            await jetstream.close(self._connection)

    def not_ready(self) -> str | None:
        """Return what is not connected."""
        if self._connection is None or not self._connection.is_connected:
            return "NATS is away"
        away = [str(archiver.shard) for archiver in self._archivers if not archiver.connected]
        return f"Postgres is away for shards {', '.join(away)}" if away else None

    async def _stored(self, message: Msg) -> None:
        self._of(message).wake()

    # Also where another archiver has the turn: this one may be the next.

    async def _reported(self, message: Msg) -> None:
        self._of(message).audit.heard(message.data)

    async def _compared(self, message: Msg) -> None:
        self._of(message).audit.compared(message.data)

    async def _set_aside(self, message: Msg) -> None:
        with contextlib.suppress(ValueError):  # not one of ours
            number = decode_number((message.headers or {}).get(setting_aside.NUMBER, "").encode())
            self._of(message).audit.not_comparable(number)

    def _of(self, message: Msg) -> ShardArchiver:
        return self._archivers[int(message.subject.rsplit(".", 1)[1])]

    def _claimed(self, shard: int, claim: Claim) -> None:
        self._archivers[shard].claimed(claim)

    async def _reconnected(self) -> None:
        for archiver in self._archivers:
            archiver.reconnected()
            await archiver.audit.ask()
