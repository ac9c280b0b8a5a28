"""SQL in named, described blocks of `.sql` files that lie beside the code that runs them.

A block begins with a line `-- name --`, and reaches to the next one:

    -- position --
    -- How far a shard is in Postgres.
    SELECT through FROM archive_position WHERE shard = $1
"""

from __future__ import annotations

import re
from importlib.resources import files

_NAME = re.compile(r"^-- ([a-z_]+) --$", re.MULTILINE)


def load_queries(package: str, file: str) -> dict[str, str]:
    """Return the blocks of a package's `.sql` file by their names."""
    text = files(package).joinpath(file).read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return {name: block.strip() for name, block in zip(parts[::2], parts[1::2], strict=True)}
