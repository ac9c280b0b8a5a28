"""The verdict over all processes: who posted what, and who saw what.

When a run ends, the process that leads (the only one, or locust's master) has everybody stop posting, hears which
comments each process knows to be stored, tells all of them, and has each judge its own watchers by that. A process that
does not answer is a run that failed.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from dataclasses import asdict
from typing import Any, Final

import gevent
from locust import events, runners
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from bench.ledger import Verdict
from load import rows
from load.run import ANSWERS_S, LAST_ONES_S, Numbers, Run, begin, current, is_begun
from load.shape import Mix
from load.stamp import MARK_CHARACTERS
from load.watcher import lose_connections

END_POSTING: Final = "livecomments-end-posting"  # to a worker
POSTED: Final = "livecomments-posted"  # back: what it knows to be stored
JUDGE: Final = "livecomments-judge"  # to a worker: what all know to be stored
JUDGED: Final = "livecomments-judged"  # back: its verdict
LOG_POSTED: Final = "livecomments-log-posted"  # of a worker that has posted the whole log
ANSWER_S: Final = 15.0  # beyond what a worker may take
MISSING_S: Final = 10.0  # for one that locust has not heard of for seconds
REPORT_S: Final = 1.0  # from one report of a worker's figures to the next; locust's own 3 s make charts of jumps
LOOK_S: Final = 0.1
MUCH_BEHIND_MS: Final = 100


class Leader:
    """The process that gives the verdict."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._answers: dict[str, dict[str, Any]] = defaultdict(dict)  # by message: by worker
        self._judged = True
        self._workers: set[str] = set()
        self._silent: set[str] = set()  # gave no account when they were asked
        self._failed = False  # an earlier run, in locust's web page
        self.verdict = Verdict()
        self.faults: list[str] = []

    def begin(self) -> None:
        """Begin a run."""
        self._judged = False
        self._answers.clear()
        self.verdict, self.faults, self._silent = Verdict(), [], set()
        runner = self._environment.runner
        self._workers = {client.id for client in runner.clients.ready} if isinstance(runner, MasterRunner) else set()
        self._failed = self._failed or self._environment.process_exit_code == 1
        self._environment.process_exit_code = 1  # until there is a verdict: a run without one has shown nothing

    def heard(self, message: str, worker: str, data: Any) -> None:
        """Take what a worker says."""
        self._answers[message][worker] = data

    def end(self) -> None:
        """End the run with its verdict; nothing happens when there is one already."""
        if self._judged or not is_begun():
            return
        self._judged = True
        runner = self._environment.runner
        if isinstance(runner, MasterRunner):
            accepted = _joined(self._ask(runner, END_POSTING, None, POSTED, ANSWERS_S).values())
            found = self._ask(runner, JUDGE, accepted, JUDGED, LAST_ONES_S)
            reports = list(found.values())
        else:
            run = current()
            accepted = run.end_posting()
            reports = [_report(run, accepted)]
        for report in reports:
            self.verdict += Verdict(**report["verdict"])
        self._tell(reports, accepted=any(accepted.values()))

    def _ask(self, runner: MasterRunner, message: str, data: Any, answer: str, longest_s: float) -> dict[str, Any]:
        # One that went missing owes an account, too; but is not asked again for another part of it.
        workers = (self._workers | {client.id for client in runner.clients.all}) - self._silent
        runner.send_message(message, data)
        began = time.monotonic()
        while silent := workers - set(self._answers[answer]):
            # One that is only busy may be taken for missing, and answers all the same; one that died never does.
            missing = {client.id for client in runner.clients.missing}
            if time.monotonic() - began > (MISSING_S if silent <= missing else longest_s + ANSWER_S):
                break
            gevent.sleep(LOOK_S)
        self.faults += [f"worker {one} gave no account" for one in sorted(silent)]
        self._silent |= silent
        return self._answers[answer]

    def _tell(self, reports: list[dict[str, Any]], *, accepted: bool) -> None:
        stats, verdict = self._environment.stats, self.verdict
        rows.owed(stats, verdict.expected)
        rows.fail(stats, rows.MISSED, verdict.missed, "a watcher never got a comment")
        watchers, sampled = (sum(report[name] for report in reports) for name in ("watchers", "sampled"))
        unknown = sum(report["unknown"] for report in reports)
        print(
            f"\n{watchers} watchers were owed {verdict.expected} comments:"
            f" missed {verdict.missed}, repeated {verdict.repeated}, out of order {verdict.out_of_order}"
        )
        if sampled:
            print(
                f"{sampled} of them were shown a sample, and owed what others were shown:"
                " with LIVECOMMENTS_READABLE_RATE=0 they would be shown all"
            )
        if unknown:
            print(f"{unknown} posts are not known to be stored: nobody was owed those")
        if current().wanted.watchers and not watchers:
            self.faults.append("no watcher ever began: this run shows nothing")
        elif watchers and accepted and not verdict.expected:
            self.faults.append("comments were stored, and no watcher was owed any: this run shows nothing")
        behind_ms = stats.get(rows.BEHIND, rows.LOAD).get_response_time_percentile(0.99)
        if behind_ms > MUCH_BEHIND_MS:
            print(
                f"the load itself was {behind_ms:.0f} ms behind (p99), and latencies contain that: give it more cores"
            )
        for fault in self.faults:
            print(fault)
        if verdict.good and not self.faults and not self._failed:
            self._environment.process_exit_code = None  # locust's own: 1 where a request failed


def _joined(parts: Any) -> Numbers:
    joined: Numbers = defaultdict(list)
    for part in parts:
        for video, numbers in part.items():
            joined[video] += numbers
    return dict(joined)


def _report(run: Run, accepted: Numbers) -> dict[str, Any]:
    verdict = run.judge(accepted)
    return {
        "verdict": asdict(verdict),
        "watchers": len(run.watches),
        "sampled": sum(watch.sampled for _, watch in run.watches),
        "unknown": run.unknown,
    }


def set_up(environment: Environment) -> Leader | None:
    """Have this process take its part in runs. Return the leader, in the process that leads."""
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        runners.WORKER_REPORT_INTERVAL = REPORT_S
        _follow(environment, runner)
        leader = None
    else:
        leader = Leader(environment)
        if isinstance(runner, MasterRunner):
            for message in (POSTED, JUDGED):
                runner.register_message(
                    message,
                    lambda environment, msg, **_: leader.heard(msg.type, msg.node_id, msg.data),  # noqa: ARG005
                )
            runner.register_message(LOG_POSTED, lambda environment, msg, **_: _log_is_posted(environment))  # noqa: ARG005

        def test_start(environment: Environment, **_: Any) -> None:
            assert environment.parsed_options is not None
            environment.parsed_options.run_mark = secrets.token_hex(MARK_CHARACTERS // 2)
            environment.parsed_options.story_seconds = float(environment.parsed_options.run_time or 0)
            leader.begin()
            _begin(environment)

        def end(**_: Any) -> None:
            leader.end()

        events.test_start.add_listener(test_start)
        events.test_stopping.add_listener(end)
        events.quitting.add_listener(end)  # Ctrl-C goes straight there
    return leader


def _follow(environment: Environment, runner: WorkerRunner) -> None:
    def end_posting(environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG001
        runner.send_message(POSTED, current().end_posting())

    def judge(environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG001
        accepted = {video: [(number, at) for number, at in numbers] for video, numbers in msg.data.items()}
        runner.send_message(JUDGED, _report(current(), accepted))

    runner.register_message(END_POSTING, end_posting, concurrent=True)
    runner.register_message(JUDGE, judge, concurrent=True)
    del environment

    def test_start(environment: Environment, **_: Any) -> None:
        _begin(environment)

    events.test_start.add_listener(test_start)


def _begin(environment: Environment) -> None:
    """Begin a run in this process, and look after it until the next one begins."""
    run = begin(environment)
    gevent.spawn(_look_after, environment, run)


def _look_after(environment: Environment, run: Run) -> None:
    """Do what is to be done at its time: put deliveries into the table, cut connections, tell of a log's end."""
    cuts, told = list(run.wanted.story.cuts), run.all_posted
    while is_begun() and current() is run:
        run.deliveries.flush(environment.stats)
        while cuts and run.share >= cuts[0][0]:
            lose_connections(cuts.pop(0)[1])
        if run.all_posted and not told:
            told = True
            runner = environment.runner
            if isinstance(runner, WorkerRunner):
                runner.send_message(LOG_POSTED)
            else:
                _log_is_posted(environment)
        wanted_at = time.monotonic() + rows.FLUSH_S
        gevent.sleep(rows.FLUSH_S)
        # On a machine that cannot keep up, latencies say as much of the load as of the service: this says how much.
        rows.behind(environment.stats, time.monotonic() - wanted_at)


def _log_is_posted(environment: Environment) -> None:
    if isinstance(environment.shape_class, Mix):
        environment.shape_class.log_is_posted = True


def everybody_is_there(**_: Any) -> None:
    """All users have been started."""
    if is_begun():
        current().everybody_there = True


events.spawning_complete.add_listener(everybody_is_there)
