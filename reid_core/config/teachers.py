"""Which files of teachers a configuration names, found before any work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reid_core.config.distillation_rules import ONNX_SUFFIX
from reid_core.config.schema import Config
from reid_core.errors import ConfigError, Finding

__all__ = ["TeacherFile", "check_lessons", "teacher_files"]


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


def check_lessons(config: Config, *, alone: bool = False) -> None:
    """ConfigError: KD names terms and no teacher; or a teacher and no term, unless the student may learn `alone`.

    A search varies the scales, and one of its students may learn nothing. A file of KD may be meant for several
    teachers that are named later, so this is asked before training, not when the configuration is read.
    """
    kd = config.kd
    scales = {
        "KD.OVERHAUL.SCALE": kd.overhaul.scale,
        "KD.RELATION.DISTANCE_SCALE": kd.relation.distance_scale,
        "KD.RELATION.ANGLE_SCALE": kd.relation.angle_scale,
        "KD.EMBEDDING.SCALE": kd.embedding.scale,
    }
    named = next((key for key, scale in scales.items() if scale > 0.0), "")
    taught = bool(kd.model_weights_) or kd.ema.enabled
    if named and not taught:
        message, hint = (
            f"{named} is {scales[named]:g}, and there is no teacher",
            "name one in KD.MODEL_WEIGHTS, or set ",
        )
        raise ConfigError(Finding("no-teacher", message, hint=f"{hint}{named} to 0", key=named))
    if taught and not kd.enabled and not alone:
        message = "there is a teacher, and every scale of KD is 0: nothing is learned from it"
        hint = "set KD.LOGITS.SCALE or another scale, or name no teacher"
        raise ConfigError(Finding("no-lesson", message, hint=hint, key="KD.LOGITS.SCALE"))


_HINT = "paths are relative to the current folder"
