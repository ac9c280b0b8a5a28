"""`livecomments bench`: every measurement in one run, as JSON and as a report, held against earlier runs.

| file | its one concern |
|---|---|
| `command.py` | the command |
| `parts.py` | which measurements there are, and how each is run |
| `result.py` | what a run has measured, as a file |
| `running.py` | running them one after the other, with a bar |
| `compare.py` | telling a change from noise |
| `costs.py` | what things cost, out of a run: what the capacity model computes with |
| `plots.py` | the plots |
| `report.py` | the report |
| `check.py` | `make bench-check`: ratios that must stay as they are |
"""
