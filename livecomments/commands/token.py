"""`livecomments token`: a token for the cluster in the data directory."""

from __future__ import annotations

import click

from livecomments.cluster_here import token_issuer
from livecomments.durations import Duration
from livecomments.options import User, Video
from runtime.settings import read_settings

EVERY_VIDEO = "*"


class VideoOrAll(Video):
    """A video id, or '*'."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id when it is one, or '*'."""
        return EVERY_VIDEO if value == EVERY_VIDEO else super().convert(value, param, ctx)


@click.command()
@click.option("--user", required=True, type=User(), help="The user's id: what comments are signed with.")
@click.option("--name", type=User(), help="A name to show in place of the id.")
@click.option(
    "--role",
    type=click.Choice(["viewer", "moderator", "host"]),
    help="What the user may do. Default: viewer. Counts for the videos listed, or for all where none is.",
)
@click.option(
    "--video",
    "videos",
    multiple=True,
    type=VideoOrAll(),
    help="A video that the token is good for; may be given several times. Default: all of them.",
)
@click.option("--member", is_flag=True, help="A member's token, on the videos listed, or on all where none is.")
@click.option("--ttl", default="1h", show_default=True, type=Duration(), help="How long it is good: 90s, 15m, 1h, 7d.")
def token(user: str, name: str | None, role: str | None, videos: tuple[str, ...], ttl: int, *, member: bool) -> None:
    """Print a token, and nothing else.

    It is signed with the secret of the cluster in LIVECOMMENTS_DATA_DIR (or with the one that
    LIVECOMMENTS_TOKEN_SECRET_FILE names), so the cluster need not run.

    \b
    Examples:
      livecomments token --user alice
      livecomments token --user bob --name "Bob the host" --role host --video demo --ttl 7d
      TOKEN=$(livecomments token --user alice)
      curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/comments/demo
    """  # noqa: D301  click reads the \b
    tokens = token_issuer(read_settings())
    listed = list(videos)
    if not listed and (member or role not in (None, "viewer")):
        listed = [EVERY_VIDEO]  # a role counts only where the token lists the video, or '*'
    click.echo(tokens.issue(user, ttl, name=name, role=role, videos=listed or None, member=member or None))
