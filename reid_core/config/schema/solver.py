"""SOLVER: optimiser, learning-rate schedule, epochs. Epochs and milestones count from 0, warm-up included."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from reid_core.config.schema.section import Section

__all__ = ["Solver"]

_Epoch: TypeAlias = Annotated[int, Field(ge=1)]
_Epochs: TypeAlias = Annotated[tuple[_Epoch, ...], Field(strict=False)]
_Multiplier: TypeAlias = Annotated[str, Field(pattern=r"^[^=\s]+=(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")]
_Multipliers: TypeAlias = Annotated[tuple[_Multiplier, ...], Field(strict=False)]


class Amp(Section):
    """SOLVER.AMP."""

    enabled: bool = Field(default=False, description="mixed precision on a GPU; a CPU computes in float32 all the same")
    dtype: str = Field("bf16", description="the short type; fp16 scales the loss")


class Ema(Section):
    """SOLVER.EMA."""

    enabled: bool = Field(default=False, description="evaluate and export a moving average of the weights")
    momentum: float = Field(0.999, ge=0.0, lt=1.0, description="share of the old average kept at each iteration")


class ClipGradients(Section):
    """SOLVER.CLIP_GRADIENTS."""

    enabled: bool = Field(default=False, description="limit gradients")
    clip_type: str = Field("norm", description="limit the norm over all parameters, or each value")
    clip_value: float = Field(5.0, gt=0.0, description="the limit")
    norm_type: float = Field(2.0, gt=0.0, description="which p-norm")


class OneCycle(Section):
    """SOLVER.ONE_CYCLE."""

    pct_start: float = Field(0.3, gt=0.0, lt=1.0, description="share of OneCycleLR in which the learning rate rises")
    div_factor: float = Field(25.0, ge=1.0, description="BASE_LR over the first learning rate of OneCycleLR")
    final_div_factor: float = Field(1e4, ge=1.0, description="first over last learning rate of OneCycleLR")


class Solver(Section):
    """SOLVER."""

    opt: str = Field("Adam", description="optimiser; Adam couples weight decay (L2), AdamW does not")
    max_epoch: int = Field(120, ge=1, le=100_000, description="epochs of a full training")
    ims_per_batch: int = Field(64, ge=2, le=65536, description="images in a batch")
    accumulate: int = Field(
        1,
        ge=1,
        le=4096,
        description="micro-batches a batch is computed in, to save memory; one update follows the mean of their "
        "gradients. Cross-entropy stays the same; batch norm and the mining of triplets see one micro-batch only",
    )
    base_lr: float = Field(3e-4, gt=0.0, le=100.0, description="learning rate after warm-up")
    lr_scale_rule: str = Field(
        "none",
        description="scales BASE_LR by r = IMS_PER_BATCH / LR_SCALE_BATCH: linear by r, sqrt by its square root",
    )
    lr_scale_batch: int = Field(64, ge=1, description="the batch size that BASE_LR was chosen for, for LR_SCALE_RULE")
    bias_lr_factor: float = Field(1.0, ge=0.0, description="learning rate of biases, times BASE_LR")
    heads_lr_factor: float = Field(1.0, ge=0.0, description="learning rate of the heads, times BASE_LR")
    lr_multipliers: _Multipliers = Field(
        (),
        description="'part=factor': multiplies the learning rate of parameters under a part of the model, as "
        "backbone.layer1=0.1; * and ? stand for any text; the last that fits a parameter counts",
    )
    layer_decay: float = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="multiplies the learning rate once more for each layer further from the head: transformer blocks, "
        "or the stages of a convolutional backbone",
    )
    momentum: float = Field(0.9, ge=0.0, lt=1.0, description="momentum of SGD")
    nesterov: bool = Field(default=False, description="Nesterov momentum of SGD")
    weight_decay: float = Field(5e-4, ge=0.0, le=10.0, description="weight decay")
    weight_decay_bias: float = Field(5e-4, ge=0.0, le=10.0, description="weight decay of biases")
    weight_decay_norm: float = Field(5e-4, ge=0.0, le=10.0, description="weight decay of normalisation layers")
    sched: str = Field(
        "MultiStepLR", description="how the learning rate falls after warm-up; OneCycleLR also rises, without warm-up"
    )
    sched_unit: str = Field(
        "iteration", description="when CosineAnnealingLR and OneCycleLR move: every iteration, or once an epoch"
    )
    steps: _Epochs = Field(
        (30, 55), description="epochs at which MultiStepLR multiplies by GAMMA; one past the end rests"
    )
    steps_count: str = Field(
        "from_start",
        description="what STEPS and the cosine count from: the first epoch, or, as FastReID counts, the end of warm-up "
        "and DELAY_EPOCHS, once an epoch",
    )
    gamma: float = Field(0.1, gt=0.0, le=1.0, description="factor at each of STEPS")
    delay_epochs: int = Field(0, ge=0, description="epochs at BASE_LR before CosineAnnealingLR falls")
    eta_min_lr: float = Field(1e-7, ge=0.0, description="learning rate at the end of CosineAnnealingLR")
    warmup_factor: float = Field(0.1, gt=0.0, le=1.0, description="first learning rate of the warm-up, times BASE_LR")
    warmup_iters: int = Field(1000, ge=0, description="iterations of warm-up, when WARMUP_EPOCHS is 0")
    warmup_epochs: float = Field(
        0.0, ge=0.0, description="epochs of warm-up; above 0 it counts and WARMUP_ITERS does not"
    )
    warmup_method: str = Field("linear", description="how the learning rate rises; burnin rises from 0")
    warmup_unit: str = Field(
        "iteration", description="when the warm-up moves: every iteration, or once an epoch as in the Bag of Tricks"
    )
    one_cycle: OneCycle = OneCycle()
    freeze_iters: int = Field(0, ge=0, description="iterations for which MODEL.FREEZE_LAYERS rest")
    compile_: bool = Field(
        default=False, description="compile the training step with torch.compile; a CPU needs a C++ compiler for it"
    )
    amp: Amp = Amp()
    ema: Ema = Ema()
    clip_gradients: ClipGradients = ClipGradients()
    checkpoint_period: int = Field(
        20,
        ge=1,
        description="epochs between two checkpoints; the last, and the best on the validation split, are always kept",
    )

    @property
    def scaled_lr(self) -> float:
        """BASE_LR as LR_SCALE_RULE scales it for IMS_PER_BATCH: what is trained with.

        linear: Goyal et al., "Accurate, Large Minibatch SGD" (2017); sqrt: Krizhevsky, "One weird trick" (2014).
        """
        power = {"none": 0.0, "linear": 1.0, "sqrt": 0.5}[self.lr_scale_rule]
        return float(self.base_lr * (self.ims_per_batch / self.lr_scale_batch) ** power)
