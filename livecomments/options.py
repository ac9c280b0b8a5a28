"""Options that several commands share, and what a video and a user may be called on the command line."""

from __future__ import annotations

from typing import Any

import click

from runtime.tokens import is_user_id
from wire.orders import MAX_USER_ID_CHARACTERS
from wire.problem import Refused
from wire.video import check_video


class Video(click.ParamType[str]):
    """A video id."""

    name = "video"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id when it is one."""
        try:
            return check_video(str(value))
        except Refused as refusal:
            self.fail(f"'{value}': {refusal.detail}", param, ctx)


class User(click.ParamType[str]):
    """A user id, or a user's name."""

    name = "user"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id when it is one."""
        if not is_user_id(str(value)):
            self.fail(f"1 to {MAX_USER_ID_CHARACTERS} characters without controls", param, ctx)
        return str(value)


url_option = click.option(
    "--url",
    metavar="URL",
    help="Address of the service. Default: the gateway of the cluster that runs in LIVECOMMENTS_DATA_DIR.",
)
