"""The archiver: carries what is stored on to Postgres, and sees that nothing is missing there.

In the order of a message's way:

| file | its one concern |
|---|---|
| `archiver_app.py` | the archiver as a process of its own |
| `archiver.py` | one shard's way from JetStream into Postgres, whatever happens around it |
| `skipped.py` | numbers that were skipped: why, and how many are lost |
| `storing.py` | one shard's messages on their way into Postgres, and the position with them |
| `rows.py` | a row of the table, made of a message |
| `control_duties.py` | what control messages ask of the archiver beside their rows |
| `stream_check.py` | whether one shard's stream goes on where it was |
| `lifting.py` | a stream found short: the shard goes on above every number that was ever given |
| `holes.py` | whether a number was skipped, and why |
| `archive.py`, `archive.sql` | one shard in Postgres: whose turn it is, how far it is, storing more |
| `setting_aside.py` | what Postgres cannot hold |
| `archive_audit.py` | whether everything acknowledged is in Postgres |
| `audit_reports.py` | what is to be looked for, and was not yet |
| `trimming.py` | taking off the stream what is archived and old |
| `retention.py` | dropping what is too old, a block at a time |
| `archive_lag.py` | how far the archive is behind |
| `fill_watch.py` | how full the streams of moderation are |
| `copies_watch.py` | how many whole copies each stream has |
| `archiver_metrics.py` | what the archiver tells Prometheus |
"""
