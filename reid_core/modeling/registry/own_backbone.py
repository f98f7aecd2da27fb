"""A backbone of the user's own: `MODEL.BACKBONE.NAME package.module:function`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from operator import attrgetter
from types import ModuleType
from typing import cast

from torch import nn

from reid_core.config.schema.model import Backbone
from reid_core.errors import ConfigError, Finding, ReidTuneError

__all__ = ["build_own_backbone"]

_KEY = "MODEL.BACKBONE.NAME"
_PROMISE = "it must return an nn.Module whose attribute feature_dim is the number of channels of its feature map"


def build_own_backbone(settings: Backbone) -> nn.Module:
    """Import the function that `settings.name` names and call it with `settings`.

    It returns an nn.Module, (B, 3, H, W) -> (B, feature_dim, h, w), whose attribute `feature_dim` is that number.
    ConfigError: there is no such module or function, it fails, or what it returns is something else.
    """
    name = settings.name
    build = _find(name)
    try:
        backbone = build(settings)
    except ReidTuneError:
        raise
    except Exception as error:  # whatever the user's code raises is told as a fault of the setting
        raise _fault(f"{name} failed: {_said(error)}", "run it with --debug to see where") from error
    if not isinstance(backbone, nn.Module):
        raise _fault(f"{name} returned an object of {type(backbone).__name__}, not an nn.Module", _PROMISE)
    width = getattr(backbone, "feature_dim", None)
    if width is None:
        raise _fault(f"what {name} returned has no attribute feature_dim", _PROMISE)
    if isinstance(width, bool) or not isinstance(width, int) or width < 1:
        raise _fault(f"feature_dim of what {name} returned is {width!r}, not a number of channels", _PROMISE)
    return backbone


def _find(name: str) -> Callable[[Backbone], object]:
    module_name, _, attribute = name.partition(":")
    module = _import(module_name)
    try:
        found: object = attrgetter(attribute)(module)
    except AttributeError as error:
        there = [one for one in vars(module) if callable(getattr(module, one)) and not one.startswith("_")]
        hint = f"it has {', '.join(sorted(there)[:8])}" if there else "it defines no function"
        raise _fault(f"{module_name} has no {attribute}", hint) from error
    if not callable(found):
        raise _fault(f"{name} is an object of {type(found).__name__}, not a function", _PROMISE)
    return cast("Callable[[Backbone], object]", found)


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            hint = "install the package, or name the folder that it lies in in the variable PYTHONPATH"
            raise _fault(f"there is no module {error.name}", hint) from error
        raise _fault(f"{name} cannot be imported: {_said(error)}", "install what it needs") from error
    except Exception as error:  # a module may raise anything while it is imported
        raise _fault(f"{name} cannot be imported: {_said(error)}", "run it with --debug to see where") from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _fault(message: str, hint: str) -> ConfigError:
    return ConfigError(Finding("own-backbone", f"{_KEY}: {message}", hint=hint, key=_KEY))
