"""What a person waits for at the prompt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from perf_rows import Row, Run, Sample, at_most, benchmark, seconds


@benchmark(Row("reid-tune --help", "s", at_most(0.3), "mlflow --help"))
def help_text(run: Run) -> Sample:
    """Wall time of the whole command; the first call, which may compile, does not count."""

    def call(command: str) -> float:
        program = [str(Path(sys.executable).with_name(command)), "--help"]
        return seconds(lambda: subprocess.run(program, check=True, stdout=subprocess.DEVNULL))

    call("reid-tune")
    call("mlflow")
    times = [call("reid-tune") for _ in range(run.size(11, 3))]
    return Sample(
        times, [call("mlflow") for _ in range(run.size(3, 1))], f"median of {len(times)}, best {min(times):.2f} s"
    )
