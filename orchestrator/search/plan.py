"""From a number of trials to rungs, brackets and epochs, in Hyperband's fashion (Li et al. 2018).

The grid: rung k below the top is max_epochs / eta^k, rounded; rungs below min_epochs are left out.

The brackets: one of depth s compares on the s + 1 highest rungs and starts eta^s trials, of which one
of eta is promoted at each rung. They follow each other from the deepest to a single full run and then
from the start, until every trial has a place. What is left over and does not fill the next bracket is a
bracket of its own, as deep as its trials need: 5 trials climb 5 -> 2 -> 1, 2 trials climb 2 -> 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.events import Bracket, Plan
from reid_core.errors import Finding, SpaceError

__all__ = [
    "MOST_TRIALS",
    "PlanRow",
    "describe_plan",
    "equal_brackets",
    "even_rungs",
    "everyone_on_every_rung",
    "full_runs",
    "make_plan",
    "one_bracket",
    "plan_for_epochs",
    "population_plan",
    "scale_min_epochs",
]

MOST_TRIALS = 100_000
"""What a study holds: ten times what its budgets are measured with. A mistyped number is an error, not an hour."""
_LEAST_MEMBERS = 4


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One rung of one bracket: `trials` of them go from `from_epoch` to `rung` for `epochs` in all.

    `promoted` go on from here. `full_runs` is the row's cost in trainings of max_epochs.
    """

    bracket: int
    rung: int
    trials: int
    promoted: int
    from_epoch: int
    epochs: int
    full_runs: float


def make_plan(max_epochs: int, min_epochs: int, eta: int, trials: int) -> Plan:
    """The plan of exactly `trials` configurations.

    12 trials, max 60, min 7, eta 3: 9 -> 3 -> 1 over 7/20/60 and 3 -> 1 over 20/60, 242 epochs for 720.
    Raises SpaceError with every number that makes no sense.
    """
    _check(max_epochs, min_epochs, eta, trials)
    rungs = _grid(max_epochs, min_epochs, eta)
    return _plan(max_epochs, min_epochs, eta, rungs, _brackets(rungs, eta, trials))


def plan_for_epochs(max_epochs: int, min_epochs: int, eta: int, epochs: int) -> Plan:
    """The plan with as many trials as `epochs` pay for: brackets in turn, the last as wide as what is left.

    Never more than MOST_TRIALS. Raises SpaceError when not even one full run fits.
    """
    _check(max_epochs, min_epochs, eta, trials=1)
    if epochs < max_epochs:
        message = f"{epochs} epochs do not pay for one full run of {max_epochs}"
        raise SpaceError(Finding("budget", message, key="epochs", hint=f"give at least {max_epochs} epochs"))
    rungs = _grid(max_epochs, min_epochs, eta)
    brackets: list[Bracket] = []
    left = epochs
    places = MOST_TRIALS
    while True:
        depth = len(rungs) - 1 - len(brackets) % len(rungs)
        bracket = _bracket(rungs, eta, depth, eta**depth)
        if bracket.epochs > left or bracket.sizes[0] > places:
            break
        brackets.append(bracket)
        left -= bracket.epochs
        places -= bracket.sizes[0]
    rest = [_rest(rungs, eta, size) for size in range(1, min(eta ** (len(rungs) - 1), places + 1))]
    fitting = [bracket for bracket in rest if bracket.epochs <= left]
    brackets += fitting[-1:]
    return _plan(max_epochs, min_epochs, eta, rungs, brackets)


def full_runs(max_epochs: int, eta: int, trials: int) -> Plan:
    """The plan of `trials` full runs that nothing stops early: one rung, nobody is promoted."""
    _check(max_epochs, max_epochs, eta, trials)
    bracket = Bracket(rungs=(max_epochs,), sizes=(trials,))
    return _plan(max_epochs, max_epochs, eta, (max_epochs,), [bracket])


def equal_brackets(max_epochs: int, min_epochs: int, eta: int, trials: int) -> Plan:
    """Brackets of one width, from the lowest rung to a single full run; the last has the trials that are left.

    12 trials, max 60, min 7, eta 3: 9 -> 3 -> 1 and 3 -> 1 -> 1 over 7/20/60.
    """
    _check(max_epochs, min_epochs, eta, trials)
    rungs = _grid(max_epochs, min_epochs, eta)
    depth = len(rungs) - 1
    whole, rest = divmod(trials, eta**depth)
    sizes = [eta**depth] * whole + ([rest] if rest else [])
    return _plan(max_epochs, min_epochs, eta, rungs, [_bracket(rungs, eta, depth, size) for size in sizes])


def one_bracket(max_epochs: int, min_epochs: int, eta: int, trials: int) -> Plan:
    """All trials in one bracket from the lowest rung: 12 -> 4 -> 2 over 7/20/60."""
    _check(max_epochs, min_epochs, eta, trials)
    rungs = _grid(max_epochs, min_epochs, eta)
    return _plan(max_epochs, min_epochs, eta, rungs, [_bracket(rungs, eta, len(rungs) - 1, trials)])


def everyone_on_every_rung(max_epochs: int, min_epochs: int, eta: int, trials: int) -> Plan:
    """One bracket with room for every trial on every rung: what a search costs at most whose rule counts no places."""
    _check(max_epochs, min_epochs, eta, trials)
    rungs = _grid(max_epochs, min_epochs, eta)
    return _plan(max_epochs, min_epochs, eta, rungs, [Bracket(rungs=rungs, sizes=(trials,) * len(rungs))])


def population_plan(max_epochs: int, min_epochs: int, eta: int, members: int) -> Plan:
    """The plan of a population: every member, or what takes its place, climbs all even rungs. `eta` has no effect.

    Raises SpaceError for fewer than 4 members, which have no quarters, and for fewer than two rungs.
    """
    _check(max_epochs, min_epochs, eta, max(1, members))
    rungs = even_rungs(max_epochs, min_epochs)
    found: list[Finding] = []
    if members < _LEAST_MEMBERS:
        message = f"a population of {members} has no best and no worst quarter"
        hint = f"give at least {_LEAST_MEMBERS} trials, or {_LEAST_MEMBERS * max_epochs} epochs"
        found.append(Finding("population", message, key="trials", hint=hint))
    if len(rungs) < 2:
        message = f"{max_epochs} epochs have no rung below the last with {min_epochs} epochs between two"
        hint = "raise max_epochs, or lower min_epochs to half of it or less"
        found.append(Finding("population", message, key="max_epochs", hint=hint))
    if found:
        raise SpaceError(found)
    return _plan(max_epochs, min_epochs, eta, rungs, [Bracket(rungs=rungs, sizes=(members,) * len(rungs))])


def even_rungs(max_epochs: int, min_epochs: int) -> tuple[int, ...]:
    """From 10 down to 5 rungs as many as divide max_epochs, at least min_epochs apart; 60 and 7: 10, 20 ... 60.

    Where none does, 8 or as many as min_epochs leaves room for, rounded half up.
    """
    most = max(1, max_epochs // min_epochs)
    fitting = (count for count in range(min(10, most), 4, -1) if max_epochs % count == 0)
    count = next(fitting, min(8, most))
    return tuple((2 * level * max_epochs + count) // (2 * count) for level in range(1, count + 1))


def scale_min_epochs(min_epochs: int, declared_max: int, max_epochs: int) -> int:
    """The lowest rung when a space made for `declared_max` epochs runs with `max_epochs`.

    Shorter runs scale it in proportion (7 of 60 becomes 1 of 9), so that the study keeps its rungs;
    longer runs keep it: an epoch costs the same.
    """
    return max(1, min_epochs * max_epochs // declared_max) if max_epochs < declared_max else min_epochs


def describe_plan(plan: Plan) -> list[PlanRow]:
    """The plan as rows for a table, bracket by bracket (counted from 1), rung by rung."""
    rows: list[PlanRow] = []
    for number, bracket in enumerate(plan.brackets, start=1):
        starts = (0, *bracket.rungs[:-1])
        onward = (*bracket.sizes[1:], 0)
        for rung, size, start, promoted in zip(bracket.rungs, bracket.sizes, starts, onward, strict=True):
            epochs = size * (rung - start)
            rows.append(PlanRow(number, rung, size, promoted, start, epochs, epochs / plan.max_epochs))
    return rows


def _check(max_epochs: int, min_epochs: int, eta: int, trials: int) -> None:
    findings = [
        Finding("budget", f"{key} is {value}, less than {least}", key=key, hint=f"give at least {least}")
        for key, value, least in (
            ("max_epochs", max_epochs, 1),
            ("min_epochs", min_epochs, 1),
            ("eta", eta, 2),
            ("trials", trials, 1),
        )
        if value < least
    ]
    if trials > MOST_TRIALS:
        message = f"{trials} trials are more than a study holds"
        findings.append(Finding("budget", message, key="trials", hint=f"give at most {MOST_TRIALS}"))
    if not findings and min_epochs > max_epochs:
        message = f"min_epochs ({min_epochs}) is above max_epochs ({max_epochs})"
        hint = "lower min_epochs or raise max_epochs"
        findings.append(Finding("budget", message, key="min_epochs", hint=hint))
    if findings:
        raise SpaceError(findings)


def _grid(max_epochs: int, min_epochs: int, eta: int) -> tuple[int, ...]:
    """Rungs from the lowest to max_epochs; rounding half up, so that no machine decides otherwise."""
    rungs = {max_epochs}
    power = 1
    while power < max_epochs:
        power *= eta
        rung = (2 * max_epochs + power) // (2 * power)
        if rung >= min_epochs:
            rungs.add(rung)
    return tuple(sorted(rungs))


def _brackets(rungs: tuple[int, ...], eta: int, trials: int) -> list[Bracket]:
    brackets: list[Bracket] = []
    left = trials
    while left:
        depth = len(rungs) - 1 - len(brackets) % len(rungs)
        if left < eta**depth:
            return [*brackets, _rest(rungs, eta, left)]
        brackets.append(_bracket(rungs, eta, depth, eta**depth))
        left -= eta**depth
    return brackets


def _rest(rungs: tuple[int, ...], eta: int, size: int) -> Bracket:
    """A bracket for fewer trials than a regular one has: as deep as it takes to leave one at the top."""
    depth = 0
    while depth < len(rungs) - 1 and eta**depth < size:
        depth += 1
    return _bracket(rungs, eta, depth, size)


def _bracket(rungs: tuple[int, ...], eta: int, depth: int, size: int) -> Bracket:
    sizes = tuple(-(-size // eta**level) for level in range(depth + 1))
    return Bracket(rungs=rungs[len(rungs) - 1 - depth :], sizes=sizes)


def _plan(max_epochs: int, min_epochs: int, eta: int, rungs: tuple[int, ...], brackets: list[Bracket]) -> Plan:
    return Plan(max_epochs=max_epochs, min_epochs=min_epochs, eta=eta, rungs=rungs, brackets=tuple(brackets))
