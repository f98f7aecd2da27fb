"""A space from a file, the catalog or text, made ready for a run: checked, scaled, with its base configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from reid_core.config import Value, Values, keys, read_yaml, suggest
from reid_core.errors import ConfigError, Finding, NotFound, SpaceError
from search_spaces import catalog
from search_spaces.adapt import drop_dead, scale_budget, scale_parameters
from search_spaces.base import check_base, checked, recipe_values, scaled_base
from search_spaces.checks import check_defaults, check_keys, check_references
from search_spaces.draft import Draft
from search_spaces.encoding import complete, default_values
from search_spaces.metric_checks import settle_measures
from search_spaces.model import Budget, Parameter, Space
from search_spaces.parse import parse_space
from search_spaces.row_checks import check_row_configurations, check_row_keys, fit_rows
from search_spaces.rows import Row
from search_spaces.tied_checks import check_derived, check_tied

__all__ = ["LoadedSpace", "load_space"]

_MAX_EPOCH = "SOLVER.MAX_EPOCH"


@dataclass(frozen=True, slots=True)
class LoadedSpace:
    """A checked space and what its trials start from.

    `base` holds every configuration key with the recipe's value. `defaults` are the values that are expected to be
    good: each parameter's own `prior`, else its value in `base` (without a recipe, a parameter may have neither, and
    is left out). `text` is the YAML as read from `file`; `space` is as this run uses it: options are in `fixed`,
    epochs are scaled. `notes` say what was changed.
    """

    space: Space
    base: Values
    defaults: Values
    file: str
    text: str
    notes: tuple[str, ...] = ()


def load_space(
    ref: str,
    *,
    overrides: Mapping[str, Value] = MappingProxyType({}),
    max_epochs: int | None = None,
    min_epochs: int | None = None,
) -> LoadedSpace:
    """Load a space by path, by name (in the current folder, then in the catalog), or from YAML text (with a newline).

    `overrides` are keys set for every trial; a parameter among them no longer varies. `max_epochs` and `min_epochs`
    replace those of the budget, and everything that counts in epochs is scaled.
    Raises NotFound when there is no such space, SpaceError with every fault found, each with its place.
    """
    file, text = find(ref)
    try:
        source = read_yaml(text, file)
    except ConfigError as error:
        raise SpaceError(error.findings) from error
    draft = parse_space(source, text, _stem(file))
    if not draft.parameters and not draft.rows:
        settle_measures(draft, {})
        draft.refuse()
    return _Loading(draft, dict(overrides)).load(max_epochs, min_epochs)


def find(ref: str) -> tuple[str, str]:
    """Find a space's text: returns the name of its file for messages, and the text. Raises NotFound."""
    if "\n" in ref:
        return "<text>", ref
    for candidate in (ref, f"{ref}.yaml") if ref else ():
        path = _file(candidate)
        if path is not None:
            return str(path), _read(path)
    if "/" in ref or "\\" in ref:
        near = suggest(Path(ref).stem, catalog.names())
        hint = f"{near} the catalog has {', '.join(catalog.names())}".strip()
        raise NotFound(f"there is no file {ref!r}", hint=hint)
    return str(catalog.file_of(ref)), catalog.read(ref)


class _Loading:
    """The steps from a draft to a loaded space. Each adds its faults to the draft; the last raises them."""

    def __init__(self, draft: Draft, options: Values) -> None:
        self.draft = draft
        self.options = options
        self.notes: list[str] = []
        self._rows: tuple[Row, ...] = ()

    def load(self, max_epochs: int | None, min_epochs: int | None) -> LoadedSpace:
        draft, declared = self.draft, self.draft.budget.max_epochs
        draft.budget = self._budget(max_epochs, min_epochs)
        if draft.recipe is not None:
            check_keys(draft)
        check_row_keys(draft)
        fixed = checked(draft, draft.fixed, options=False)
        options = checked(draft, self.options, options=True)
        recipe = recipe_values(draft, {**fixed, **options})
        settle_measures(draft, {**recipe, **fixed, **options} if recipe else {})
        known = set(keys()) if draft.recipe is not None else {*fixed, *options}
        check_references(draft, known)
        if draft.recipe is not None and not recipe:
            draft.refuse()
        base, fixed = scaled_base(recipe, fixed, declared, draft.budget.max_epochs)
        base, fixed = {**base, **options}, {**fixed, **options}
        self._untie()
        check_tied(draft, {*known, *base})
        parameters, settled = self._varying(declared, base)
        self._rows, notes = fit_rows(
            draft.rows, self.options, declared, draft.budget.max_epochs, checked=draft.recipe is not None
        )
        self.notes += notes
        return self._finish(parameters, {**fixed, **settled}, {**base, **settled})

    def _budget(self, max_epochs: int | None, min_epochs: int | None) -> Budget:
        """Find the budget of this run. `--set SOLVER.MAX_EPOCH 9` means `--max-epochs 9`."""
        if _MAX_EPOCH in self.draft.fixed and self.draft.recipe is not None:
            self.draft.fixed.pop(_MAX_EPOCH)
            path = ("fixed", _MAX_EPOCH)
            self.draft.report("budget-key", f"{_MAX_EPOCH} is the budget", path, hint="set budget.max_epochs")
        option = self.options.pop(_MAX_EPOCH, None) if self.draft.recipe is not None else None
        if option is not None and (isinstance(option, bool) or not isinstance(option, int)):
            message = f"{_MAX_EPOCH} is {option!r}; it must be a whole number"
            self.draft.findings.append(Finding("wrong-type", message, f"--set {_MAX_EPOCH}", key=_MAX_EPOCH))
        elif option is not None:
            if max_epochs not in {None, option}:
                message = f"{_MAX_EPOCH} is {option}, but --max-epochs is {max_epochs}"
                self.draft.findings.append(Finding("budget-key", message, f"--set {_MAX_EPOCH}", key=_MAX_EPOCH))
            max_epochs = option
        try:
            return scale_budget(self.draft.budget, max_epochs, min_epochs)
        except ValidationError as error:
            place = "--max-epochs" if min_epochs is None else "--min-epochs"
            for detail in error.errors():
                code = detail["type"] if "-" in detail["type"] else "out-of-range"
                message = detail["msg"].replace("Input should be", f"{detail['input']} should be")
                self.draft.findings.append(Finding(code, message, place, key="budget"))
            return self.draft.budget

    def _varying(self, declared: int, base: Values) -> tuple[dict[str, Parameter], Values]:
        """Find the parameters that vary in this run, and the values of those that a short run leaves no room."""
        free: dict[str, Parameter] = {}
        for key, parameter in self.draft.parameters.items():
            if key in self.options:
                self.notes.append(f"{key} is set to {self.options[key]!r} and does not vary")
            else:
                free[key] = parameter
        settled: Values = {}
        if self.draft.recipe is not None:
            free, settled, notes = scale_parameters(free, declared, self.draft.budget.max_epochs)
            self.notes += notes
        free, notes = drop_dead(free, {**base, **settled})
        self.notes += notes
        if not free and self.draft.parameters:
            message = "no parameter is left to vary"
            hint = "; ".join(self.notes)
            self.draft.findings.append(Finding("empty-space", message, "--set", hint=hint, key="parameters"))
        return free, settled

    def _untie(self) -> None:
        """A key that an option sets follows nothing any more."""
        for key in [key for key in self.draft.tied if key in self.options]:
            self.notes.append(f"{key} is set to {self.options[key]!r} and follows nothing")
            del self.draft.tied[key]

    def _finish(self, parameters: dict[str, Parameter], fixed: Values, base: Values) -> LoadedSpace:
        draft = self.draft
        faulty = {found.key for found in draft.findings}
        sound = {key: parameter for key, parameter in parameters.items() if key not in faulty}
        if not draft.rows:  # what rows begin with is not trained
            check_defaults(draft, sound, base, default_values(sound, base))
        base = check_base(draft, base, self.options)
        defaults = default_values(sound, base)
        check_derived(draft, sound, base, defaults)
        tied = {key: rule for key, rule in draft.tied.items() if key not in {found.key for found in draft.findings}}
        if draft.recipe is None:
            tied = {}  # what a tied key follows need not have a default; nothing is checked against a schema
        first = check_base(draft, complete(base, defaults, tied), self.options)
        check_row_configurations(draft, self._rows, base)
        draft.refuse()
        draft.parameters, draft.fixed, draft.rows = parameters, fixed, self._rows
        defaults = {key: first[key] for key in defaults}
        return LoadedSpace(draft.space(), base, defaults, draft.source.file, draft.text, tuple(self.notes))


def _stem(file: str) -> str:
    return "unnamed" if file == "<text>" else Path(file).stem


def _file(name: str) -> Path | None:
    try:
        path = Path(name).expanduser()
        return path if path.is_file() else None
    except (OSError, RuntimeError):  # a name too long for the file system, or of an unknown person, names no file
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpaceError(Finding("unreadable", "not a text file in UTF-8", str(path))) from error
    except OSError as error:
        raise SpaceError(Finding("unreadable", f"cannot be read: {error.strerror}", str(path))) from error
