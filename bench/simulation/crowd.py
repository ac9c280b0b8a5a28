"""How viewers spread over videos: by a power law, as on any platform. A few videos have most of the viewers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ZIPF = 1.0  # live platforms lie around 1: the audience of the n-th video is that of the first, over n


def viewers_of_videos(viewers: int, videos: int, exponent: float = ZIPF) -> npt.NDArray[np.int64]:
    """Return how many viewers each video has, the largest first; together `viewers`."""
    shares = np.arange(1, videos + 1, dtype=float) ** -exponent
    exact = viewers * shares / shares.sum()
    whole: npt.NDArray[np.int64] = np.floor(exact).astype(np.int64)
    rest = viewers - int(whole.sum())
    whole[np.argsort(whole - exact)[:rest]] += 1  # what rounding down left out goes where most of it was lost
    return whole
