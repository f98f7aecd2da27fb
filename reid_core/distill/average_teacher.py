"""The student's own moving average as its teacher."""

from __future__ import annotations

from copy import deepcopy

from reid_core.distill.knowledge import Knowledge
from reid_core.distill.teacher import NetworkTeacher
from reid_core.modeling import Architecture
from reid_core.solver.ema import AverageState, WeightAverage

__all__ = ["AverageTeacher"]


class AverageTeacher(NetworkTeacher):
    """Tarvainen & Valpola, "Mean teachers are better role models" (NeurIPS 2017), equation 1.

    It starts as a copy of the student; statistics of norms are averaged too.
    """

    def __init__(self, student: Architecture, image_size: tuple[int, int], *, momentum: float) -> None:
        known = Knowledge(network="the student itself")
        super().__init__("the moving average (KD.EMA)", deepcopy(student), image_size, known=known)
        self._average = WeightAverage(self.model, momentum)
        # the network's tensors are those of the average: what follows the student is what teaches
        self.model.load_state_dict(self._average.state_dict()["values"], assign=True)
        self.model.requires_grad_(requires_grad=False)

    def follow(self, student: Architecture) -> None:
        """Take one step towards the student, after each of its updates."""
        self._average.update(student)

    def start(self, student: Architecture) -> None:
        """Begin anew as a copy of the student."""
        self._average.load_state_dict({"updates": 0, "values": student.state_dict()})

    def state_dict(self) -> AverageState:
        """What cannot be computed again; its tensors are live."""
        return self._average.state_dict()

    def load_state_dict(self, state: AverageState) -> None:
        """Go on from `state_dict()`."""
        self._average.load_state_dict(state)
