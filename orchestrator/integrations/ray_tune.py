"""The search for users of Ray Tune: a Searcher that chooses configurations, a TrialScheduler that pauses at rungs.

    search = ReidTuneSearch("bnneck", trials=12)
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(search_alg=search, scheduler=ReidTuneScheduler(search), num_samples=search.trials),
    )

`training_iteration` is the epoch. Without the scheduler, every trial is a full run; with it, trials rest at the rungs
of the plan and go on from their checkpoint, as in a study of `reid-tune run`.
"""

from orchestrator.integrations.tune_scheduler import ReidTuneScheduler
from orchestrator.integrations.tune_search import ReidTuneSearch
from orchestrator.integrations.tune_space import space_of

__all__ = ["ReidTuneScheduler", "ReidTuneSearch", "space_of"]
