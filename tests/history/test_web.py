"""The page, its files, and nothing else of the disk."""

import pytest

from history.web import CONTENT_SECURITY_POLICY
from tests.history.conftest import Reader


@pytest.mark.parametrize(
    ("path", "kind", "begins"),
    [
        ("/", "text/html; charset=utf-8", b"<!doctype html>"),
        ("/web/page.js", "text/javascript; charset=utf-8", b"export"),
        ("/web/page.css", "text/css; charset=utf-8", b"body"),
        ("/web/vendor/part.js", "text/javascript; charset=utf-8", b"export const"),
    ],
)
async def test_anybody_gets_the_page_with_a_strict_policy(reader: Reader, path: str, kind: str, begins: bytes) -> None:
    answer = await reader.get(path, headers={})
    assert answer.status == 200
    assert answer.body.startswith(begins)
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    head = await reader.get(path, method="HEAD", headers={})
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", answer.headers["ETag"])


async def test_a_browser_that_has_a_file_already_is_not_sent_it_again(reader: Reader) -> None:
    first = await reader.get("/web/page.js", headers={})
    again = await reader.get("/web/page.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    "path",
    [
        "/web/",
        "/web/missing.js",
        "/web/.hidden.js",
        "/web/notes.md",
        "/web/link.js",
        "/web/vendor",
        "/web/vendor/",
        "/web/../outside.js",
        "/web/%2e%2e/outside.js",
        "/web/..%2foutside.js",
        "/web/vendor/..%2f..%2foutside.js",
        "/web/vendor/../../outside.js",
        "/web//etc/passwd",
        "/web/%2fetc%2fpasswd",
        "/web/..%5coutside.js",
        "/web/page.js%00.js",
        "/web/" + "a" * 5000 + ".js",
        "/web/page.js/",
        "/index.html",
        "/favicon.ico",
        "/page.js",
        "/comments",
        "/comments/",
    ],
)
async def test_nothing_else_is_there(reader: Reader, path: str) -> None:
    answer = await reader.get(path, headers={})
    assert (answer.status, answer.code) == (404, "not_found")
    assert b"secret" not in answer.body


async def test_a_range_of_a_file_is_no_trouble(reader: Reader) -> None:
    for wanted in ("bytes=0-3", "bytes=9999-", "bytes=x", "lines=1-2"):
        answer = await reader.get("/web/page.js", headers={"Range": wanted})
        assert answer.status in (200, 206, 400)
