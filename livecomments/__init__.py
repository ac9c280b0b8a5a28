"""The command line of live comments.

| file | its one concern |
|---|---|
| `cli.py` | the group of commands, and one line for each expected failure |
| `commands/` | one file for each command |
| `assets.py` | where the page, the migrations and the configurations are |
"""
