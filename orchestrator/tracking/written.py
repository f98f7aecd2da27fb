"""How values of a study are written into MLflow's runs."""

from __future__ import annotations

import json

import yaml

from orchestrator.events import StudyCreated
from orchestrator.tracking.changes import STUDY_TAG
from reid_core.config import Value, Values
from reid_core.config.keys import nest

__all__ = ["TEXT_LIMIT", "common_tags", "config_yaml", "milliseconds", "text_of"]

TEXT_LIMIT = 5000  # MLflow takes tags of 8,000 and parameters of 6,000 characters


def common_tags(created: StudyCreated | None) -> dict[str, str]:
    """What stands on every run of a study; nothing before its first event."""
    if created is None:
        return {}
    tags = {
        STUDY_TAG: created.study,
        "reid_tune.data_fingerprint": created.data_fingerprint,
        "reid_tune.split_fingerprint": created.split_fingerprint,
        "mlflow.source.name": "reid-tune",
    }
    tags |= {f"reid_tune.version.{name}": version for name, version in sorted(created.versions.items())}
    return {key: value for key, value in tags.items() if value}


def config_yaml(values: Values) -> str:
    """A configuration as the file that `reid-tune train` reads."""
    return yaml.safe_dump(nest(values), sort_keys=True, allow_unicode=True)


def text_of(value: Value) -> str:
    """A parameter, as long as MLflow takes it."""
    return (value if isinstance(value, str) else json.dumps(value))[:TEXT_LIMIT]


def milliseconds(at: float) -> int:
    """A time as MLflow counts it."""
    return round(at * 1000)
