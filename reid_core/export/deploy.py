"""How an ONNX file goes on to TensorRT and OpenVINO: command lines with its own names and shapes, and running them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reid_core.errors import ReidTuneError
from reid_core.export.card import ModelCard
from reid_core.export.onnx_file import INPUT

__all__ = ["Step", "build", "guide", "steps"]


@dataclass(frozen=True, slots=True)
class Step:
    """One tool and the command that makes `makes` of the file; `here` says whether the tool is on this machine."""

    tool: str
    command: tuple[str, ...]
    makes: Path

    @property
    def here(self) -> bool:
        """Whether the command can be run on this machine."""
        return shutil.which(self.command[0]) is not None

    @property
    def line(self) -> str:
        """The command as one types it."""
        return shlex.join(self.command)


def steps(path: Path, card: ModelCard, *, batch: int | None = None) -> tuple[Step, ...]:
    """The commands for the ONNX file `path`, whose batch is `batch`, None where it is open."""
    height, width = card.size
    image = f"3x{height}x{width}"
    plan, xml = path.with_suffix(".plan"), path.with_suffix(".xml")
    trt = ["trtexec", f"--onnx={path}", f"--saveEngine={plan}"]
    if batch is None:
        trt += [f"--{name}Shapes={INPUT}:{count}x{image}" for name, count in (("min", 1), ("opt", 32), ("max", 64))]
    trt += {"float32": ["--fp16"], "float16": ["--fp16"], "int8": ["--int8", "--fp16"]}[card.precision]
    shape = f"{INPUT}[{'?' if batch is None else batch},3,{height},{width}]"
    compress = "True" if card.precision == "float16" else "False"
    ovc = ["ovc", str(path), "--input", shape, f"--compress_to_fp16={compress}", "--output_model", str(xml)]
    return Step("TensorRT", tuple(trt), plan), Step("OpenVINO", tuple(ovc), xml)


def build(chosen: Sequence[Step]) -> tuple[Path, ...]:
    """Run the commands of the tools that are here. Raises ReidTuneError when one fails."""
    made = []
    for step in chosen:
        if not step.here:
            continue
        done = subprocess.run(step.command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
        if done.returncode != 0:
            last = "\n".join((done.stdout + done.stderr).splitlines()[-5:])
            raise ReidTuneError(f"{step.tool} could not be built: {step.line}\n{last}", hint="run the line by hand")
        made.append(step.makes)
    return tuple(made)


def guide(path: Path, card: ModelCard, *, batch: int | None = None) -> str:
    """What the file takes and gives, and the lines for other tools, as Markdown that goes beside it."""
    height, width = card.size
    kind = "uint8 RGB of 0..255" if card.preprocess == "inside" else "float32 RGB, (pixel - mean) / std"
    constants = "" if card.preprocess == "inside" else f"mean {list(card.pixel_mean)}, std {list(card.pixel_std)}. "
    resizing = f"Resize with a {card.interpolation} filter that smooths when it shrinks (Pillow's), to just this size."
    lines = [
        f"# {path.name}",
        "",
        f"{card.network}; {card.precision}; licence of weights and data: {card.licence.value}.",
        "",
        f"- Input `{INPUT}` (batch, 3, {height}, {width}), {kind}. {constants}{resizing}",
        f"- Output `embedding` (batch, {card.dim}), float32, rows of unit length: compare them by their dot product.",
        "",
        "```python",
        "from pathlib import Path",
        "from reid_core.embedder import open_embedder",
        "",
        f'rows = open_embedder(Path("{path.name}")).embed_files([Path("image.jpg")])',
        "```",
    ]
    for step in steps(path, card, batch=batch):
        lines += ["", f"## {step.tool}", "", "```", step.line, "```"]
    return "\n".join(lines) + "\n"
