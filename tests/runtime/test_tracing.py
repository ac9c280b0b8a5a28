"""Traces: off by default, and bounded and harmless where they are on."""

from __future__ import annotations

import orjson

from livecomments.traces import latencies, read_traces
from runtime import tracing
from runtime.settings import Settings
from runtime.tracing import Tracer, make_tracer
from wire.trace import new_trace


def test_nothing_is_traced_by_default():
    assert make_tracer(Settings(), "writer") is None


async def test_what_a_client_samples_is_traced_and_the_rest_by_share(tmp_path):
    never, always = Tracer("writer", tmp_path, 0), Tracer("writer", tmp_path, 1)
    assert never.chosen(None) is None
    assert never.chosen("nonsense") is None
    parent = new_trace()
    span = never.chosen(parent.traceparent())
    assert span is not None
    assert (span.context.trace_id, span.parent_id) == (parent.trace_id, parent.span_id)
    assert always.chosen(None) is not None


async def test_the_file_is_otlp_a_line_for_each_batch_and_reads_back(tmp_path):
    writer, edge = Tracer("writer", tmp_path, 1), Tracer("edge", tmp_path, 0)
    span = writer.chosen(None)
    assert span is not None
    span.reached("checked")
    span.end()
    heard = edge.followed(span.context.traceparent(), "fan-out")
    assert heard is not None
    heard.reached("stored", span.began_ns + 1_000_000)
    heard.end()
    writer.flush()
    edge.flush()
    (file,) = tmp_path.glob("writer-*.jsonl")
    (line,) = file.read_bytes().splitlines()
    written = orjson.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert int(written["startTimeUnixNano"]) <= int(written["events"][0]["timeUnixNano"])
    traces = read_traces(tmp_path)
    assert set(traces[span.context.trace_id]) == {
        "writer: came",
        "writer: checked",
        "JetStream: stored",
        "edge: heard",
    }
    assert round(latencies(traces.values())["JetStream: stored"].percentiles_ms(50)[0]) == 1


async def test_a_line_that_was_not_written_to_its_end_is_left_out(tmp_path):
    tracer = Tracer("writer", tmp_path, 1)
    span = tracer.chosen(None)
    assert span is not None
    span.end()
    tracer.flush()
    (file,) = tmp_path.glob("*.jsonl")
    file.write_bytes(file.read_bytes() + file.read_bytes()[:50])
    assert len(read_traces(tmp_path)) == 1


async def test_more_spans_than_may_wait_are_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr(tracing, "MAX_WAITING", 3)
    tracer = Tracer("writer", tmp_path, 1)
    for _ in range(10):
        span = tracer.chosen(None)
        assert span is not None
        span.end()
    tracer.flush()
    assert len(read_traces(tmp_path)) == 3


async def test_a_folder_that_cannot_be_written_to_stops_nothing(tmp_path):
    tracer = Tracer("writer", tmp_path / "missing", 1)
    span = tracer.chosen(None)
    assert span is not None
    span.end()
    tracer.flush()
