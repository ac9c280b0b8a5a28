"""Measurements. Each is a command of its own, and fails when a comment was missed, repeated or out of order.

| file | its one concern |
|---|---|
| `suite/` | `livecomments bench`: all of them in one run, with a report, held against earlier runs |
| `capacity/` | `livecomments capacity`: how many machines a load takes, out of measured costs |
| `simulation/` | where machines run out: many edges, failures, storms of reconnects |
| `figure.py` | a figure that was measured several times in one run |
| `machine.py` | the machine that something was measured on |
| `ledger.py` | what viewers were owed, and what they got |
| `own_cluster.py` | a cluster of its own for a measurement or a test |
| `own_certificate.py` | a certificate for that, which nobody else trusts |
| `direct.py` | what a delivery costs, straight from an edge and through the gateway |
| `stream_clients.py` | viewers that only count, over HTTP/1.1 or HTTP/2 |
| `latency.py` | POST and POST-to-viewer latencies |
| `profile.py` | `make profile`: a flame graph of a part under load |
| `plan.py` | what a measurement does: who posts what when, and who watches |
| `poster.py` | the process that posts |
| `viewers.py` | the process that watches |
| `moderation.py` | how long until the last viewer knows of a delete or a ban, and what deletes cost pages |
| `write/` | what it costs to take comments, to archive them and to page through them |
| `fanout/` | what it costs to write comments to many viewers |
"""
