"""Has measurements that are started with this folder on their path wait less for what, as a test knows, never comes."""

from faults.mutation import Patch, install

install(
    [
        Patch("bench/viewers.py", "LAST_ONES_TIMEOUT_S: Final = 10 ", "LAST_ONES_TIMEOUT_S: Final = 3 "),
        Patch("load/joining.py", "MISSING_S: Final = 10.0 ", "MISSING_S: Final = 2.0 "),
    ]
)
