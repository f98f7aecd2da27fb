"""Asking an algorithm for the next move when 10,000 trials are known."""

from __future__ import annotations

from perf_rows import Row, Run, Sample, at_most, benchmark, seconds

_BUDGET = at_most(50)
_PEER = "Optuna's TPE, in memory"


def _ask(run: Run, algorithm: str) -> Sample:
    """Time `next` alone; between two questions a new result comes in, as it does in a study, so no answer is kept."""
    from perf_study import Writer, grown_state

    from orchestrator.events import Event, Logged, SegmentStarted
    from orchestrator.search import Move, NewTrial, make_algorithm

    begun = run.size(10_000, 1_000)
    writer = Writer(begun + 2_000, begun, algorithm=algorithm)
    state = grown_state(writer)
    search = make_algorithm(writer.created)

    def apply(event: Event) -> None:
        state.apply(Logged(state.seq + 1, 0.0, event))

    def carry_out(move: Move) -> None:
        if isinstance(move, NewTrial):
            trial = max(state.trials) + 1
            apply(move.suggested(trial))
        else:
            trial = move.trial
        known = state.trials[trial]
        for event in writer.segment(trial, known.epoch, move.to_epoch, writer.curve(known.values)):
            apply(event.model_copy(update={"reason": move.reason}) if isinstance(event, SegmentStarted) else event)

    times: list[float] = []
    for _ in range(run.size(15, 4)):
        moves: list[Move | None] = []
        times.append(1e3 * seconds(lambda found=moves: found.append(search.next(state))))  # type: ignore[misc]
        move = moves[0]
        if move is None:
            raise RuntimeError("the search had nothing to do")
        carry_out(move)
    note = f"median of {len(times)}, slowest {max(times):.0f} ms"
    return Sample(times[1:], _optuna(run, begun) if algorithm == "bohb" else (), note)


def _optuna(run: Run, begun: int) -> list[float]:
    """Optuna's default sampler over the same number of finished trials and as many parameters."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space: dict[str, optuna.distributions.BaseDistribution] = {
        f"x{index}": optuna.distributions.FloatDistribution(0.0, 1.0) for index in range(12)
    }
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    import numpy as np

    points = np.random.default_rng(0).random((begun, 12))
    for point in points:
        values = {name: float(value) for name, value in zip(space, point, strict=True)}
        study.add_trial(optuna.trial.create_trial(params=values, distributions=space, value=float(point.sum())))

    def ask() -> None:
        study.ask(space)

    return [1e3 * seconds(ask) for _ in range(run.size(5, 2))]


@benchmark(Row("ask at 10,000 trials: bohb", "ms", _BUDGET, _PEER))
def ask_bohb(run: Run) -> Sample:
    return _ask(run, "bohb")


@benchmark(Row("ask at 10,000 trials: freeze-thaw", "ms", _BUDGET))
def ask_freeze_thaw(run: Run) -> Sample:
    return _ask(run, "freeze-thaw")


@benchmark(Row("ask at 10,000 trials: random", "ms", _BUDGET))
def ask_random(run: Run) -> Sample:
    return _ask(run, "random")
