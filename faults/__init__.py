"""The fault suite: `make faults`. A load on the real system, every part of it broken on purpose, and a verdict.

From a run to its verdict:

| file | its one concern |
|---|---|
| `ledger.py` | what was attempted, answered, shown and read back |
| `checker.py` | a ledger in, a verdict out |
| `index.py` | the ledger, by comment, by video, by number |
| `keeping.py` | what history holds, held against what was attempted |
| `numbering.py` | each number names one comment, and the numbers agree with real time |
| `paging.py` | pages that were read while the run went on |
| `following.py` | what a viewer was shown, held against history |
| `verdict.py` | the checks by their names, and what they find |
"""
