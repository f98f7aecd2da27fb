"""Meta-architectures: how backbones and heads are put together to a model.

What may come in: one file an architecture, a subclass of `Architecture`, FastReID's parameter names where it has it.
"""

from reid_core.modeling.architectures.architecture import Architecture, PixelStatistics
from reid_core.modeling.architectures.baseline import Baseline
from reid_core.modeling.architectures.contrast import ContrastSettings, MoCoV2
from reid_core.modeling.architectures.mgn import MGN
from reid_core.modeling.architectures.moco import MoCo
from reid_core.modeling.architectures.pcb import PCB

__all__ = ["MGN", "PCB", "Architecture", "Baseline", "ContrastSettings", "MoCo", "MoCoV2", "PixelStatistics"]
