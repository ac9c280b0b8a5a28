"""`make bench-checks` measures all checks: whatever is added to the writer is to be among them."""

from __future__ import annotations

from bench.write.lines.checks import ALL_ON
from bench.write.unchecked import TAKEN_OUT
from runtime.settings import Settings
from writer.house_rules import HouseRules
from writer.limits import Limits


def test_every_check_of_the_writer_is_taken_out_of_the_one_beside_it():
    taken_out = {(owner, name) for owner, name, _ in TAKEN_OUT}
    assert all(hasattr(owner, name) for owner, name in taken_out)
    checks = {
        (owner, name) for owner in (Limits, HouseRules) for name in vars(owner) if name.startswith(("take_", "check_"))
    }
    of_others = {(Limits, "take_delete"), (Limits, "take_guest")}
    assert checks - of_others <= taken_out, "all but those that are no checks of a comment"


def test_every_limit_of_comments_is_on():
    names = {name.removeprefix("LIVECOMMENTS_").lower() for name in ALL_ON}
    assert names <= Settings.model_fields.keys()
    limits = {"user_rate", "user_total_rate", "video_rate", "posts_per_address", "duplicate_window_s", "same_text_rate"}
    assert limits <= names
    assert all(float(value) > 0 for value in ALL_ON.values())
