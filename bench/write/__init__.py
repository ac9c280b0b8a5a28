"""`livecomments bench --only write`: what it costs to take comments, to archive them and to page through them.

| file | its one concern |
|---|---|
| `__main__.py` | the command |
| `lines/` | what is to be reached, one file each |
| `line.py` | what a line is given, and what it says |
| `system.py` | the cluster that is measured: its parts, and what CPU they use |
| `wrk.py` | the load: wrk, started and read |
| `load.lua` | what wrk sends |
| `plain.py` | the same service in the plainest way, as an app |
| `peer.py` | a server that is measured beside others, as a process |
| `plain_peer.py` | that app as a process |
| `unchecked.py` | the writer with every check taken out |
| `second_writer.py` | a further writer as a process |
"""
