"""A load that can be believed, for locust: who watches, posts and reads, what happens meanwhile, and the verdict.

`locustfile.py` is where locust finds it.

| file | its one concern |
|---|---|
| `options.py` | what the command line and the web page may ask for |
| `stories.py` | what happens in the course of a run: a goal, a raid, a celebrity |
| `shape.py` | how many users there are, as the story goes |
| `run.py` | what one process of the load has posted and seen in a run |
| `seen.py` | which comments each watcher was sent, in a bit of memory each |
| `stamp.py` | when a comment was due, in its own text |
| `posting.py` | one comment, posted until it is known what became of it |
| `stream.py` | one connection of a watcher |
| `watcher.py` | a user who watches |
| `poster.py` | a user who posts: an open loop of their own |
| `replayer.py` | a user who posts a chat log, at its pace |
| `reader.py` | a user who reads backwards |
| `rows.py` | the rows of locust's table that are not requests |
| `joining.py` | the verdict over all processes |
| `charts.py` | the page of charts, live and as a file |
| `picture.py` | the charts as one picture, for a document |
"""
