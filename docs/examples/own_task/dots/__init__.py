"""How many dots does a picture show? Its card; imports no torch and nothing of reid_core but the card."""

from pathlib import Path

from reid_core.tasks.card import Measure, TaskCard

__all__ = ["CARD"]

CARD = TaskCard(
    name="dots",
    summary="count the dots in a picture",
    implementation="dots.task:DotsTask",
    measures={
        "exact": Measure("exact count"),
        "miscount": Measure("mean error", fraction=False, lower_is_better=True),
    },
    best="exact",
    shown=("exact", "miscount"),
    recipes=Path(__file__).parent / "recipes",
    spaces=Path(__file__).parent / "spaces",
)
