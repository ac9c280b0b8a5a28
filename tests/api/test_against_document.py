"""schemathesis against the OpenAPI document, through the real gateway: no 5xx, and no answer that is not in it.

Valid requests and invalid ones, made of the document. `make test-api-long` makes many more of them.
"""

from __future__ import annotations

import asyncio
import os
from zlib import crc32

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.document import FILE, codes, operations, read_document

LONG = os.environ.get("LONG") == "1"
EXAMPLES = 1_000 if LONG else 8  # of each operation
STREAM = "/comments/{video}/stream"  # never ends: below, by hand
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

schema = schemathesis.openapi.from_path(str(FILE)).exclude(path=STREAM)
effort = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not LONG,  # the same requests in every run of make test
    suppress_health_check=list(HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate, hypothesis.Phase.shrink],
)
_moderator: list[str] = []


@pytest.mark.timeout(1_200 if LONG else 180)
@schema.parametrize()
@effort
def test_what_is_answered_is_in_the_document(case, cluster):
    if not _moderator:
        _moderator.append(cluster.token("somebody", role="host", videos=["*"]))
    # One in eight comes without a token, and the same ones in every run.
    headers = (
        {}
        if crc32(str(case.path_parameters).encode("utf-8", "replace")) % 8 == 0
        else {"Authorization": f"Bearer {_moderator[0]}"}
    )
    case.call_and_validate(base_url=cluster.url, headers=headers, checks=CHECKS, timeout=20)


POSITIONS = st.one_of(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40), st.integers().map(str)
)


async def test_a_stream_is_answered_as_the_document_says_whatever_is_asked(cluster, web):
    said = next(way for way in operations(read_document()) if way.path == STREAM).said["responses"]
    tokens = [cluster.token("a viewer"), cluster.token("a viewer", videos=["another"]), "garbage", None]
    loop = asyncio.get_running_loop()

    async def ask(video: str, token: str | None, header: str | None, query: str | None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        headers |= {} if header is None else {"Last-Event-ID": header}
        async with web.get(
            f"{cluster.url}/comments/{video}/stream",
            headers=headers,
            params={} if query is None else {"lastEventId": query},
        ) as answer:
            assert str(answer.status) in said, (video, header, query)
            if answer.status >= 400:
                assert (await answer.json(content_type="application/problem+json"))["code"] in codes(
                    said[str(answer.status)]
                )
            elif answer.status == 200:
                assert answer.content_type == "text/event-stream"
            else:
                assert answer.headers["Problem-Code"] in said["204"]["headers"]["Problem-Code"]["schema"]["enum"]

    @hypothesis.settings(max_examples=1_000 if LONG else 40, deadline=None, derandomize=not LONG)
    @hypothesis.given(
        st.sampled_from(["v", "x" * 64, "x" * 65, "a.b", "%00"]),
        st.sampled_from(tokens),
        st.none() | POSITIONS,
        st.none() | POSITIONS,
    )
    def asked(video, token, header, query):
        asyncio.run_coroutine_threadsafe(ask(video, token, header, query), loop).result(30)

    await asyncio.to_thread(asked)
