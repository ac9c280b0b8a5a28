"""`livecomments revoke`: takes tokens away, at once and everywhere."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote

import click

from livecomments.cluster_here import public_url, token_issuer
from livecomments.durations import Duration
from livecomments.options import User
from runtime.settings import read_settings

OPERATOR: Final = "operator"
OPERATORS_TOKEN_S: Final = 60
TIMEOUT_S: Final = 10


@click.command()
@click.option("--user", type=User(), help="All tokens that this user was given until now.")
@click.option("--token", type=User(), help="The one token with this id, its claim 'jti'.")
@click.option("--for", "for_s", type=Duration(), help="How long the longest of them is still good. Default: 30 days.")
@click.option("--reason", help="For the log.")
@click.option("--lift", is_flag=True, help="Lift a revocation instead.")
@click.option("--url", help="The cluster's address. Default: the one that runs here.")
def revoke(
    user: str | None, token: str | None, for_s: int | None, reason: str | None, url: str | None, *, lift: bool
) -> None:
    """Take tokens away, at once and everywhere.

    \b
    Examples:
      livecomments revoke --user mallory
      livecomments revoke --token 5f0c8e3a7b1d2946 --for 1h
    """  # noqa: D301  click reads the \b
    if (user is None) == (token is None):
        raise click.UsageError("Give either --user or --token.")
    settings = read_settings()
    place = f"users/{quote(user, safe='')}" if user is not None else f"tokens/{quote(token or '', safe='')}"
    body = {name: value for name, value in (("forS", for_s), ("reason", reason)) if value is not None}
    address = f"{public_url(settings, url)}/revocations/{place}"
    by = token_issuer(settings).issue(OPERATOR, OPERATORS_TOKEN_S, role="host", videos=["*"])
    asyncio.run(_ask("DELETE" if lift else "PUT", address, by, body))
    click.echo("lifted" if lift else "revoked")


async def _ask(method: str, address: str, token: str, body: dict[str, Any]) -> None:
    import aiohttp  # noqa: PLC0415  `--help` does without it
    from yarl import URL  # noqa: PLC0415

    headers = {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout, headers=headers) as web,
        web.request(method, URL(address, encoded=True), json=body or None) as answer,
    ):
        if answer.status != 200:
            document = await answer.json(content_type=None)
            raise click.ClickException(f"refused ({answer.status} {document.get('code')}): {document.get('detail')}")
