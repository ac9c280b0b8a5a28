"""The command `livecomments`: a group whose commands are imported only when they are run.

Every expected failure is one line on standard error and exit status 1; a wrong call is status 2, Ctrl-C in the middle
of something 130.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import Any, Final

import click

INTERRUPTED: Final = 130  # as shells have it: 128 and the number of SIGINT

# name: (module under livecomments.commands and the command's name in it, what the list of commands says)
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "up": ("up:up", "Run the whole system on this machine, until Ctrl-C."),
    "token": ("token:token", "Print a token, and nothing else."),
    "revoke": ("revoke:revoke", "Take tokens away, at once and everywhere."),
    "watch": ("watch:watch", "Show a video's comments as they come, until Ctrl-C."),
    "replay": ("replay:replay", "Post a chat log to a video, as its authors and at its pace."),
    "trace": ("trace:trace", "Say where the time of a comment goes, from its POST to a viewer's socket."),
    "bench": ("bench:bench", "Measure what it costs and how fast it is, beside other servers and earlier runs."),
    "capacity": ("capacity:capacity", "Compute how many machines a load takes, and what breaks first."),
    "settings": ("settings:settings", "List every setting: its name, its value now, its default, and what it does."),
    "secrets": (
        "secrets:secrets",
        "Make the secrets of a cluster of containers, and give each part those that it needs.",
    ),
    "migrate": ("migrate:migrate", "Bring the database up to date."),
    "streams": ("streams:streams", "Create the streams in NATS, or bring them up to date."),
    "writer": ("parts:writer", "Run a writer: takes comments and stores them in JetStream."),
    "archiver": ("parts:archiver", "Run an archiver: copies the streams into Postgres."),
    "edge": ("parts:edge", "Run an edge: streams comments to viewers."),
    "history": ("parts:history", "Run a history server: pages out of Postgres."),
}

# Failures that a person can act on: module and name, so that nothing is imported only to be caught. Where the module
# was never imported, nothing of it can have been raised.
_EXPECTED: Final = (
    ("runtime.settings", "SettingsError"),
    ("runtime.jetstream", "StoreError"),
    ("runtime.postgres", "ArchiveAwayError"),
    ("cluster.errors", "ClusterError"),
    ("asyncpg", "PostgresError"),
    ("asyncpg", "InterfaceError"),
    ("nats.errors", "Error"),
    ("aiohttp", "ClientError"),
    ("wire.problem", "Refused"),
)


class LazyGroup(click.Group):
    """A group of `COMMANDS` that imports a command when it is needed and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which a newcomer needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name, None if there is none."""
        del ctx
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry[0].partition(":")
        command = getattr(importlib.import_module(f"livecomments.commands.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called. A misspelt one is told what it may have meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise click.UsageError(f"There is no command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and turn an expected failure into one line."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None  # whoever pressed Ctrl-C knows: there is nothing to say
        except Exception as error:
            reason = failure_line(error)
            if reason is None:
                raise
            raise click.ClickException(reason) from None


def failure_line(error: Exception) -> str | None:
    """Return the one line that tells of an expected failure, None for one that is a defect of this program."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    expected = tuple(
        kind for module, name in _EXPECTED if (kind := getattr(sys.modules.get(module), name, None)) is not None
    )
    if not isinstance(error, (*expected, OSError, TimeoutError)):
        return None
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="livecomments", message="livecomments %(version)s")
def main() -> None:
    """Live comments for live video.

    'livecomments up' runs everything on this machine. Settings are LIVECOMMENTS_* environment variables;
    'livecomments settings' lists them.
    """
