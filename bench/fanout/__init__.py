"""`livecomments bench --only fanout`: what it costs to write comments to many viewers, this edge beside others.

| file | its one concern |
|---|---|
| `__main__.py` | the command |
| `scenarios/` | what is to be reached, one file each |
| `scenario.py` | what a scenario is given, and what it says |
| `measure.py` | one measurement: one server, one load, one row of figures |
| `peers/` | the servers, one file each |
| `bare_loop.c` | the kernel's own price |
| `viewers.c` | the viewers |
| `load.py` | processes of viewers, as one |
| `pace.py` | the publisher: an open loop |
| `store.py` | a scratch nats-server, and the way into it |
| `lab.py` | what each measurement uses |
| `cores.py` | who runs on which core |
| `usage.py` | what a process and the kernel use |
| `child.py` | child processes |
| `programs.py` | the C programs, compiled |
| `table.py`, `picture.py` | the figures, for a person |
"""
