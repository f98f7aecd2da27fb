"""What every section of the configuration shares: frozen, strict about types, spelled as FastReID spells."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Channels", "Fraction", "Pair", "Reals", "Section", "Size", "Texts", "key_part"]


def key_part(field: str) -> str:
    """Spell a field name as FastReID does: `base_lr` is BASE_LR, `lambda_` is LAMBDA."""
    return field.rstrip("_").upper()


class Section(BaseModel):
    """One section. Strict: the text 'no' is no boolean, '0.1' no number, 4.0 no whole number; 1 is a real number."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        alias_generator=key_part,
        populate_by_name=True,
        protected_namespaces=(),
    )


Fraction: TypeAlias = Annotated[float, Field(ge=0.0, le=1.0)]
Texts: TypeAlias = Annotated[tuple[str, ...], Field(strict=False)]
Channels: TypeAlias = Annotated[tuple[float, float, float], Field(strict=False)]
Reals: TypeAlias = Annotated[tuple[float, ...], Field(strict=False)]
Pair: TypeAlias = Annotated[tuple[float, float], Field(strict=False)]
Side: TypeAlias = Annotated[int, Field(ge=16, le=4096)]
Size: TypeAlias = Annotated[tuple[Side, Side], Field(strict=False)]
