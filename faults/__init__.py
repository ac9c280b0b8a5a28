"""The fault suite: `make faults`. A load on the real system, every part of it broken on purpose, and a verdict.

From a run to its verdict:

| file | its one concern |
|---|---|
| `show.py` | a run, shown while it goes on |
| `mutant_runs.py` | every mutant tried |
| `mutants.py` | the system, broken on purpose |
| `mutation.py` | source patches, applied while a process loads |
| `mutant_site/` | what makes a process a mutant |
| `trial.py` | a run, as it is planned |
| `schedule.py` | what is broken when, drawn from a seed |
| `run.py` | a run from its start to its end |
| `under_test.py` | the system, with a proxy on every connection between two parts |
| `faults.py` | breaks things, and puts them right again |
| `links.py` | the process that has the proxies |
| `proxy.py` | a TCP proxy that can be told to break |
| `clock.py` | the clock of one process, moved |
| `disk.py` | a disk that can be filled |
| `load.py` | viewers and posters, begun and ended alike wherever the system runs |
| `worker.py` | processes of the suite's own |
| `posters.py` | the process that posts |
| `moderators.py` | users who take back what they said, and who are shut out |
| `texts.py` | what is said, and what must be refused |
| `viewers.py` | the process that watches |
| `historian.py` | the process that reads the whole history back |
| `journal.py` | the ledger on disk |
| `ledger.py` | what was attempted, answered, shown and read back |
| `checker.py` | a ledger in, a verdict out |
| `index.py` | the ledger, by comment, by video, by number |
| `keeping.py` | what history holds, held against what was attempted |
| `numbering.py` | each number names one comment, and the numbers agree with real time |
| `paging.py` | pages that were read while the run went on |
| `removing.py` | what was removed, and who was shut out |
| `following.py` | what a viewer was shown, held against history |
| `verdict.py` | the checks by their names, and what they find |
| `latencies.py` | how long posting and delivery took, and how long each fault was felt |
| `picture.py` | that, as a picture |
| `report.py` | that, and the verdict, as text |
"""
