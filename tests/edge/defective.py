"""An edge with a defect: whoever comes to a video whose id begins with `defect` cannot be brought to live."""

from __future__ import annotations

from typing import Any

import edge.app
from edge.joining import Joining
from runtime.http import HttpProtocol
from runtime.service import run as run_part
from runtime.settings import Settings

DEFECT = "defect"


class _DefectiveJoining(Joining):
    def join_now(self, viewer: Any, video: Any, position: Any) -> bool:
        """Fail once the viewer stands among those of its video, the worst moment."""
        if video.channel.video.startswith(DEFECT):
            video.channel.expect(viewer)
            raise RuntimeError("a defect")
        return super().join_now(viewer, video, position)


def run(settings: Settings, *, hands_over: bool) -> None:
    """Run it, with or without the extension that gives connections away."""
    edge.app.Joining = _DefectiveJoining  # type: ignore[misc]
    run_part(edge.app.make_service, settings, edge.app.HTTP_PROTOCOL if hands_over else HttpProtocol)
