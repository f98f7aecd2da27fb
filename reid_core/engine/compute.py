"""Where and how precisely one process computes: device, short float type, memory layout, CPU threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from reid_core.config.schema import Config
from reid_core.errors import ConfigError, Finding
from reid_core.signs import alive

__all__ = ["Compute", "cpu_threads", "cudnn_timing", "memory_errors", "seeded", "share_of_threads"]

_SHORT_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Compute:
    """`short` is the type of mixed precision, None for float32 throughout (always on a CPU)."""

    device: torch.device
    short: torch.dtype | None = None

    @classmethod
    def of(cls, config: Config, *, rank: int = 0, count: int = 1) -> Compute:
        """Read MODEL.DEVICE and SOLVER.AMP, for process `rank` of `count` that train together, each on its own GPU.

        Raises ConfigError when the device is not there.
        """
        device = _device(config.model.device) if count == 1 else _device_of(config.model.device, rank, count)
        amp = config.solver.amp
        return cls(device, _SHORT_TYPES[amp.dtype] if amp.enabled and device.type == "cuda" else None)

    def autocast(self) -> torch.autocast:
        """Short types in here where they are on."""
        return torch.autocast(self.device.type, dtype=self.short, enabled=self.short is not None)

    def scaler(self) -> torch.amp.GradScaler:
        """Scale the loss so that float16 gradients do not vanish; does nothing with any other type."""
        return torch.amp.GradScaler(self.device.type, enabled=self.short is torch.float16)

    def place(self, module: torch.nn.Module) -> None:
        """Move to the device; convolutions are faster with channels last, on CPUs and GPUs alike."""
        module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # undocumented pair

    def images(self, batch: torch.Tensor) -> torch.Tensor:
        """Move images (B, 3, H, W) to the device, channels last. A sign of life: every batch comes through here."""
        alive()
        return batch.to(self.device, memory_format=torch.channels_last, non_blocking=True)


def share_of_threads(count: int | None, processes: int) -> int:
    """Threads for each of several processes: those of `count` (None: what torch would take), at least one."""
    return max(1, (count or torch.get_num_threads()) // processes)


@contextmanager
def cpu_threads(count: int | None) -> Iterator[None]:
    """Compute with `count` threads (None: as it was) and put the number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def cudnn_timing(on: bool) -> Iterator[None]:
    """Let cuDNN time its algorithms in here, or not (CUDNN_BENCHMARK), and put the switch back."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = on
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@contextmanager
def memory_errors() -> Iterator[None]:
    """Let torch's failure to allocate on the CPU, a RuntimeError, be the MemoryError that it is."""
    try:
        yield
    except RuntimeError as error:
        if "not enough memory" in str(error) or "can't allocate memory" in str(error):
            raise MemoryError(str(error)) from error
        raise


@contextmanager
def seeded(device: torch.device, *numbers: int) -> Iterator[None]:
    """Draw torch's random numbers in here from `numbers` (seed, epoch …) and put its states back afterwards."""
    seed = int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            Finding(
                "no-device",
                f"MODEL.DEVICE is {name}, but this machine shows {torch.cuda.device_count()} GPUs",
                hint="use auto or cpu",
                key="MODEL.DEVICE",
            )
        )
    return device


def _device_of(name: str, rank: int, count: int) -> torch.device:
    """The device of one of several processes: all on the CPU, or a GPU each."""
    device = _device(name)
    if device.type != "cuda":
        return device
    if ":" in name or count > torch.cuda.device_count():
        raise ConfigError(
            Finding(
                "no-device",
                f"{count} processes need a GPU each: MODEL.DEVICE is {name}, and this machine shows"
                f" {torch.cuda.device_count()} GPUs",
                hint="start as many processes as there are GPUs, with MODEL.DEVICE auto",
                key="MODEL.DEVICE",
            )
        )
    return torch.device("cuda", rank)
