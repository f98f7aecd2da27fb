"""The whole tree, and where its defaults differ from FastReID's."""

from __future__ import annotations

from pydantic import Field

from reid_core.config.schema.data import DataLoader, Datasets
from reid_core.config.schema.distillation import Kd
from reid_core.config.schema.inputs import Input
from reid_core.config.schema.model import Model
from reid_core.config.schema.section import Section
from reid_core.config.schema.solver import Solver
from reid_core.config.schema.task import Task
from reid_core.config.schema.testing import Test

__all__ = ["DIFFERENCES", "Config"]

DIFFERENCES: dict[str, str] = {
    "MODEL.DEVICE": "auto in place of cuda: a machine without a GPU trains on its CPU in place of failing",
}
"""Keys whose default is not FastReID's, and why."""


class Config(Section):
    """A complete training configuration: `config.solver.base_lr` is SOLVER.BASE_LR."""

    task: Task = Task()
    model: Model = Model()
    input: Input = Input()
    datasets: Datasets = Datasets()
    dataloader: DataLoader = DataLoader()
    solver: Solver = Solver()
    test: Test = Test()
    kd: Kd = Kd()
    cudnn_benchmark: bool = Field(
        default=False, description="let cuDNN time its algorithms while training on a GPU; faster, but not reproducible"
    )
    output_dir: str = Field("logs/", description="FastReID's key, not read: --out names the folder")
