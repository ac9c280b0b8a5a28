"""The OpenAPI document and the code say the same: routes, statuses, codes; and the page says what the document does."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from quart import Quart

from edge.app import make_service as make_edge
from history.app import make_service as make_history
from livecomments.commands import parts as commands
from runtime import assets
from tests.api.document import FILE, codes, operations, read_document
from tests.api.page import PAGE, render
from wire.problem import PROBLEMS
from writer.app import make_service as make_writer

# What the public does not see through the gateway, and the page's own files.
INTERNAL = {"/healthz", "/readyz", "/metrics"}
PAGES = {"/", "/status", "/status.json", "/status/past.json", "/web/{file}"}
# Told wherever a path takes other methods than the one that was used, and by the operator's page.
EVERYWHERE = {"method_not_allowed", "foreign_host"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return read_document()


def routes(app: Quart) -> set[tuple[str, str]]:
    """What an app serves, written as the document writes it."""
    found = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        found |= {(method.lower(), path) for method in rule.methods or () if method not in ("HEAD", "OPTIONS")}
    return found


async def test_every_route_of_the_code_is_in_the_document_and_the_other_way_round(document, make_settings):
    assert commands is not None
    settings = make_settings(web_dir=assets.folder("web"))
    served = set().union(*(routes(make(settings).app) for make in (make_writer, make_edge, make_history)))
    served = {_without_names(one) for one in served if one[1] not in INTERNAL | PAGES}
    said = {_without_names((way.method, way.path)) for way in operations(document)}
    assert served == said


def _without_names(route: tuple[str, str]) -> tuple[str, str]:
    return route[0], re.sub(r"\{\w+\}", "{}", route[1])


def test_every_code_has_its_own_status_and_every_problem_of_the_code_is_somewhere_in_the_document(document):
    named: set[str] = set()
    for way in operations(document):
        for status, answer in way.said["responses"].items():
            for code in codes(answer):
                assert PROBLEMS[code][0] == int(status), f"{way.name}: {code}"
                named.add(code)
            assert int(status) < 400 or codes(answer), f"{way.name}: {status} is no problem document"
    assert named == PROBLEMS.keys() - EVERYWHERE


def test_every_operation_can_fail_where_the_gateway_can(document):
    for way in operations(document):
        named = {code for answer in way.said["responses"].values() for code in codes(answer)}
        assert named >= {"bad_request", "too_many_requests", "unavailable", "gateway_timeout", "internal"}, way.name


def test_the_page_is_made_of_the_document_as_it_is(document):
    assert PAGE.read_text(encoding="utf-8") == render(document), "run make api-page"


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing():
    text = PAGE.read_text(encoding="utf-8")
    assert not re.search(r"<(script|img|iframe|style|object|embed|form)|<[^>]*\s(style|on\w+)=", text)
    assert set(re.findall(r'(?:href|src)="([^"#][^"]*)"', text)) == {
        "/web/icon.svg",
        "/web/api/api.css",
        "/openapi.yaml",
    }


async def test_document_and_page_are_served_through_the_gateway(cluster, web):
    async with web.get(cluster.url + "/openapi.yaml") as answer:
        assert (answer.status, answer.content_type) == (200, "application/yaml")
        assert yaml.safe_load(await answer.text()) == yaml.safe_load(FILE.read_text(encoding="utf-8"))
        etag = answer.headers["ETag"]
    async with web.get(cluster.url + "/openapi.yaml", headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304
    async with web.get(cluster.url + "/api") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "postComment" in await answer.text()
