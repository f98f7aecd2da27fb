"""The configuration that every trial of a space starts from: recipe, fixed values, options, schedule scaled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reid_core.config import Value, Values, from_values, load_config, scale_to, to_values
from reid_core.config.convert import typed, unknown_key
from reid_core.config.keys import key_table
from reid_core.config.rules import Fault
from reid_core.errors import ConfigError, Finding, NotFound
from search_spaces.draft import Draft

__all__ = ["check_base", "checked", "recipe_values", "scaled_base"]


def recipe_values(draft: Draft, settings: Values) -> Values:
    """Read the recipe: a file beside the space's file, a path, or a shipped name. Faults go to the draft.

    `settings` may make a recipe usable that is not so alone, as FastReID's files that would download weights.
    """
    if draft.recipe is None:
        return {}
    beside = Path(draft.source.file).parent / draft.recipe
    source = beside if beside.is_file() else draft.recipe
    scaled_keys = set(scale_to({}, 1))
    try:
        return load_config(source).values
    except NotFound as error:
        draft.report("unknown-recipe", error.message, ("recipe",), hint=error.hint, key="recipe")
        return {}
    except ConfigError as alone:
        try:
            return load_config(source, {k: v for k, v in settings.items() if k not in scaled_keys}).values
        except ConfigError:
            draft.findings.extend(alone.findings)
            return {}


def checked(draft: Draft, values: Mapping[str, Value], *, options: bool) -> Values:
    """Keep what the schema accepts, as it stores it. Faults go to the draft: in `fixed`, or of the options."""
    if draft.recipe is None:
        return dict(values)
    known = {key: value for key, value in values.items() if key in key_table()}
    sound, faults = typed(known)
    for fault in (*faults, *(unknown_key(key) for key in values if key not in known)):
        draft.findings.append(_finding(draft, fault, options={fault.keys[0]} if options else set()))
    return {key: sound[key] for key in values if key in sound}


def scaled_base(recipe: Values, fixed: Values, declared: int, epochs: int) -> tuple[Values, Values]:
    """Scale the schedule to `epochs`, by way of the `declared` length that the fixed values are written for.

    A parameter's values take the same way, so that the recipe's stays among them.
    Returns the whole configuration, and the fixed values as they are after scaling.
    """
    if not recipe:
        return dict(fixed), fixed
    whole = scale_to({**scale_to(recipe, declared), **fixed}, epochs)
    return whole, {key: whole[key] for key in fixed}


def check_base(draft: Draft, base: Values, options: Mapping[str, Value]) -> Values:
    """Check the configuration as a whole, and give it as the schema stores it. Faults go to the draft."""
    if draft.recipe is None:
        return base
    faulty = {found.key for found in draft.findings}
    try:
        return to_values(from_values(base))
    except ConfigError as error:
        for found in error.findings:
            if found.key not in faulty:
                fault = Fault((found.key,), found.code, found.message, found.hint)
                draft.findings.append(_finding(draft, fault, options=set(options)))
        return base


def _finding(draft: Draft, fault: Fault, options: set[str]) -> Finding:
    """Tie a fault of a key to the option, the parameter, the fixed value or the recipe that sets it."""
    key = fault.keys[0]
    if key in options:
        return Finding(fault.code, fault.message, f"--set {key}", hint=fault.hint, key=key)
    section = "parameters" if key in draft.parameters else "fixed" if key in draft.fixed else "recipe"
    path = draft.tied_path(key) if key in draft.tied else (section, key)
    return draft.source.finding(fault.code, fault.message, path, hint=fault.hint, key=key)
