"""A simulation where machines run out: many edges, failures, storms of reconnects, and the pace of one edge.

| file | its one concern |
|---|---|
| `__main__.py` | the command: `python -m bench.simulation` |
| `pace.py` | one edge and one busy video: rounds of writing, with the real pacer |
| `crowd.py` | how viewers spread over videos: a few have most of them |
| `placement.py` | which edge a viewer is sent to: a consistent hash with bounded loads |
| `storm.py` | edges that fail, and their viewers who come back by the real rule |
| `small_world.py` | what is simulated, for real, as large as it fits here |
| `picture.py` | the same, drawn |
| `checking.py` | the same figures out of the simulation and out of a run of `livecomments bench` |
"""
