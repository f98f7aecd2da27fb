"""TASK: what a model is trained for. Not FastReID's: there, each task is a project with programs of its own."""

from __future__ import annotations

from pydantic import Field

from reid_core.config.schema.adaptation import Adaptation
from reid_core.config.schema.face import Face
from reid_core.config.schema.pretraining import Pretraining
from reid_core.config.schema.retrieval import Retrieval
from reid_core.config.schema.section import Section, Texts

__all__ = ["Task"]


class Task(Section):
    """TASK. Each shipped task that has settings has a section of its own."""

    name: str = Field("reid", description="what the model is trained for")
    adaptation: Adaptation = Adaptation()
    pretraining: Pretraining = Pretraining()
    face: Face = Face()
    retrieval: Retrieval = Retrieval()
    options: Texts = Field((), description="settings of a task of your own, as name=value")
