"""Names of streams and subjects in NATS. A shard `S` is a number, a video `V` is a video id (no dot, no wildcard).

| subject | who says it | what |
|---|---|---|
| `comments.S.V` | writer | a comment, stored by the stream `comments-S` |
| `comments.S.~operators` | writer | what operators did with tokens: for the archive's log |
| `live.S.V` | JetStream | the stored comment again, with its number |
| `sample.S.V` | writer | of a hot video: the comments chosen to be shown, and whose were left out |
| `stored.S` | writer | "numbers up to here are stored": wakes the archiver |
| `archived.S` | archiver | "numbers up to here are in Postgres" |
| `short.S` | who finds out | the shard's stream was found short: its writers stop, and its archiver lifts it |
| `known.S` | writer, archiver | "which is the highest number that you know of?" |
| `audit.S` | writer | which numbers it has acknowledged: the archiver and edges compare |
| `audited.S` | archiver | which of these reports it has compared: archivers that stand by need not, writers forget it |
| `uncompared.S` | archiver | "which of your reports has nobody compared?": it was started, or cut off |
| `audit-again.S` | writer | those reports once more, for archivers alone |
| `setaside.S` | archiver | a message that Postgres cannot hold, kept by the stream `setaside` |
| `viewers.S` | edge | how many viewers it has of each of the shard's videos |
| `moderation.video.S.V` | writer, archiver | the state of a video, kept by the stream `moderation` |
| `moderated.video.S.V` | writer, archiver | what was just added to the state of a video |
| `moderation.revoked.K` | writer | a revocation, kept by the stream `revocations`; `K` stands for what is revoked |
| `moderated.revoked.K` | JetStream | the revocation again, as soon as it is kept |
| `edges` | edge | where viewers can connect to it directly, and how many it has |
| `history.S` | edge, asking history | the part of a replay that JetStream no longer keeps |
"""

from __future__ import annotations

from typing import Literal

SET_ASIDE_STREAM = "setaside"
VIDEO_STATES_STREAM = "moderation"
REVOCATIONS_STREAM = "revocations"
EDGES = "edges"
OPERATORS = "~operators"  # where a video's id stands, and none is: nobody can read it, nor post to it


def stream_name(shard: int) -> str:
    """Return the name of the stream that stores a shard."""
    return f"comments-{shard}"


def comments(shard: int, video: str) -> str:
    """Return the subject on which a comment is stored."""
    return f"comments.{shard}.{video}"


def live(shard: int, video: str) -> str:
    """Return the subject on which JetStream republishes a stored comment."""
    return f"live.{shard}.{video}"


def sample(shard: int, video: str) -> str:
    """Return the subject on which a writer publishes the sample of a hot video."""
    return f"sample.{shard}.{video}"


def stored(shard: int | Literal["*"]) -> str:
    """Return the subject on which a writer says how far a shard is stored."""
    return f"stored.{shard}"


def archived(shard: int | Literal["*"]) -> str:
    """Return the subject on which the archiver says how far a shard is in Postgres."""
    return f"archived.{shard}"


def short(shard: int | Literal["*"]) -> str:
    """Return the subject on which it is said that a shard's stream was found short."""
    return f"short.{shard}"


def known(shard: int | Literal["*"]) -> str:
    """Return the subject on which everybody is asked for the highest number of a shard."""
    return f"known.{shard}"


def audit(shard: int | Literal["*"]) -> str:
    """Return the subject on which a writer says what it has acknowledged."""
    return f"audit.{shard}"


def audited(shard: int | Literal["*"]) -> str:
    """Return the subject on which an archiver says which report it has compared."""
    return f"audited.{shard}"


def uncompared(shard: int | Literal["*"]) -> str:
    """Return the subject on which an archiver asks for the reports that nobody has compared."""
    return f"uncompared.{shard}"


def audit_again(shard: int | Literal["*"]) -> str:
    """Return the subject on which a writer says a report again."""
    return f"audit-again.{shard}"


def lifting(shard: int) -> str:
    """Return the subject that a stream has while it is lifted: nobody says anything there."""
    return f"lifting.{shard}"


def set_aside(shard: int) -> str:
    """Return the subject for messages of a shard that Postgres cannot hold."""
    return f"setaside.{shard}"


def audience(shard: int | Literal["*"]) -> str:
    """Return the subject on which edges say how many viewers they have; `*` for all shards."""
    return f"viewers.{shard}"


def history(shard: int) -> str:
    """Return the subject on which history answers for a shard."""
    return f"history.{shard}"


def video_state(shard: int | Literal["*"], video: str) -> str:
    """Return the subject under which the state of a video is kept; `*` and `*` for all of them."""
    return f"moderation.video.{shard}.{video}"


def moderated_video(shard: int | Literal["*"], video: str) -> str:
    """Return the subject on which it is told what is new in the state of a video; `*` and `*` for all of them."""
    return f"moderated.video.{shard}.{video}"


def revoked(key: str) -> str:
    """Return the subject under which a revocation is kept; `*` for all of them."""
    return f"moderation.revoked.{key}"


def moderated_token(key: str) -> str:
    """Return the subject on which a revocation is told; `*` for all of them."""
    return f"moderated.revoked.{key}"


def video_of(subject: str) -> str:
    """Return the video of a subject that ends with it, as `comments.S.V` and `live.S.V` do."""
    return subject.rsplit(".", 1)[1]
