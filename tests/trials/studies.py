"""Studies over CurveTrial: a small space, its creation event, and a controller over it."""

from __future__ import annotations

from pathlib import Path

from orchestrator.backends.inline import InlineBackend
from orchestrator.backends.protocol import Backend
from orchestrator.control.controller import Controller
from orchestrator.events import StudyCreated
from orchestrator.search.plan import make_plan
from orchestrator.store import Store
from orchestrator.trial.protocol import Resources
from search_spaces.model import Float, Int, Space

CURVE_TRIAL = "trials.curves:CurveTrial"


def created(
    name: str = "curves", *, trials: int = 5, max_epochs: int = 9, algorithm: str = "bohb", **base: object
) -> StudyCreated:
    """The first event of a study with two parameters, one that matters."""
    space = Space(
        name="curves",
        parameters={
            "lr": Float(low=1e-5, high=1e-1, log=True, prior=1e-4),
            "width": Int(low=1, high=8, prior=4),
        },
    )
    return StudyCreated(
        study=f"id-{name}",
        name=name,
        space=space,
        base={"lr": 1e-4, "width": 4, **base},
        plan=make_plan(max_epochs, 1, 3, trials),
        seed=7,
        algorithm=algorithm,
        backend="inline",
        workers=1,
    )


def controller(
    store: Store, study: str, directory: Path, backend: Backend | None = None, **options: object
) -> Controller:
    """A controller over `study` with the inline backend unless another is given."""
    return Controller(
        store,
        study,
        backend or InlineBackend(CURVE_TRIAL),
        directory=directory,
        resources=Resources(),
        **options,  # type: ignore[arg-type]
    )
