"""`python -m livecomments`: the command line."""

from livecomments.cli import main

main(prog_name="livecomments")
