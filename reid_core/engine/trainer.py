"""One training: its components, one epoch of it, and the state that a checkpoint carries."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch

from reid_core import results
from reid_core.config import Config, from_values, to_values
from reid_core.data.loader import Batch, TrainBatches
from reid_core.data.pipeline import SplitData
from reid_core.data.records import Labels
from reid_core.data.samplers import Sampler
from reid_core.distill.build import build_distiller
from reid_core.distill.distiller import restore_distiller
from reid_core.distill.lesson import Lesson
from reid_core.engine.checkpoint import Checkpoint
from reid_core.engine.compilation import compiled
from reid_core.engine.compute import Compute, cudnn_timing, seeded
from reid_core.engine.crew import ALONE, Crew
from reid_core.engine.divergence import HINT, check_weights
from reid_core.engine.means import Means
from reid_core.engine.precise_bn import measure_statistics
from reid_core.engine.unfinished import Progress
from reid_core.engine.waited import Waited
from reid_core.errors import TrainingDiverged
from reid_core.solver import (
    build_average,
    build_clip,
    build_freeze,
    build_loss_optimizer,
    build_optimizer,
    build_schedule,
    inherit,
    learning_rate,
    set_learning_rate,
)
from reid_core.tasks.task import AnyTask

__all__ = ["Trainer"]

_SHOWN = 5


class _Stateful(Protocol):
    """What torch's objects and ours have in common; their states are their own business."""

    def state_dict(self) -> Any: ...
    def load_state_dict(self, state: Any, /) -> object: ...


class Trainer:
    """Trains the model of `task` on `batches` of the training images of `data`.

    Everything random is drawn from (seed, epoch), the learning rate and the freeze are functions of the iteration:
    what `checkpoint` returns is all there is to know. `crew` are the processes that train together; `batches` are then
    this one's rows. Raises ConfigError when the configuration cannot be built.
    """

    def __init__(  # noqa: PLR0913 - each says something else
        self,
        task: AnyTask,
        config: Config,
        batches: TrainBatches,
        compute: Compute,
        *,
        data: SplitData[Any],
        protocol: results.Protocol,
        seed: int,
        pretrained: bool = True,
        crew: Crew = ALONE,
    ) -> None:
        self.config = config
        self.seed = seed
        self.identities = data.num_classes
        self.trained_on = results.TrainedOn(protocol, data.dataset_fingerprint, data.split_fingerprint)
        self._batches = batches
        self._compute = compute
        self._records, self._names = data.train.records, data.names
        self._crew = crew
        self._micro_batches = config.solver.accumulate
        self._scored = task.scored
        with seeded(compute.device, seed, 0):
            self.model = task.model(config, data.num_classes, pretrained=pretrained)
            self._losses = task.losses(config, self.model, data)
        compute.place(self.model)
        self._losses.to(compute.device)
        self._optimizer = build_optimizer(config, self.model)
        self._loss_optimizer = build_loss_optimizer(config, self._losses)
        self._schedule = build_schedule(config)
        self._clip = build_clip(config)
        self._freeze = build_freeze(config, self.model)
        self._scaler = compute.scaler()
        self._average = build_average(config, self.model) if crew.leads else None
        self._outputs = compiled(self.model.outputs, compute) if config.solver.compile_ else self.model.outputs
        with seeded(compute.device, seed, 0, 1):
            self._distiller = build_distiller(config, self.model, batches, compute, self.trained_on)

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of the teachers, a sentence each."""
        return self._distiller.notes if self._distiller else ()

    def relabel(self, labels: Labels, sampler: Sampler) -> None:
        """Go on with other labels (N,) of the training images, drawn by `sampler`."""
        self._batches.relabel(labels, sampler)

    def train_epoch(
        self, epoch: int, progress: Progress | None = None, *, leave: Callable[[], bool] = lambda: False
    ) -> dict[str, float] | None:
        """Train `epoch` (from 1): means of the losses over its images, last learning rate, images a second.

        And `data_wait`, the share of the time (0 to 1) in which there was no batch to compute with. Of the epoch only
        what `progress` leaves; it is brought up to date. None: `leave` said after a batch that this was the last one.

        Raises TrainingDiverged when a loss or a weight is no longer finite.
        """
        done, waited, device = progress or Progress(), Waited(), self._compute.device
        began, first = time.perf_counter(), (epoch - 1) * self._batches.batches_per_epoch
        left = False
        self.model.train()
        own = () if self._crew.leads else (self._crew.rank,)
        with seeded(device, self.seed, epoch, *own), cudnn_timing(self.config.cudnn_benchmark):
            done.resume(device, self._crew)
            for batch in waited.through(self._batches.epoch(epoch, skip=done.batches)):
                done.rate = self._iterate(epoch, first + done.batches, batch, done.means)
                done.batches += 1
                left = self._crew.as_led(leave(), device)
                if left:
                    done.note(device, self._crew)
                    break
        done.seconds += time.perf_counter() - began
        done.waited += waited.seconds
        if left:
            return None
        check_weights(self.model, epoch, first + done.batches - 1)
        clock = {"images_per_second": done.means.images / done.seconds, "data_wait": done.waited / done.seconds}
        return done.means.values() | {"lr": done.rate} | clock

    def _iterate(self, epoch: int, iteration: int, batch: Batch, means: Means) -> float:
        """One iteration of the schedule: its losses into `means`; the learning rate that it had."""
        rate = learning_rate(iteration, self._schedule, self._batches.batches_per_epoch)
        set_learning_rate(self._optimizer, rate)
        if self._distiller:
            self._distiller.set_learning_rate(rate)
        self._freeze.apply(iteration)
        losses = self.step(batch)
        if not all(map(math.isfinite, losses.values())):
            raise self._diverged(epoch, iteration, batch, losses)
        means.add(losses, len(batch.labels) * self._crew.count)
        return rate

    def step(self, batch: Batch) -> dict[str, float]:
        """One update of the weights: the means of the losses over the batch. If one is not finite, nothing changes."""
        for optimizer in self._optimizers():
            optimizer.zero_grad(set_to_none=True)
        means = Means()
        images = sum(self._crew.sizes(len(batch.labels), self._compute.device))
        for part in batch.parts(self._micro_batches):
            terms, count = self._losses_of(part)
            total = torch.stack(list(terms.values())).sum()
            numbers = torch.stack([total, *terms.values()]).tolist()  # one wait for the device
            losses = dict(zip(["loss", *terms], numbers, strict=True))
            if not all(map(math.isfinite, numbers)):
                return losses
            means.add(losses, count)
            torch.autograd.backward(self._scaler.scale(total * (count / images)))
        self._update()
        return means.values()

    def _losses_of(self, batch: Batch) -> tuple[dict[str, torch.Tensor], int]:
        """The losses over the (micro-)batch of all processes, and of how many images it is."""
        device = self._compute.device
        images, targets, camids = self._compute.images(batch.images), batch.labels.to(device), batch.camids.to(device)
        distiller, lessons = self._distiller, dict[str, Lesson]()
        watching = distiller.watching() if distiller else nullcontext(dict[int, torch.Tensor]())
        with self._compute.autocast(), watching as maps:
            outputs = self._outputs(images, targets, camids)
            if distiller:
                lessons = distiller.lessons(images, camids, batch.indices, outputs, maps)
        sizes = self._crew.sizes(len(targets), device)
        outputs, targets = self._crew.gather(outputs, sizes), self._crew.gather(targets, sizes)
        # in float32: distances and logarithms need it
        terms = self._losses(outputs, targets) | self.model.own_losses(outputs, targets)
        if distiller:
            terms |= distiller.terms(outputs, self._crew.gather(lessons, sizes))
        return terms, sum(sizes)

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        connectors = self._distiller.optimizer if self._distiller else None
        return [one for one in (self._optimizer, self._loss_optimizer, connectors) if one is not None]

    def _update(self) -> None:
        learned = [*self.model.parameters(), *(self._distiller.parameters() if self._distiller else ())]
        self._crew.add_gradients(learned)
        self._crew.average_gradients(self._losses.parameters())
        if self._clip:
            for optimizer in self._optimizers():
                if optimizer is not self._loss_optimizer:
                    self._scaler.unscale_(optimizer)
            self._clip(learned)
        for optimizer in self._optimizers():
            self._scaler.step(optimizer)
        self._scaler.update()
        if self._average:
            self._average.update(self.model)
        if self._distiller:
            self._distiller.follow()

    def measure_statistics(self, batches: int, epoch: int) -> None:
        """Measure the batch norm statistics of the model's present weights anew, over `batches` from `epoch` on."""
        endless = itertools.chain.from_iterable(map(self._batches.epoch, itertools.count(epoch)))
        with seeded(self._compute.device, self.seed, epoch):
            measure_statistics(self.model, itertools.islice(endless, batches), self._compute, scored=self._scored)

    def measured_weights(self) -> AbstractContextManager[None]:
        """In here the model has the weights to be measured: their average, where one is kept."""
        return self._average.applied_to(self.model) if self._average else nullcontext()

    def checkpoint(self, epoch: int, metrics: dict[str, float], best: tuple[int, float] | None) -> Checkpoint:
        """Gather the state after `epoch`; its tensors are live: save it before training goes on."""
        return Checkpoint(
            epoch=epoch,
            seed=self.seed,
            identities=self.identities,
            values=to_values(self.config),
            metrics=metrics,
            best=best,
            model=self.model.state_dict(),
            parts={name: part.state_dict() for name, part in self._parts().items()}
            | ({"distiller": self._distiller.state_dict()} if self._distiller else {}),
            protocol=self.trained_on.protocol.value,
            data=self.trained_on.data,
            split=self.trained_on.split,
            names=self._names,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take over the state of a checkpoint of the same run."""
        self.model.load_state_dict(checkpoint.model)
        for name, part in self._parts().items():
            part.load_state_dict(checkpoint.parts[name])
        restore_distiller(self._distiller, checkpoint.parts.get("distiller"))

    def adopt(self, checkpoint: Checkpoint) -> None:
        """Take over weights and the optimisers' memory from a run with other settings; the settings stay these.

        An optimiser's saved state carries its settings and knows parameters by their place in groups that the settings
        make: the one of the checkpoint's own configuration reads it.
        """
        former = from_values(checkpoint.values)
        self.model.load_state_dict(checkpoint.model)
        readers = {
            "optimizer": (self._optimizer, build_optimizer(former, self.model)),
            "loss_optimizer": (self._loss_optimizer, build_loss_optimizer(former, self._losses)),
        }
        for name, part in self._parts().items():
            heir, reader = readers.get(name, (None, None))
            if heir is None or reader is None:
                part.load_state_dict(checkpoint.parts[name])
            else:
                reader.load_state_dict(checkpoint.parts[name])
                inherit(heir, reader)
        if self._distiller:
            self._distiller.adopt(checkpoint.parts.get("distiller"), former)

    def _parts(self) -> dict[str, _Stateful]:
        parts: dict[str, _Stateful | None] = {
            "losses": self._losses,
            "optimizer": self._optimizer,
            "loss_optimizer": self._loss_optimizer,
            "scaler": self._scaler,
            "average": self._average,
        }
        return {name: part for name, part in parts.items() if part is not None}

    def _diverged(self, epoch: int, iteration: int, batch: Batch, losses: dict[str, float]) -> TrainingDiverged:
        sizes = self._crew.sizes(len(batch.indices), self._compute.device)
        indices = self._crew.gather(batch.indices.to(self._compute.device), sizes)
        files = [self._records[index].path for index in indices.tolist()]
        terms = ", ".join(f"{name} {value:g}" for name, value in losses.items())
        more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
        return TrainingDiverged(
            f"the loss is not finite in epoch {epoch}, iteration {iteration} ({terms});"
            f" images of the batch: {', '.join(files[:_SHOWN])}{more}",
            epoch=epoch,
            iteration=iteration,
            files=files,
            hint=HINT,
        )
