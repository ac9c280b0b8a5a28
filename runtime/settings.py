"""The `LIVECOMMENTS_*` environment, read once into one frozen object.

Every limit is a number with its unit last in its name (rates are per second); 0 stands for "no limit" where the
description says so. An unknown name with the prefix is refused, so that a misspelt limit is noticed at start.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX: Final = "LIVECOMMENTS_"
MIN_RETENTION_S: Final = 3600  # nothing younger is ever dropped; `drop_old_block` in migrations/ says the same
MIN_SECRET_BYTES: Final = 32  # RFC 7518, section 3.2: a key of at least the hash's size for HS256
HMAC: Final = "HS256"
TOKEN_ALGORITHMS: Final = (HMAC, "RS256", "ES256", "EdDSA")
MAX_LEEWAY_S: Final = 30

_ORIGIN = re.compile(r"https?://[a-z0-9._-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?", re.ASCII)

Limit = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(ge=0)]


# What pydantic found wrong, as the one who set it would say it.
_MUST: Final = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_parsing": "must be 1 or 0",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be {expected}",
}


class SettingsError(Exception):
    """A setting is unknown, malformed or missing; the message says which and what to do."""


class Settings(BaseSettings):
    """All settings of all parts. Each part reads those it needs."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    # One machine (`livecomments up`).
    port: int = Field(8080, ge=1, le=65535, description="public port of the gateway")
    data_dir: Path = Field(Path(".data"), description="where the cluster keeps its data, secrets and cluster.json")
    edges: int = Field(2, ge=1, le=16, description="edge processes")
    gateway_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses in front of the gateway whose X-Forwarded-For it believes"
    )
    tls_cert_file: Path | None = Field(None, description="certificate chain (PEM): `up` and direct edges serve HTTPS")
    tls_key_file: Path | None = Field(None, description="key (PEM) of that certificate; none: it is in the same file")
    tls_port: int = Field(8443, ge=1, le=65535, description="public port for HTTPS")
    https_only: bool = Field(False, description="the plain port redirects to HTTPS")
    direct: bool = Field(False, description="viewers may connect to the edges of `up` directly")
    guests: bool = Field(False, description="POST /guests gives anybody a token; `up` switches it on, for its page")

    # Every part.
    listen: str = Field("127.0.0.1:0", description="address:port on which a part serves")
    shards: int = Field(4, ge=1, le=1024, description="shards; fixed when a cluster is born")
    nats_url: str = Field("nats://127.0.0.1:4222", description="NATS servers, separated by commas")
    nats_user: str = Field("livecomments", description="user at NATS")
    nats_password_file: Path | None = Field(None, description="file with the password at NATS")
    nats_ca_file: Path | None = Field(None, description="certificates that NATS is checked with; with it, TLS alone")
    nats_operator_password_file: Path | None = Field(
        None, description="with the password of NATS's user `operator`, `streams` spreads streams over the servers"
    )
    postgres_dsn: str = Field("postgresql://127.0.0.1:5432/livecomments", description="Postgres, without a password")
    postgres_password_file: Path | None = Field(None, description="file with the password at Postgres")
    archiver_password_file: Path | None = Field(None, description="`migrate` gives the archiver's role this password")
    history_password_file: Path | None = Field(None, description="`migrate` gives history's role this password")
    web_dir: Path | None = Field(None, description="folder of the page that history serves; none: no page")
    status_page: bool = Field(False, description="the operator's page at /status; `up` switches it on")
    cluster_file: Path | None = Field(None, description="cluster.json: which parts the operator's page asks")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="and all above it")
    trace_dir: Path | None = Field(None, description="folder for traces of comments; none: nothing is traced")
    trace_share: float = Field(0, ge=0, le=1, description="share of comments traced beside those whose client asks so")

    # Who may read and speak.
    token_algorithms: Annotated[tuple[str, ...], NoDecode] = Field(
        (HMAC,), description="signatures accepted: of HS256, RS256, ES256, EdDSA"
    )
    token_secret_file: Path | None = Field(
        None, description="file with the HS256 secret, at least 32 bytes; several, one a line: the first one signs"
    )
    token_keys_file: Path | None = Field(None, description="file with public keys: PEM, or a JSON Web Key Set")
    token_keys_url: str | None = Field(None, description="https address of the issuer's JSON Web Key Set")
    token_keys_refresh_s: float = Field(300, ge=1, description="the keys at that address are read this often")
    token_keys_min_refresh_s: float = Field(
        30, ge=1, description="… and no more often than this, whatever keys tokens name, and while it is away"
    )
    token_keys_stale_s: Rate = Field(86_400, description="while it is away its keys are good this long; 0: for ever")
    token_keys_kept_file: Path | None = Field(
        None, description="where the last keys of that address are kept, for a start while it is away"
    )
    token_leeway_s: float = Field(
        10, ge=0, le=MAX_LEEWAY_S, description="how far the issuer's clock may be off; 30 at most"
    )
    issuer: str | None = Field(None, description="the only `iss` accepted")
    audience: str | None = Field(None, description="the only `aud` accepted")
    public_read: bool = Field(False, description="reading needs no token, and shared caches may keep pages")
    origins: Annotated[tuple[str, ...], NoDecode] = Field((), description="origins whose pages may use the cookie")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="origins whose pages may call this with a token in the header, never a cookie; *: all"
    )
    hsts_s: Limit = Field(0, description="Strict-Transport-Security for this long, where there is HTTPS; 0: none")
    trusted_proxies: str = Field("127.0.0.1", description="addresses whose X-Forwarded-For is believed")

    # Limits; 0 means none.
    user_rate: Rate = Field(2, description="comments a second of one user on one video, in bursts of 10")
    user_total_rate: Rate = Field(10, description="comments a second of one user on all videos")
    video_rate: Rate = Field(0, description="comments a second on one video")
    posts_per_address: Rate = Field(50, description="POSTs a second from one address")
    guests_per_address: Rate = Field(0.5, description="new guests a second from one address, in bursts of 50")
    duplicate_window_s: Rate = Field(0, description="the same text by the same user on a video is refused this long")
    flood_refusals: Limit = Field(60, description="refusals of one user by these limits in a minute, before a pause")
    flood_pause_s: Rate = Field(60, description="how long that pause is, on all videos")
    same_text_rate: Rate = Field(
        0, description="times a second that one text of 20 characters is said on a video, by all"
    )
    requests_per_address: Rate = Field(500, description="requests a second from one address, at the gateway of `up`")
    open_per_address: Limit = Field(
        4000, description="streams of one address open at once, and as many other requests, likewise"
    )
    streams_per_address: Limit = Field(1000, description="open streams from one address, on one edge")
    streams_per_user: Limit = Field(20, description="open streams of one user, on one edge")
    streams_per_edge: Limit = Field(18000, description="open streams on one edge")
    replay_depth: Limit = Field(10_000, description="comments in one replay; above that the newest")
    replay_shared_bytes: Limit = Field(
        64 * 1024**2, description="memory of an edge for pieces of replays that many are read; 0: each is read alone"
    )
    poll_above: Limit = Field(1_000_000, description="viewers of one video, on all edges, above which new ones poll")
    videos_per_edge: Limit = Field(20000, description="channels on one edge, snapshots included")
    readable_rate: Rate = Field(20, description="comments a second shown to a viewer before sampling sets in")
    connections_per_part: Limit = Field(5000, description="connections at one part at once, streams not counted")
    head_bytes: Limit = Field(16_384, description="bytes in the head of a request")
    head_s: Rate = Field(10, description="seconds in which the head of a request has to come")
    stall_s: Rate = Field(30, description="a viewer whose socket takes nothing for this long is closed")

    # What may be said, beside what moderators decide.
    classifier_url: str | None = Field(None, description="asked about each comment before it is taken; none: nobody is")
    classifier_timeout_ms: int = Field(200, ge=1, le=5000, description="how long the classifier has for an answer")
    classifier_open: bool = Field(True, description="comments pass while the classifier fails; 0: they are refused")

    # Streams.
    direct_url: str | None = Field(None, description="public address of this edge, for viewers who connect directly")
    direct_listen: str | None = Field(None, description="address:port on which an edge serves them")
    heartbeat_s: float = Field(15, gt=0, description="a quiet stream is written a comment line this often")
    compress: bool = Field(False, description="streams are compressed, once for all viewers who accept gzip")
    linger_s: float = Field(10, ge=0, description="how long an edge keeps a video after its last viewer")

    # The store.
    archive_wait_ms: int = Field(250, ge=0, description="how long a POST waits for Postgres before it answers 202")
    hold_s: float = Field(10, gt=0, description="how long a comment is held while JetStream is away, before 503")
    key_life_s: int = Field(600, ge=1, description="how long an Idempotency-Key is known")
    keep_s: int = Field(3600, ge=1, description="how long JetStream keeps what is archived; not below KEY_LIFE_S")
    retention_s: Limit = Field(0, description="how long Postgres keeps comments at least; 0: for ever")
    stream_bytes: int = Field(1024**3, ge=1024**2, description="bytes that one shard's stream may hold")
    moderation_bytes: int = Field(
        256 * 1024**2, ge=16 * 1024**2, description="bytes that the states of all moderated videos may take"
    )
    replicas: int = Field(1, ge=1, le=5, description="copies of each stream")

    @field_validator("retention_s")
    @classmethod
    def _long_enough(cls, value: int) -> int:
        if 0 < value < MIN_RETENTION_S:
            raise ValueError(f"must be 0, or at least {MIN_RETENTION_S} (an hour)")
        return value

    @field_validator("token_algorithms")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not set(value) <= set(TOKEN_ALGORITHMS):
            raise ValueError(f"must be some of {', '.join(TOKEN_ALGORITHMS)}, separated by commas")
        return value

    @field_validator("token_keys_url")
    @classmethod
    def _cannot_be_changed_on_its_way(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "https://none.invalid")
        if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))):
            return value
        raise ValueError("must be an https address (http only on this machine): who can change keys can be anybody")

    @field_validator("direct_url")
    @classmethod
    def _is_origin(cls, value: str | None) -> str | None:
        if value is not None and _ORIGIN.fullmatch(value) is None:
            raise ValueError(f"'{value}' is no address like https://edge-1.example.com:8443, without a path")
        return value

    @field_validator("gateway_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network)  # raises ValueError, which says what is wrong
        return value

    @field_validator("origins", "cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for origin in value:
            if origin == "*" and info.field_name == "cors_origins":
                continue
            if _ORIGIN.fullmatch(origin) is None:
                raise ValueError(f"'{origin}' is no origin like https://example.com, without a path or a '*'")
        return value

    @field_validator("origins", "cors_origins", "token_algorithms", "gateway_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(one.strip() for one in value.split(",") if one.strip()) if isinstance(value, str) else value

    def secret(self, name: str) -> str | None:
        """Return what the file of the setting `name` holds, without the line's end; None when it is not set.

        Raises `SettingsError` when the file cannot be read or is empty.
        """
        path: Path | None = getattr(self, name)
        if path is None:
            return None
        try:
            text = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{PREFIX}{name.upper()}={path}: {error.strerror}") from None
        if not text:
            raise SettingsError(f"{PREFIX}{name.upper()}={path}: the file is empty")
        return text

    @property
    def listen_address(self) -> tuple[str, int]:
        """Return `listen` as host and port. Raises `SettingsError` when it is not of that form."""
        return _address("LISTEN", self.listen)

    @property
    def direct_address(self) -> tuple[str, int] | None:
        """Return `direct_listen` likewise, None where there is none. Raises `SettingsError` where half of it is set."""
        if (self.direct_listen is None) != (self.direct_url is None):
            raise SettingsError(f"{PREFIX}DIRECT_URL and {PREFIX}DIRECT_LISTEN go together: set both, or neither")
        return None if self.direct_listen is None else _address("DIRECT_LISTEN", self.direct_listen)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: `localhost`, or an address of the loopback."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(name: str, value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"{PREFIX}{name}={value}: must be address:port, like 127.0.0.1:9000")
    return host.strip("[]"), int(port)


def read_settings() -> Settings:
    """Return the settings that the environment names. Raises `SettingsError`, one line for the first thing wrong."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else "; see 'livecomments settings'"
            raise SettingsError(f"unknown setting {name}{hint}")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{PREFIX}{first['loc'][0]}".upper() if first["loc"] else PREFIX
        raise SettingsError(f"{name}={os.environ.get(name, '')}: {_must(first)}") from None


def _must(error: ErrorDetails) -> str:
    """Return in plain words what a value must be."""
    given = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(given["error"])  # our own words already
    template = _MUST.get(error["type"])
    if template is None:
        return error["msg"]
    return template.format_map({name: f"{one:g}" if isinstance(one, float) else one for name, one in given.items()})
