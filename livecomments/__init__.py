"""The command line of live comments.

| file | its one concern |
|---|---|
| `cli.py` | the group of commands, and one line for each expected failure |
| `commands/` | one file for each command |
| `options.py` | options that several commands share |
| `durations.py` | lengths of time on the command line |
| `cluster_here.py` | the cluster of the data directory: where it answers, and what signs its tokens |
| `client.py` | a client of the HTTP interface: posts, pages, streams |
| `location.py` | where a stream is opened: at the service, or at the edge that has the video |
| `backoff.py` | how long a client waits before it tries again |
| `screen.py` | events of a stream as lines of a terminal, or of JSON |
| `harmless.py` | texts of strangers, made harmless for a terminal |
| `chatlog.py` | a chat log: one message a line |
| `authors.py` | the authors of a chat log, each with a token |
| `replay.py` | a chat log, posted at its own pace |
| `latencies.py` | latencies that were measured, and their percentiles |
| `traces.py` | traces that the parts have written, and what they say together |
| `checkout.py` | commands whose code stands in a checkout only |
"""
