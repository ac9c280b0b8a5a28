"""What is said: the writer takes POSTs and stores them in JetStream, the archiver carries them on to Postgres.

In the order of a comment's way:

| file | its one concern |
|---|---|
| `app.py` | the writer as a service: its routes, starting and stopping |
| `posting.py` | the way of one POST, from its address to its answer |
| `limits.py` | which limits a POST is held to, and what a client is told that is over one |
| `rates.py` | how often something may happen: a bucket per key |
| `same_message.py` | the same text again, by the same user on the same video |
| `house_rules.py` | what moderators decided, held against a comment: bans, pause, members, slow mode, words |
| `classifier.py` | an outside classifier, and what happens while it fails |
| `moderation_routes.py` | the addresses of moderation |
| `moderating.py` | the way of a moderation request |
| `finding.py` | a comment that is to be removed: whose it is, and whether that was done already |
| `floods.py` | one who is refused again and again, and one text that everybody says at once |
| `revoking.py` | revoking tokens: for operators |
| `known_keys.py` | message ids that were stored lately |
| `batcher.py` | one shard: takes comments as they come, stores them in rounds |
| `rounds.py` | a round on its way to JetStream: as a batch or as singles, split where that was refused |
| `waiting.py` | the comments of one shard that wait for JetStream's word, and for how long they may |
| `batch.py` | what goes to JetStream together, and how |
| `entry.py` | a comment on its way into its shard's stream, and what became of it |
| `store_health.py` | whether a shard's stream answers, and since when it does not |
| `archive_watch.py` | how far each shard is in Postgres |
| `stream_continuity.py` | whether a shard's stream still gives new numbers |
| `judging.py` | whether a number that JetStream gave may be passed on |
| `asking_history.py` | what history has of a number, where the stream alone does not say |
| `audit_log.py` | what was acknowledged, reported for the loss audit |
| `hot_videos.py` | which videos are stored so much of that their sample may be this writer's to publish |
| `sample_publisher.py` | the sample of one hot video, published |
| `guests.py` | a token for anybody who names himself |
| `metrics.py` | what a writer counts beside a comment's milestones |
| `archiving/` | the archiver: from JetStream on to Postgres |
"""
