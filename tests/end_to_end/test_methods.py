"""Which methods an address takes is said the same, whichever part answers."""

from __future__ import annotations

import aiohttp
import pytest


@pytest.mark.parametrize(
    ("path", "taken", "others"),
    [
        ("/comments/v", "GET, HEAD, OPTIONS, POST", ["PUT", "DELETE", "PATCH"]),
        ("/comments/v/12", "DELETE, OPTIONS", ["PUT", "PATCH"]),
        ("/videos/v", "GET, HEAD, OPTIONS, PUT", ["DELETE", "PATCH"]),
        ("/videos/v/words", "GET, HEAD, OPTIONS, PUT", ["DELETE", "PATCH"]),
        ("/videos/v/bans/u", "DELETE, OPTIONS, PUT", ["POST", "PATCH"]),
        ("/revocations/users/u", "DELETE, OPTIONS, PUT", ["POST", "PATCH"]),
        ("/revocations/tokens/t", "DELETE, OPTIONS, PUT", ["POST", "PATCH"]),
        ("/revocations/audit", "GET, HEAD, OPTIONS", ["PATCH"]),
        ("/guests", "OPTIONS, POST", ["PUT", "PATCH"]),
    ],
)
async def test_every_refusal_of_a_method_names_those_that_are_taken(cluster, path, taken, others):
    async with aiohttp.ClientSession() as session:
        for method in others:
            async with session.request(method, cluster.url + path) as answer:
                assert (answer.status, answer.headers["Allow"]) == (405, taken), method


async def test_options_says_the_same(cluster):
    async with aiohttp.ClientSession() as session, session.options(f"{cluster.url}/comments/v") as answer:
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
