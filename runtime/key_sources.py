"""Where the keys for tokens come from, and that they stay fresh: files that change, and an issuer's address.

Files are looked at once a second, when a token comes to be checked, and read again when they have changed. The address
is read in a thread of its own, so that nobody waits for an issuer who is slow or away; what it said last stays good
meanwhile. A source that has become unreadable, or holds a weak key, changes nothing: the log says so.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from runtime.logs import get_logger
from runtime.metrics import KEY_READS_FAILED, KEY_READS_OK, TOKEN_KEYS
from runtime.settings import HMAC, PREFIX, Settings, SettingsError
from runtime.token_keys import Key, KeyRefusedError, KeySet, read_keys, read_published_keys, read_secrets

LOOK_EVERY_S: Final = 1.0
FETCH_LIMIT_S: Final = 5.0  # for the whole of an issuer's answer
MAX_ANSWER_BYTES: Final = 256 * 1024
MAX_FILE_BYTES: Final = 1024 * 1024

_Mark = tuple[int, int, int] | None  # of a file: another one means that it has changed

_log = get_logger("keys")


class KeySources:
    """All keys that are good now, as `keys`; `look` brings them up to date. Used by one thread."""

    def __init__(self, settings: Settings) -> None:
        """Read the files, and begin to read the address. Raises `SettingsError` for what is missing, weak or broken."""
        self._allowed = frozenset(settings.token_algorithms)
        self._files = [
            _File("token_secret_file", path, read_secrets)
            for path in (settings.token_secret_file,)
            if path is not None and HMAC in self._allowed
        ]
        if settings.token_keys_file is not None:
            self._files.append(_File("token_keys_file", settings.token_keys_file, read_keys))
        self._address = _Address(settings) if settings.token_keys_url is not None else None
        self._look_at_s = time.monotonic() + LOOK_EVERY_S
        for file in self._files:
            file.read()
        self.keys = self._together()
        self._check()

    @property
    def is_waiting(self) -> bool:
        """Whether the issuer's keys have not been had yet: nobody can say whether a token of his is good."""
        return self._address is not None and self._address.keys is None

    def look(self, now_s: float) -> bool:
        """Bring `keys` up to date if that is due; return whether they have changed. `now_s` is a monotonic clock's."""
        if now_s < self._look_at_s and not (self._address is not None and self._address.has_news):
            return False
        self._look_at_s = now_s + LOOK_EVERY_S
        for file in self._files:
            file.read_if_changed()
        if self._address is not None:
            self._address.look(now_s)
        keys = self._together()
        if keys == self.keys:
            return False
        self.keys = keys
        _log.info("keys for tokens have changed", keys=len(keys.keys))
        return True

    def not_withdrawn(self) -> frozenset[Key]:
        """Return the keys that are good, and those that are not only because their issuer cannot be asked."""
        return frozenset((*self.keys.keys, *(self._address.let_go if self._address is not None else ())))

    def ask_again(self, now_s: float) -> Future[None] | None:
        """Read the address now, because a token names a key that nobody knows; done when it has been read.

        None when there is no address, or it was read so lately that it is not read again.
        """
        return self._address.ask_again(now_s) if self._address is not None else None

    def _together(self) -> KeySet:
        found = [key for file in self._files for key in file.keys]
        if self._address is not None:
            found += self._address.keys or []
        keys = KeySet(key for key in found if key.algorithm in self._allowed)
        TOKEN_KEYS.set(len(keys.keys))
        return keys

    def _check(self) -> None:
        """See that there can be a key for each algorithm that is allowed, and no file for none of them."""
        if HMAC in self._allowed and not any(key.algorithm == HMAC for key in self.keys.keys):
            raise SettingsError(
                f"{PREFIX}TOKEN_SECRET_FILE is not set: name a file with a secret of 32 bytes"
                + ("" if self._allowed == {HMAC} else f", or take {HMAC} out of {PREFIX}TOKEN_ALGORITHMS")
            )
        if self._address is not None:
            return
        missing = sorted(self._allowed - {key.algorithm for key in self.keys.keys})
        if missing:
            raise SettingsError(
                f"{PREFIX}TOKEN_ALGORITHMS: there is no key for {', '.join(missing)}: name a file with one in "
                f"{PREFIX}TOKEN_KEYS_FILE, or its address in {PREFIX}TOKEN_KEYS_URL"
            )


class _File:
    """A file of keys."""

    def __init__(self, setting: str, path: Path, parse: Callable[[str], list[Key]]) -> None:
        self._setting = f"{PREFIX}{setting.upper()}"
        self._path = path
        self._parse = parse
        self._mark: _Mark = None
        self._told = ""  # what was wrong with it last time
        self.keys: list[Key] = []

    def read(self) -> None:
        """Read it. Raises `SettingsError`."""
        mark = self._mark_now()
        try:
            self.keys = self._parse(self._text())
        except OSError as error:
            raise SettingsError(f"{self._setting}={self._path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"{self._setting}={self._path}: the file is not text") from None
        except KeyRefusedError as error:
            # Without the path where the secret itself is at fault, as it always was.
            raise SettingsError(f"{self._setting}: {error}") from None
        self._mark, self._told = mark, ""

    def _text(self) -> str:
        if self._path.stat().st_size > MAX_FILE_BYTES:
            raise KeyRefusedError("the file is larger than a megabyte")
        text = self._path.read_text(encoding="utf-8").strip()
        if not text:
            raise KeyRefusedError("the file is empty")
        return text

    def read_if_changed(self) -> None:
        """Read it again if it has changed; while it cannot be used, its last keys stay."""
        if self._mark_now() == self._mark:
            return
        try:
            self.read()
            KEY_READS_OK.inc()
        except SettingsError as error:
            if str(error) != self._told:
                self._told = str(error)
                KEY_READS_FAILED.inc()
                _log.error("keys cannot be read again, and stay as they were", reason=self._told)

    def _mark_now(self) -> _Mark:
        try:
            state = self._path.stat()
        except OSError:
            return None
        return (state.st_mtime_ns, state.st_size, state.st_ino)


class _Address:
    """An issuer's JSON Web Key Set, read in a thread, one at a time."""

    def __init__(self, settings: Settings) -> None:
        assert settings.token_keys_url is not None
        self._url = settings.token_keys_url
        self._every_s = settings.token_keys_refresh_s
        self._at_most_every_s = settings.token_keys_min_refresh_s
        self._stale_s = settings.token_keys_stale_s or float("inf")
        self._kept_file = settings.token_keys_kept_file
        self._reading: Future[None] | None = None
        self._asked_at_s = self._read_at_s = time.monotonic()
        self._failed = False
        self.has_news = False
        self.let_go: list[Key] = []  # the last keys of an issuer who is away for too long: no token is let in by them
        self._fetched: tuple[list[Key], float] | None = None  # what the thread has read, and when; not looked at yet
        self.keys: list[Key] | None = self._kept()
        self._begin(self._asked_at_s)

    def look(self, now_s: float) -> None:
        """Read it when that is due, and let go of keys that are too old."""
        self.has_news = False
        fetched, self._fetched = self._fetched, None
        if fetched is not None:
            (self.keys, self._read_at_s), self.let_go = fetched, []
        if self.keys and now_s - self._read_at_s > self._stale_s:
            _log.error(
                "the issuer has been away for so long that its keys are let go", host=urlsplit(self._url).hostname
            )
            self.let_go, self.keys = self.keys, None
        if now_s - self._asked_at_s >= (min(self._at_most_every_s, self._every_s) if self._failed else self._every_s):
            self._begin(now_s)

    def ask_again(self, now_s: float) -> Future[None] | None:
        """Return when it will have been read; None when it was read, or tried, too lately."""
        if self._reading is None and now_s - self._asked_at_s >= self._at_most_every_s:
            self._begin(now_s)
        return self._reading

    def _begin(self, now_s: float) -> None:
        if self._reading is not None:
            return
        self._asked_at_s = now_s
        reading: Future[None] = Future()
        self._reading = reading
        threading.Thread(target=self._read, args=(reading,), name="keys", daemon=True).start()

    def _read(self, done: Future[None]) -> None:
        try:
            body = _fetch(self._url)
            keys, passed_over = read_published_keys(body)
            for reason in passed_over:
                _log.warning("a published key is passed over", reason=reason)
            self._fetched = keys, time.monotonic()
            self._failed = False
            self._keep(body)
            KEY_READS_OK.inc()
        except Exception as error:  # noqa: BLE001  whatever an issuer answers, or a network does: the last keys stay
            self._failed = True
            KEY_READS_FAILED.inc()
            _log.warning(
                "the issuer's keys could not be read", host=urlsplit(self._url).hostname, reason=_reason(error)
            )
        finally:
            self.has_news = True
            self._reading = None
            done.set_result(None)

    def _kept(self) -> list[Key] | None:
        """Return the keys that were kept; None when there are none, or they are too old.

        They are as old as their file: a start does not make them younger.
        """
        if self._kept_file is None:
            return None
        try:
            age_s = max(0.0, time.time() - self._kept_file.stat().st_mtime)
            if age_s > self._stale_s:
                return None
            keys = read_published_keys(self._kept_file.read_bytes())[0]
        except (OSError, KeyRefusedError):
            return None
        self._read_at_s -= age_s
        return keys

    def _keep(self, body: bytes) -> None:
        if self._kept_file is None:
            return
        new = self._kept_file.with_name(f"{self._kept_file.name}.{os.getpid()}.new")
        try:
            new.write_bytes(body)
            new.replace(self._kept_file)
        except OSError as error:
            _log.warning("the issuer's keys could not be kept", reason=error.strerror)
            with contextlib.suppress(OSError):
                new.unlink()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An issuer's keys come from the address that was set, and from no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _fetch(url: str) -> bytes:
    """Return what stands at an address. Raises `OSError` (`urllib.error.URLError`), `KeyRefusedError`."""
    give_up_s = time.monotonic() + FETCH_LIMIT_S
    opener = urllib.request.build_opener(_NoRedirects)
    asked = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310  checked in the settings
    with opener.open(asked, timeout=FETCH_LIMIT_S) as answer:
        body = bytearray()
        while piece := answer.read1(64 * 1024):
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise KeyRefusedError(f"it is larger than {MAX_ANSWER_BYTES} bytes")
            if time.monotonic() > give_up_s:
                raise TimeoutError("it did not come in time")
    return bytes(body)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, (OSError, KeyRefusedError)) else type(error).__name__
