"""A study whose controller, a process of its own, is killed again and again until it is let finish."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from orchestrator.events import EpochReported
from orchestrator.store import open_store
from trials.studies import created

TESTS = str(Path(__file__).resolve().parents[1])
SCRIPT = """
import os, signal, sys
from pathlib import Path
from orchestrator.backends.{module} import {backend}
from orchestrator.store import open_store
from orchestrator.trial.protocol import Resources
from trials.studies import CURVE_TRIAL, controller
folder, left = Path(sys.argv[1]), int(sys.argv[2])
store = open_store(folder / "studies.db")
backend = {backend}(2, Resources(1), trial=CURVE_TRIAL, **eval(sys.argv[3]))
def see(logged, state):
    if logged.seq >= left:
        os.kill(os.getpid(), signal.SIGKILL)
state = controller(store, "id-curves", folder, backend, observer=see).run()
backend.close()
print(state.status.value)
"""


def check_killed_controllers(
    folder: Path,
    module: str,
    backend: str,
    kills: tuple[int, ...],
    *,
    options: dict[str, object] | None = None,
    trials: int = 5,
    max_epochs: int = 9,
    **base: object,
) -> int:
    """Kill the controller at each of these events, let the last one finish: every epoch is reported once.

    `options` are the backend's. How many events the study has.
    """
    store = open_store(folder / "studies.db")
    first = created(trials=trials, max_epochs=max_epochs, **base)
    store.create_study(first, 0.0)
    for kill_at in (*kills, 10_000):
        script = SCRIPT.format(module=module, backend=backend)
        done = subprocess.run(
            [sys.executable, "-c", script, str(folder), str(kill_at), repr(options or {})],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((TESTS, os.environ.get("PYTHONPATH", "")))},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        holder = store.holder("id-curves")
        if holder is not None:
            assert done.returncode == -signal.SIGKILL
            store.release("id-curves", holder.token)
    assert done.stdout.strip().endswith("completed"), done.stderr
    log = [logged.event for logged in store.events("id-curves")]
    reported = [(e.trial, e.epoch) for e in log if isinstance(e, EpochReported)]
    assert len(reported) == len(set(reported)) == first.plan.epochs
    store.close()
    return len(log)
