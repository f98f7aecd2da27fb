"""Which files of teachers a configuration names, found before any work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reid_core.config.distillation_rules import ONNX_SUFFIX
from reid_core.config.schema import Config
from reid_core.errors import ConfigError, Finding

__all__ = ["TeacherFile", "teacher_files"]


@dataclass(frozen=True, slots=True)
class TeacherFile:
    """A teacher's weights and, where it does not carry it, its configuration (None else)."""

    path: Path
    config: Path | None

    @property
    def is_onnx(self) -> bool:
        """Whether it is a network for onnxruntime."""
        return self.path.suffix == ONNX_SUFFIX


def teacher_files(config: Config) -> tuple[TeacherFile, ...]:
    """The files of KD, none where nothing is distilled. ConfigError with every one that is not there."""
    kd = config.kd
    if not kd.enabled:
        return ()
    configs = kd.model_config_ or ("",) * len(kd.model_weights_)
    pairs = list(zip(kd.model_weights_, configs, strict=True))
    findings = [
        Finding("missing-file", f"{key}: there is no file {path}", hint=_HINT, key=key)
        for key, column in (("KD.MODEL_WEIGHTS", 0), ("KD.MODEL_CONFIG", 1))
        for path in (Path(pair[column]).expanduser() for pair in pairs if pair[column])
        if not path.is_file()
    ]
    if findings:
        raise ConfigError(findings)
    return tuple(
        TeacherFile(Path(weights).expanduser(), Path(own).expanduser() if own else None) for weights, own in pairs
    )


_HINT = "paths are relative to the current folder"
