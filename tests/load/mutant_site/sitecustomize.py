"""Turns every edge that is started with this folder on its path into one that loses a single comment of each video."""

from faults.mutation import Patch, install

LOST = 20  # the place in the ring of the comment that nobody is sent

install(
    [
        Patch(
            "edge/channel.py",
            "self.ring.append(number, frame, hidden_author)",
            f"self.ring.append(number, frame if self.ring.end != {LOST} else b'', hidden_author)",
        )
    ]
)
