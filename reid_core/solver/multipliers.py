"""Learning-rate factors of parts of a model: by name, and by how far they are from the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

from reid_core.config import suggest
from reid_core.errors import ConfigError, Finding

__all__ = ["Multiplier", "check_multipliers", "factor_of", "layer_factors", "parse_multipliers"]

_DEPTH = 4
"""How many parts of a name are listed as what could have been meant."""


@dataclass(frozen=True, slots=True)
class Multiplier:
    """Multiplies the learning rate of `part` and all below it by `factor`; * and ? in `part` stand for any text."""

    part: str
    factor: float

    def fits(self, parameter: str) -> bool:
        """Whether `part` names the parameter or something that holds it."""
        return fnmatchcase(parameter, self.part) or fnmatchcase(parameter, f"{self.part}.*")


def parse_multipliers(texts: Sequence[str]) -> tuple[Multiplier, ...]:
    """Read "part=factor" texts, as SOLVER.LR_MULTIPLIERS holds them. Raises ConfigError."""
    return tuple(_parsed(text) for text in texts)


def _parsed(text: str) -> Multiplier:
    part, _, number = (piece.strip() for piece in text.partition("="))
    try:
        factor = float(number)
    except ValueError:
        factor = -1.0
    if not part or not 0.0 <= factor < float("inf"):
        raise _fault(f"{text!r} is not part=factor with a factor of 0 or more", "write it as backbone.layer1=0.1")
    return Multiplier(part, factor)


def check_multipliers(model: nn.Module, multipliers: Sequence[Multiplier]) -> None:
    """Every one of them names something that `model` has. Raises ConfigError: a typing error would do nothing."""
    names = [name for name, _ in model.named_parameters()]
    for one in multipliers:
        if not any(one.fits(name) for name in names):
            parts = {".".join(name.split(".")[:depth]) for name in names for depth in range(1, _DEPTH)}
            raise _fault(f"the model has no part {one.part!r}", suggest(one.part, sorted(parts)) or _parts_of(model))


def factor_of(parameter: str, multipliers: Sequence[Multiplier]) -> float:
    """The factor of the last one that fits, 1 without one."""
    return next((one.factor for one in reversed(multipliers) if one.fits(parameter)), 1.0)


def layer_factors(model: nn.Module, decay: float) -> dict[str, float]:
    """`decay` to the power of the distance from the head, for each parameter of the backbone; the rest is 1.

    The layers are the transformer's blocks or the stages layer1, layer2 ... of a convolutional backbone, the last at
    distance 1; what comes before the first block counts as one layer more, what comes after the last as part of the
    head (Bao et al., "BEiT", ICLR 2022; Clark et al., "ELECTRA", ICLR 2020). Raises ConfigError for a backbone with
    neither.
    """
    if decay == 1.0:
        return {}
    names = [name for name, _ in model.named_parameters() if name.startswith("backbone.")]
    layers = {name: _layer(name) for name in names}
    numbers = sorted({layer for layer in layers.values() if layer is not None})
    if not numbers:
        raise ConfigError(
            Finding(
                "impossible",
                "SOLVER.LAYER_DECAY needs a backbone of blocks or stages, and this one has neither",
                hint="set it to 1, or name the parts in SOLVER.LR_MULTIPLIERS",
                key="SOLVER.LAYER_DECAY",
            )
        )
    distance = {number: len(numbers) - position for position, number in enumerate(numbers)}
    first = next(index for index, name in enumerate(names) if layers[name] is not None)
    factors = {}
    for index, (name, layer) in enumerate(layers.items()):
        if layer is not None:
            factors[name] = decay ** distance[layer]
        elif index < first or _before_blocks(name):
            factors[name] = decay ** (len(numbers) + 1)
    return factors


def _layer(name: str) -> int | None:
    """The number of the block or stage that a parameter of the backbone lies in."""
    parts = name.split(".")
    for part, after in zip(parts, [*parts[1:], ""], strict=True):
        if part == "blocks" and after.isdigit():
            return int(after)
        for prefix in ("layer", "NL_"):
            if part.startswith(prefix) and part.removeprefix(prefix).isdigit():
                return int(part.removeprefix(prefix))
    return None


def _before_blocks(name: str) -> bool:
    """What a transformer adds to its patches: it may be registered before or after the blocks."""
    return any(word in name for word in ("embed", "token"))


def _parts_of(model: nn.Module) -> str:
    return f"its parts: {', '.join(name for name, _ in model.named_children())}"


def _fault(message: str, hint: str) -> ConfigError:
    return ConfigError(
        Finding("unknown-name", f"SOLVER.LR_MULTIPLIERS: {message}", hint=hint, key="SOLVER.LR_MULTIPLIERS")
    )
