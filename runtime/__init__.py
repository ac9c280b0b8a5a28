"""What every service needs to run: settings, connections, tokens, logs, metrics, and a way to start and stop.

| file | its one concern |
|---|---|
| `settings.py` | the `LIVECOMMENTS_*` environment, read once into one frozen object |
| `tokens.py` | who is speaking: JSON Web Tokens, issued and checked |
| `token_keys.py` | the keys that tokens are signed with, and what makes one weak |
| `key_sources.py` | where those keys come from, and that they stay fresh |
| `addresses.py` | what counts as one address, for limits by address |
| `credentials.py` | which token a request carries, and whether it may |
| `jetstream/` | NATS: the connection, publishing into a stream, reading from it |
| `streams.py` | the streams of the shards: provisioning them, and the number of shards |
| `stream_configs.py` | how each stream is to be |
| `marks.py` | high-water marks: how far each shard's numbers went |
| `video_states.py` | the states of videos: kept by NATS, known here |
| `revocations.py` | tokens that are no longer good though they have not expired |
| `postgres.py` | Postgres: a pool and a single connection, every option explicit |
| `assets.py` | where the page, the migrations and the configurations are |
| `queries.py` | SQL in named, described blocks of `.sql` files |
| `cancelling.py` | ending a task that lives in a loop |
| `background.py` | work that goes on for as long as a part lives, whatever happens in it |
| `logs.py` | structured logs without tokens or texts |
| `audit_metrics.py` | the loss audit, as metrics |
| `metrics.py` | a comment's milestones, counted |
| `browsers.py` | what browsers are told besides the answer: CORS, HSTS |
| `tracing.py` | when a comment reached which milestone, as OpenTelemetry spans in a file |
| `exchange.py` | a request and its answer, of whichever framework |
| `hot_route.py` | routes that are asked so often that Quart's way to them costs too much |
| `http.py` | HTTP: how large a request's head may be, and how long it may take |
| `lean.py` | libraries, without what these load for uses that no part makes of them |
| `direct_port.py` | a second port of an edge, for viewers who connect to it directly |
| `service.py` | a Quart app on uvicorn and uvloop: problems, health, metrics, starting and stopping |
"""
