"""The samplers by their names here. Optuna loads slowly: only when a study asks for one of them."""

from __future__ import annotations

from orchestrator.events import StudyCreated
from orchestrator.search.samplers.by_optuna.sampler import OptunaSampler

__all__ = ["cma_es", "gp", "nsga2", "nsga3", "tpe"]


def tpe(created: StudyCreated) -> OptunaSampler:
    """Optuna's tree-structured Parzen estimator."""
    from orchestrator.search.samplers.by_optuna.tpe import make_tpe  # noqa: PLC0415 - Optuna loads slowly

    return make_tpe(created)


def gp(created: StudyCreated) -> OptunaSampler:
    """Optuna's Gaussian process."""
    from orchestrator.search.samplers.by_optuna.gp import make_gp  # noqa: PLC0415 - as above

    return make_gp(created)


def cma_es(created: StudyCreated) -> OptunaSampler:
    """Optuna's CMA-ES."""
    from orchestrator.search.samplers.by_optuna.cma_es import make_cma_es  # noqa: PLC0415 - as above

    return make_cma_es(created)


def nsga2(created: StudyCreated) -> OptunaSampler:
    """Optuna's NSGA-II."""
    from orchestrator.search.samplers.by_optuna.populations import make_nsga2  # noqa: PLC0415 - as above

    return make_nsga2(created)


def nsga3(created: StudyCreated) -> OptunaSampler:
    """Optuna's NSGA-III."""
    from orchestrator.search.samplers.by_optuna.populations import make_nsga3  # noqa: PLC0415 - as above

    return make_nsga3(created)
