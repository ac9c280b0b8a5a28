r"""A load of watchers, posters and readers, with locust. What it is made of stands in `load/`.

    make run                                                            # in one terminal
    .venv/bin/locust --headless -t 30s                                  # in another
    .venv/bin/locust --headless --watchers 500 --posters 50 --readers 5 --rate 100 --videos 5 -t 1m
    .venv/bin/locust --headless --story goal -t 2m                      # or quiet, raid, celebrity
    .venv/bin/locust --headless --chat-log LOG.ndjson.gz --speed 60 --watchers 500 --processes 2
    .venv/bin/locust                                                    # with locust's own page, at :8089

Without `--host` it goes to the cluster that runs in LIVECOMMENTS_DATA_DIR. Above the cluster's rates it waits as it is
told to, and above the readable rate viewers are shown a sample; to measure without,

    LIVECOMMENTS_READABLE_RATE=0 LIVECOMMENTS_USER_RATE=0 LIVECOMMENTS_USER_TOTAL_RATE=0 \
    LIVECOMMENTS_POSTS_PER_ADDRESS=0 LIVECOMMENTS_REQUESTS_PER_ADDRESS=0 make run

Arrivals are an open loop: a comment is due at its time whether or not those before it were answered, and each latency
counts from then. Each watcher is held to account: a comment that was missed, came twice or out of order ends the run
with status 1.
"""

from __future__ import annotations

from typing import Any

from locust import events
from locust.env import Environment

from livecomments.cluster_here import NoClusterError, public_url
from load import charts, joining
from load.options import add_options, fill_in
from load.poster import Poster
from load.reader import Reader
from load.replayer import Replayer
from load.shape import Mix
from load.watcher import Watcher
from runtime.settings import SettingsError, read_settings

__all__ = ["Mix", "Poster", "Reader", "Replayer", "Watcher"]


def set_up(environment: Environment, **_: Any) -> None:
    """Find the cluster, check what is asked for, and make ready for runs."""
    assert environment.parsed_options is not None
    fill_in(environment.parsed_options)
    try:
        environment.host = public_url(read_settings(), environment.host)
    except (NoClusterError, SettingsError) as error:  # locust would print where it was raised
        raise SystemExit(f"Error: {error}") from None
    leader = joining.set_up(environment)
    if leader is not None:
        charts.set_up(environment, leader)


events.init_command_line_parser.add_listener(add_options)
events.init.add_listener(set_up)
