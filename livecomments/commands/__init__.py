"""The commands of `livecomments`, one file each (`parts.py`: those that run one part). `cli.py` lists them."""
