"""Fuzz what takes bytes from strangers, with coverage as the guide (atheris, libFuzzer). Part of `make faults`.

    python -m tests.fuzz SECONDS

Each target has its share of the time. What breaks one is printed with the bytes that did it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

MAX_INPUT_BYTES = 4096


def fuzz_one(name: str, seconds: int, folder: str) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["wire", "runtime.tokens", "writer.guests", "tests.fuzz"]):
        from tests.fuzz import targets
    for number, seed in enumerate(targets.SEEDS):
        Path(folder, f"seed-{number}").write_bytes(seed)
    arguments = [sys.argv[0], folder, f"-max_total_time={seconds}", f"-max_len={MAX_INPUT_BYTES}", "-verbosity=0"]
    atheris.Setup([*arguments, "-print_final_stats=1", f"-artifact_prefix={folder}/"], getattr(targets, name))
    atheris.Fuzz()


def main() -> int:
    """Fuzz every target, one after the other."""
    if len(sys.argv) == 4:
        fuzz_one(sys.argv[1], int(sys.argv[2]), sys.argv[3])
        return 0
    from tests.fuzz.targets import TARGETS

    each_s = max(1, int(sys.argv[1]) // len(TARGETS))
    broken = []
    for target in TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-m", "tests.fuzz", target.__name__, str(each_s), folder],
                check=False,
                capture_output=True,
                text=True,
                errors="replace",
            )
        runs = next((line for line in done.stderr.splitlines() if "number_of_executed_units" in line), "")
        print(f"{target.__name__}: {'broken' if done.returncode else 'holds'} {runs.rpartition(' ')[2]} inputs")
        if done.returncode:
            broken.append(target.__name__)
            print(done.stderr[-4000:])
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
