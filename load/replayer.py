"""A user who posts a chat log, each message as its author and when the log says so."""

from __future__ import annotations

import time
from typing import Final

import gevent
from locust import User, constant, task

from livecomments.authors import author_of
from livecomments.chatlog import read_chat_log
from load.posting import Due, Posting
from load.run import current

LONGEST_WAIT_S: Final = 1.0
LOOK_S: Final = 0.1


class Replayer(User):
    """Posts the whole log, an open loop: a message is due whether or not those before it were answered."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Make ready."""
        self.run_ = current()
        self.posting = Posting(self.environment, self.run_)
        self.tokens: dict[str, str] = {}

    @task
    def replay(self) -> None:
        """Post the log once."""
        run, wanted = self.run_, self.run_.wanted
        if run.all_posted or wanted.chat_log is None:
            gevent.sleep(LONGEST_WAIT_S)
            return
        if not run.everybody_there:
            gevent.sleep(LOOK_S)
            return
        began, first_s = time.monotonic(), None
        for said in read_chat_log(wanted.chat_log, wanted.lines):
            first_s = said.at_s if first_s is None else first_s
            due_s = began + (said.at_s - first_s) / wanted.speed
            while (wait_s := due_s - time.monotonic()) > 0:
                gevent.sleep(min(wait_s, LONGEST_WAIT_S))
            if run.quiet:
                return
            author = author_of(said)
            token = self.tokens.get(author) or self.tokens.setdefault(author, run.token(author))
            self.posting.send(Due(due_s, run.video_for(author), said.message, token))
        run.all_posted = True
