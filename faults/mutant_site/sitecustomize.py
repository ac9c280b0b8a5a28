"""Turns a process of the system into a mutant. Only the fault suite puts this folder on a process's path."""

import os
import traceback

_NAME = os.environ.get("FAULTS_MUTANT")
if _NAME:
    try:
        from faults.mutants import mutant
        from faults.mutation import install

        install(mutant(_NAME).patches)
    except Exception:  # noqa: BLE001  Python would go on without us, and the process would be no mutant
        traceback.print_exc()
        os._exit(1)
