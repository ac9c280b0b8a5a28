"""The edge: keeps viewers' streams open, and writes each comment to all of them.

A comment's way through these files: `copies` hears it from NATS, `feed` asks `intake` whether one before it is missing,
`channel` appends it to the `ring` and, when the `pacer` lets it, writes one shared piece of bytes to every `viewer`.

| file | its one concern |
|---|---|
| `app.py` | the service: its routes, its start and its end |
| `channels.py` | which videos have a channel here: opened with the first viewer, let go after the last |
| `copies.py` | the live copies of one video, as they come |
| `feed.py` | … in order and without a gap |
| `intake.py` | what to do with one live copy |
| `sampled_intake.py` | a hot video of which the sample alone is taken in |
| `cared_for.py` | whose comments its viewers see, sample or not |
| `left_out.py` | which comments the ring lacks for that reason, and whose they are |
| `frames.py` | a stored message as the bytes that viewers get |
| `ring.py` | the newest comments of a video, in memory |
| `ring_memory.py` | what all rings hold together, bounded |
| `channel.py` | one video: its ring, its viewers, and the writing to all of them |
| `packing.py` | blocks of a gzip stream that all viewers share |
| `traced.py` | comments that are traced, until they were written to the last viewer |
| `pacer.py` | how long a channel rests between two writes |
| `viewer.py` | one viewer: a position in the ring, and somewhere to write to |
| `handshake.py` | a request for a stream, and what is answered before the first event |
| `handover.py` | a viewer's connection, taken over from the HTTP server |
| `streamed.py` | a viewer on a server that cannot hand over: an ordinary streamed response |
| `joining.py` | from a position to live: the replay that goes before |
| `shared_replays.py` | each piece of a replay read once for all viewers |
| `pieces.py` | such pieces of one video, kept for a moment |
| `replays.py` | the part of a video between two numbers, out of JetStream or history |
| `archive.py` | what history says when it is asked for such a part |
| `messages.py` | messages as a replay has them, wherever they came from |
| `moderation.py` | what moderators decide, as it is felt here |
| `preceding.py` | what a sampler must have counted before it chooses what all others choose |
| `audience.py` | how many watch a video, on all edges together |
| `roster.py` | which edges viewers can connect to directly, and which one they go to |
| `probe.py` | lost last messages of quiet videos, found by asking |
| `asked.py` | how far they have been asked for |
| `shortage.py` | streams that end below what viewers have seen |
| `sweep.py` | heartbeats, stalled viewers, expired tokens |
| `turns.py` | the same for each of many, a number of them in each turn of the event loop |
| `audit.py` | whether everything acknowledged came here |
| `snapshot.py` | the newest comments as one document, for those who poll |
| `places.py` | replays are written a few at a time |
| `turnstile.py` | handshakes begin a few at a time |
| `admission.py` | who is taken in, and how all are sent away |
| `coming_back.py` | when those whose streams end come back |
| `limits.py` | how many streams an address, a user and this edge may have |
| `metrics.py` | what this edge counts |
"""
