"""What was said before: pages out of Postgres, and the deep end of replays for edges. It reads, and nothing else.

| file | its one concern |
|---|---|
| `app.py` | history as a service: starting and stopping |
| `pages.py` | `GET /comments/{video}` |
| `newest.py` | the newest page while Postgres is away |
| `shared_reads.py` | reads that are the same share one |
| `page_body.py` | a page: its JSON, its cursor, its ETag |
| `moderation.py` | what moderators have decided and done: `GET /videos/{video}` and below |
| `replays.py` | answers to edges, over NATS |
| `archive.py`, `archive.sql` | reading from Postgres, quickly or not at all |
| `windows.py` | in which blocks a page is looked for first |
| `replica_lag.py` | how far what is read is behind what is archived |
| `row.py` | a row that was read |
| `web.py` | the page at `/` and its files |
| `status.py` | what the operator's page shows: `/status.json` |
| `parts.py` | asking the parts of this machine's cluster how they are |
| `samples.py` | what is wanted of their metrics |
| `metrics.py` | what history tells Prometheus |
"""
