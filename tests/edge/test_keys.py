"""Streams that were opened with a key which is withdrawn."""

from __future__ import annotations

import asyncio

from runtime.settings import Settings
from runtime.tokens import Tokens
from tests.runtime.issuer import KeyPair, running_issuer

SECRETS = ["the first secret, which is long enough", "the second secret, which is long enough"]


async def test_a_key_that_is_taken_out_of_its_file_ends_the_streams_that_were_opened_with_it(
    start_edge, viewers, video, tmp_path
):
    """Without a restart, and though nobody brings a token meanwhile; those of the other key are not disturbed."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text(SECRETS[0])
    new.write_text(SECRETS[1])
    tokens = [Tokens(Settings(token_secret_file=file)).issue("ada", 3600) for file in (old, new)]
    both = tmp_path / "secrets"
    both.write_text("\n".join(SECRETS))
    edge = start_edge(token_secret_file=both)
    theirs = [await viewers.watch(edge, video, token=tokens[0]) for _ in range(3)]
    ours = await viewers.watch(edge, video, token=tokens[1])
    both.write_text(SECRETS[1])
    for stream in theirs:
        await stream.end(10)
        assert stream.told("bye") == [{"reason": "revoked"}]
    back = await viewers.watch(edge, video, position=1, token=tokens[0], synced=False)
    assert back.status == 204
    assert (await viewers.watch(edge, video, token=tokens[1])).status == 200
    assert not ours.ended
    assert ours.told("bye") == []


async def test_before_the_issuer_has_been_heard_a_stream_is_told_to_come_back(start_edge, viewers, video, store):
    """Any status but 200 would end a browser's EventSource for good, and its token may be as good as any."""
    pair = KeyPair("ES256", "key")
    with running_issuer() as issuer:
        edge = start_edge(
            token_algorithms="ES256", token_keys_url=issuer.url, token_keys_min_refresh_s=1, token_secret_file=None
        )
        early = await viewers.watch(edge, video, position=1, token=pair.token(), synced=False)
        assert early.status == 200
        await early.end()
        assert early.told("bye") == [{"reason": "unavailable"}]
        assert early.retry_ms
        assert early.numbers == []
        garbage = await viewers.watch(edge, video, position=1, token="garbage", synced=False)
        assert garbage.status == 204, "that can be told without the issuer"
        issuer.publish(pair)
        async with asyncio.timeout(20):
            while True:
                stream = await viewers.watch(edge, video, token=pair.token(), synced=False)
                await stream.until(lambda stream=stream: stream.told("sync") or stream.told("bye"))
                if stream.told("sync"):
                    break
                await asyncio.sleep(0.1)
