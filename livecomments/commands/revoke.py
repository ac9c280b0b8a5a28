"""`livecomments revoke`: takes tokens away, at once and everywhere."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import click

from livecomments.client import Client, RefusedError, reason_of
from livecomments.cluster_here import public_url, token_issuer
from livecomments.durations import Duration
from livecomments.options import User, url_option
from runtime.settings import read_settings

OPERATOR: Final = "operator"
OPERATORS_TOKEN_S: Final = 60


@click.command()
@click.option("--user", type=User(), help="All tokens that this user was given until now.")
@click.option("--token", metavar="ID", type=User(), help="The one token with this id, its claim 'jti'.")
@click.option("--for", "for_s", type=Duration(), help="How long the longest of them is still good. Default: 30 days.")
@click.option("--reason", help="For the log.")
@click.option("--lift", is_flag=True, help="Lift a revocation instead.")
@url_option
def revoke(
    user: str | None, token: str | None, for_s: int | None, reason: str | None, url: str | None, *, lift: bool
) -> None:
    """Take tokens away, at once and everywhere.

    Their streams end, and everything else is answered 401. What the user is given from then on is good again: a ban is
    something else. Signed with the secret of the cluster in LIVECOMMENTS_DATA_DIR (or with the one that
    LIVECOMMENTS_TOKEN_SECRET_FILE names).

    \b
    Examples:
      livecomments revoke --user mallory
      livecomments revoke --token 5f0c8e3a7b1d2946 --for 1h
      livecomments revoke --user mallory --lift
    """  # noqa: D301  click reads the \b
    if (user is None) == (token is None):
        raise click.UsageError("Give either --user or --token.")
    settings = read_settings()
    place = f"users/{quote(user, safe='')}" if user is not None else f"tokens/{quote(token or '', safe='')}"
    body = {name: value for name, value in (("forS", for_s), ("reason", reason)) if value is not None}
    by = token_issuer(settings).issue(OPERATOR, OPERATORS_TOKEN_S, role="host", videos=["*"])
    asyncio.run(_ask(public_url(settings, url), place, by, body, lift=lift))
    click.echo("lifted" if lift else "revoked")


async def _ask(url: str, place: str, token: str, body: dict[str, Any], *, lift: bool) -> None:
    async with Client(url) as client:
        try:
            await client.revoke(place, token, body, lift=lift)
        except RefusedError:
            raise
        except (aiohttp.ClientError, TimeoutError) as error:
            raise click.ClickException(f"{client.url} is not reachable: {reason_of(error)}") from None
