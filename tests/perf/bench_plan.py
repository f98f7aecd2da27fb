"""How near the plan is to what happens: time, epochs and GPU-hours of a study before its start and after its end."""

from __future__ import annotations

import os
from collections.abc import Sequence

from perf_rows import Row, Run, Sample, at_most, benchmark

_OFF = "planned against spent, off by"


@benchmark(
    Row(f"study time {_OFF}", "%", at_most(25)),
    Row(f"study epochs {_OFF}", "%", at_most(25)),
    Row(f"study GPU-hours {_OFF}", "%", at_most(25)),
    timeout=1800,
)
def accuracy(run: Run) -> tuple[Sample, Sample, Sample]:
    """The demo's space on synthetic images with fewer epochs, as `run` would do it; measured first, then run on Ray.

    Trials without a GPU have no GPU-hours to compare: not measured.
    """
    from orchestrator.events import StudyState
    from orchestrator.search.limits import gpu_hours
    from orchestrator.service.run import open_run
    from orchestrator.service.service import Service
    from orchestrator.service.views import PlanView, StudyRequest

    service = Service(run.folder / "home")

    def once(seed: int) -> tuple[PlanView, StudyState]:
        request = StudyRequest(
            space="bnneck", trials=run.size(8, 3), max_epochs=run.size(6, 2), seed=seed, name=f"plan-{seed}"
        )
        view = service.plan(request, measure=True)
        service.prepare(request)
        study = service.create(request).id
        with open_run(service, study, track=False) as handle:
            return view, handle.run()

    pairs = [once(seed) for seed in range(run.size(2, 1))]
    load = os.getloadavg()[0]
    told, spent = [view.seconds or 0.0 for view, _ in pairs], [state.wall_seconds() for _, state in pairs]
    times = ", ".join(f"{plan:.0f} s for {real:.0f} s" for plan, real in zip(told, spent, strict=True))
    hours = [view.gpu_hours or 0.0 for view, _ in pairs]
    epochs = [(view.plan.epochs, state.epochs_spent) for view, state in pairs]
    return (
        Sample(list(map(_off, told, spent)), note=f"{times}; load {load:.1f}"),
        Sample([_off(*pair) for pair in epochs], note=", ".join(f"{plan} for {real}" for plan, real in epochs)),
        compared(hours, [gpu_hours(state) for _, state in pairs]),
    )


def compared(planned: Sequence[float], real: Sequence[float]) -> Sample:
    """How far plans were off; nothing where nothing was planned and nothing spent."""
    if not any(planned) and not any(real):
        return Sample((), missing="no GPU")
    return Sample(list(map(_off, planned, real)))


def _off(planned: float, real: float) -> float:
    """Percent between plan and reality, of reality."""
    return 100 * abs(planned - real) / real if real else 100.0 * (planned != 0)
