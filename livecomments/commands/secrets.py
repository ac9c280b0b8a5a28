"""`livecomments secrets`: the generated secrets of a cluster of containers, each part's in a folder of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from cluster import passwords

KEPT: Final = "kept"  # the folder with all of them, which no part has
_READABLE: Final = 0o444  # a part reads them as a user of its own; its folder is closed to all other parts


class Share(click.ParamType[tuple[str, tuple[str, ...]]]):
    """`PART:NAME,NAME`: which secrets a part is given."""

    name = "share"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[str, ...]]:
        """Return the part and the names. Fails for anything else."""
        part, _, names = str(value).partition(":")
        listed = tuple(names.split(","))
        if not all(name.replace("_", "").replace("-", "").isalnum() for name in (part, *listed)) or part == KEPT:
            self.fail(f"'{value}' is not of the form PART:NAME,NAME", param, ctx)
        return part, listed


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("shares", nargs=-1, required=True, type=Share(), metavar="PART:NAME,NAME...")
def secrets(folder: Path, shares: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    """Make the secrets of a cluster of containers, and give each part those that it needs.

    FOLDER/kept gets a file for each NAME that is not there yet; FOLDER/PART gets copies of those that the part is to
    have, and loses all others. A second run changes nothing. compose.yaml runs it first, with volumes as the folders;
    whoever has secrets of their own puts them into FOLDER/kept before.

    \b
    Example:
      livecomments secrets /secrets writer:token,nats_writer edge:token,nats_edge
    """  # noqa: D301  click reads the \b
    (folder / KEPT).mkdir(mode=0o700, exist_ok=True)
    for part, names in shares:
        given = folder / part
        given.mkdir(exist_ok=True)
        for name in names:
            _give(given / name, passwords.kept(folder / KEPT / name).read_bytes())
        for file in given.iterdir():
            if file.name not in names:
                file.unlink()
    click.echo(f"the secrets of {len(shares)} parts are there")


def _give(file: Path, secret: bytes) -> None:
    if file.exists() and file.read_bytes() == secret:
        return
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READABLE), "wb") as opened:
        opened.write(secret)
        os.fchmod(opened.fileno(), _READABLE)
    new.rename(file)
