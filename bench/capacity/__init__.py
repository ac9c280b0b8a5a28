"""`livecomments capacity`: how many machines a load takes, out of the measured costs of this checkout.

| file | its one concern |
|---|---|
| `command.py` | the command |
| `costs.py` | the measured costs, as a file |
| `demand.py` | what is asked for: viewers, videos, comments |
| `policy.py` | what is a choice: how full a core may be, how many copies, what a machine is |
| `model.py` | what it takes, part by part |
| `limits.py` | what cannot be had by adding machines, and how near it is |
| `thresholds.py` | from where on sampling, slices, direct edges and polling are necessary |
| `scenarios.py` | the loads that docs/capacity.md tells of, as its table |
| `tables.py` | all of that, for a person |
| `plots.py` | all of that, drawn |
"""
