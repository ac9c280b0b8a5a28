"""What one part says and another hears. Pure: no I/O, no clock, no settings.

| file | its one concern |
|---|---|
| `number.py` | the number of a comment: id, cursor, SSE id and key at once |
| `mark.py` | how far a shard's numbers go, and that a stream was found short |
| `video.py` | video ids and the shard that a video belongs to |
| `subjects.py` | names of streams and subjects in NATS |
| `headers.py` | headers of a stored comment, and its message id |
| `message.py` | which texts may be said |
| `text.py` | texts as people see them: what may not be in one, and when two are the same |
| `comment.py` | the comment: as stored in JetStream, as an SSE event, as JSON in a page |
| `control.py` | control messages: what moderates a video, in the order of its comments |
| `video_state.py` | what moderators have decided on a video, put together out of control messages |
| `orders.py` | what moderators may ask for |
| `blocked_words.py` | whether a text holds a word that is blocked |
| `sse.py` | the event stream: writing it and reading it |
| `audit.py` | the loss audit: what was acknowledged, and a digest of it |
| `trace.py` | the context of a trace, as it travels with a comment |
| `sampling.py` | which comments are shown when more come than anybody can read |
| `sample.py` | the sample of a hot video, as a writer publishes it |
| `placement.py` | which edge a video's viewers connect to, when they do so directly |
| `page.py` | a page of history: what may be asked for |
| `problem.py` | every refusal: its code, its status, its body |
"""
