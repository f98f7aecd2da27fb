"""Training with teachers: what is learned, what is saved, what is refused."""

from __future__ import annotations

import shutil

import pytest
import torch
from saved_teacher import save_teacher
from validation_run import train

from reid_core import api
from reid_core.distill.divergence import js_divergence
from reid_core.engine import checkpoint as checkpoints
from reid_core.engine.compute import Compute
from reid_core.engine.run import Hooks, Run
from reid_core.errors import CheckpointError, ConfigError

TERMS = {
    "KD__OVERHAUL__SCALE": 1.0,
    "KD__RELATION__DISTANCE_SCALE": 1.0,
    "KD__RELATION__ANGLE_SCALE": 2.0,
    "KD__EMBEDDING__SCALE": 1.0,
}
NAMES = ["loss_embedding", "loss_kd_logits", "loss_overhaul", "loss_relation"]
PLAIN = {"INPUT__FLIP__ENABLED": False, "INPUT__REA__ENABLED": False}
CLOCK = {"seconds", "images_per_second", "data_wait"}


def network(name, depth):
    return {"MODEL__BACKBONE__NAME": f"build_{name}_backbone", "MODEL__BACKBONE__DEPTH": depth}


@pytest.fixture
def teacher(tiny, tmp_path):
    return save_teacher(tiny(), tmp_path / "teacher.pt")


def run(config, directory, *, start=None, seed=3):
    silent = Hooks(lambda _: None, lambda: False, lambda _: None)
    return Run(config, directory, api.Protocol.VALIDATION, seed=seed, start=start, threads=1, hooks=silent)


def without_clock(results):
    return [(one.epoch, {name: value for name, value in one.metrics.items() if name not in CLOCK}) for one in results]


def same(left, right):
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return left == right


@pytest.mark.slow
def test_every_term_is_reported_and_the_teacher_stays_what_it_was(tiny, tmp_path, teacher):
    config = tiny(KD__MODEL_WEIGHTS=[teacher], **TERMS)
    started = run(config, tmp_path / "run")
    network = started._trainer._distiller.teachers[0].model
    before = {name: value.clone() for name, value in network.state_dict().items()}
    metrics = started.to(2).metrics
    assert sorted(name for name in metrics if name in NAMES) == NAMES
    assert started._trainer.model.training
    assert not any(module.training for module in network.modules())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.slow
def test_a_student_takes_nothing_of_its_teacher_along(tiny, tmp_path, teacher):
    config = tiny(KD__MODEL_WEIGHTS=[teacher], KD__EMA__ENABLED=True, **TERMS)
    _, end = train(config, tmp_path / "taught", to_epoch=1)
    _, alone = train(tiny(), tmp_path / "alone", to_epoch=1)
    state, plain = checkpoints.load(end.checkpoint.path), checkpoints.load(alone.checkpoint.path)
    assert state.model.keys() == plain.model.keys()
    assert state.parts.keys() - plain.parts.keys() == {"distiller"}
    weights = [value for value in checkpoints.load(tmp_path / "teacher.pt").model.values() if value.dim() > 1]
    kept = [*state.parts["distiller"]["learned"].values(), *state.parts["distiller"]["average"]["values"].values()]
    assert not any(one.shape == value.shape and torch.equal(one, value) for one in kept for value in weights)
    measured = api.evaluate(tiny(), end.checkpoint.path, protocol=api.Protocol.VALIDATION, threads=1)
    assert measured.metrics["mAP"] == state.metrics["mAP"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({**TERMS, "KD__EMA__ENABLED": True, "SOLVER__CLIP_GRADIENTS__ENABLED": True}, id="everything"),
        pytest.param({**PLAIN, "KD__EMBEDDING__SCALE": 1.0}, id="remembered"),
        pytest.param({**TERMS, "SOLVER__ACCUMULATE": 2, "SOLVER__EMA__ENABLED": True}, id="accumulated"),
    ],
)
def test_a_resumed_distillation_equals_the_uninterrupted_one_bit_by_bit(tiny, tmp_path, teacher, changed):
    config = tiny(KD__MODEL_WEIGHTS=[teacher], **changed)
    straight, end = train(config, tmp_path / "straight", seed=3)
    first, rest = train(config, tmp_path / "parts", to_epoch=1, seed=3)
    second, again = train(config, tmp_path / "parts", checkpoint=rest.checkpoint, seed=3)
    assert without_clock(straight) == without_clock(first + second)
    want, got = checkpoints.load(end.checkpoint.path), checkpoints.load(again.checkpoint.path)
    assert same(want.model, got.model)
    assert same(want.parts, got.parts)


@pytest.mark.slow
def test_a_student_may_learn_from_its_own_average_alone(tiny, tmp_path):
    _, end = train(tiny(KD__EMA__ENABLED=True, SOLVER__ACCUMULATE=2), tmp_path, to_epoch=2)
    state = checkpoints.load(end.checkpoint.path).parts["distiller"]
    assert state["average"]["updates"] == 6  # of the weights, three an epoch
    assert state["teachers"] == []


@pytest.mark.slow
def test_a_resume_finds_its_teacher_by_content_and_refuses_another(tiny, tmp_path, teacher):
    _, rest = train(tiny(KD__MODEL_WEIGHTS=[teacher]), tmp_path / "run", to_epoch=1)
    moved = str(shutil.copy(teacher, tmp_path / "moved.pt"))
    _, end = train(tiny(KD__MODEL_WEIGHTS=[moved]), tmp_path / "run", to_epoch=2, checkpoint=rest.checkpoint)
    assert end.epoch == 2
    other = save_teacher(tiny(), tmp_path / "other.pt", seed=1)
    for files, says in (([other], "other teachers than .*other.pt"), ([], "from some teachers, .* names none")):
        with pytest.raises(CheckpointError, match=says):
            train(tiny(KD__MODEL_WEIGHTS=files), tmp_path / "run", checkpoint=rest.checkpoint)


@pytest.mark.slow
def test_a_run_without_teachers_does_not_go_on_with_one(tiny, tmp_path, teacher):
    _, rest = train(tiny(), tmp_path / "run", to_epoch=1)
    with pytest.raises(CheckpointError, match="from none teachers"):
        train(tiny(KD__MODEL_WEIGHTS=[teacher]), tmp_path / "run", checkpoint=rest.checkpoint)


@pytest.mark.slow
def test_a_fork_may_change_what_is_learned(tiny, tmp_path, teacher):
    config = tiny(KD__MODEL_WEIGHTS=[teacher], KD__OVERHAUL__SCALE=1.0, KD__EMA__ENABLED=True)
    _, rest = train(config, tmp_path / "a", to_epoch=1)
    fork = api.Fork(rest.checkpoint.path, rest.checkpoint.epoch, rest.checkpoint.sha256)
    for name, changed in (("more", TERMS), ("less", {"KD__OVERHAUL__SCALE": 0.0, "KD__LOGITS__TEMPERATURE": 2.0})):
        other = tiny(KD__MODEL_WEIGHTS=[teacher], KD__EMA__ENABLED=True, **changed)
        _, end = train(other, tmp_path / name, to_epoch=2, checkpoint=fork)
        assert end.epoch == 2
    former = checkpoints.load(rest.checkpoint.path).parts["distiller"]
    more = tiny(KD__MODEL_WEIGHTS=[teacher], KD__EMA__ENABLED=True, **TERMS)
    started = run(more, tmp_path / "b", start=fork, seed=0)
    state = started._trainer._distiller.state_dict()
    assert same(state["average"], former["average"])
    assert same(dict(former["learned"]), {key: state["learned"][key] for key in former["learned"]})


@pytest.mark.slow
def test_a_fork_that_begins_to_learn_from_its_average_begins_with_the_forked_weights(tiny, tmp_path):
    _, rest = train(tiny(KD__EMA__ENABLED=True, KD__LOGITS__SCALE=0.0), tmp_path / "a", to_epoch=1)
    state = checkpoints.load(rest.checkpoint.path)
    assert "distiller" not in state.parts
    started = run(
        tiny(KD__EMA__ENABLED=True),
        tmp_path / "b",
        start=api.Fork(rest.checkpoint.path, rest.checkpoint.epoch, rest.checkpoint.sha256),
        seed=0,
    )
    average = started._trainer._distiller.state_dict()["average"]
    assert average["updates"] == 0
    assert same(average["values"], dict(state.model))


@pytest.mark.slow
def test_short_types_keep_every_term(tiny, tmp_path, teacher, monkeypatch):
    short = Compute(torch.device("cpu"), torch.bfloat16)  # what a GPU does with SOLVER.AMP
    config = tiny(KD__MODEL_WEIGHTS=[teacher], **TERMS)
    exact = run(config, tmp_path)._trainer
    monkeypatch.setattr(Compute, "of", lambda *_, **__: short)
    rough = run(config, tmp_path)._trainer
    batch = next(iter(exact._batches.epoch(1)))
    want, got = (trainer.model.train() and trainer.step(batch) for trainer in (exact, rough))
    # relations of a network that nobody trained are differences of almost equal numbers
    near = [name for name in NAMES if name != "loss_relation"]
    assert {name: got[name] for name in near} == pytest.approx({name: want[name] for name in near}, rel=0.2)
    assert 0 < got["loss_relation"] < 10


@pytest.mark.slow
def test_a_teacher_of_other_identities_is_refused_before_training_where_logits_are_compared(tiny, tmp_path):
    other = save_teacher(tiny(), tmp_path / "other.pt", classes=9)
    with pytest.raises(ConfigError, match=r"other.pt knows 9 identities and the student 6.*KD\.RELATION") as error:
        train(tiny(KD__MODEL_WEIGHTS=[other]), tmp_path / "run")
    assert error.value.findings[0].key == "KD.MODEL_WEIGHTS"
    results, _ = train(tiny(KD__MODEL_WEIGHTS=[other], KD__LOGITS__SCALE=0.0, **TERMS), tmp_path / "run", to_epoch=1)
    assert sorted(name for name in results[0].metrics if name in NAMES) == [n for n in NAMES if "kd" not in n]


def test_a_missing_teacher_is_told_before_images_are_decoded(tiny, tmp_path):
    config = tiny(KD__MODEL_WEIGHTS=[str(tmp_path / "no.pt")], DATASETS__ROOT=str(tmp_path / "no-images"))
    with pytest.raises(ConfigError, match=r"KD\.MODEL_WEIGHTS: there is no file .*no\.pt"):
        train(config, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("student", "master", "size", "stages", "projections"),
    [
        pytest.param(network("osnet", "x0_25"), network("resnet", "18x"), [64, 32], 4, 1, id="osnet-resnet"),
        pytest.param(network("mobilenetv2", "0.1x"), network("resnet", "50x"), [32, 32], 4, 1, id="mobilenet-resnet"),
        pytest.param(network("resnet", "18x"), network("resnet", "34x"), [32, 32], 4, 0, id="18-34"),
        pytest.param(network("shufflenetv2", "0.5x"), network("repvgg", "A0"), [64, 64], 3, 1, id="shufflenet-repvgg"),
    ],
)
def test_unequal_networks_learn_from_each_other(tiny, tmp_path, student, master, size, stages, projections):
    file = save_teacher(tiny(**master, INPUT__SIZE_TEST=size), tmp_path / "teacher.pt")
    started = run(tiny(KD__MODEL_WEIGHTS=[file], **student, **TERMS), tmp_path / "run")
    trainer = started._trainer
    trainer.model.train()
    batch = next(iter(trainer._batches.epoch(1)))
    before = [parameter.clone() for parameter in trainer._distiller.parameters()]
    losses = trainer.step(batch)
    assert all(losses[name] > 0 for name in NAMES)
    assert all(parameter.grad is not None for parameter in trainer.model.backbone.parameters())
    moved = [not torch.equal(old, new) for old, new in zip(before, trainer._distiller.parameters(), strict=True)]
    assert all(moved)
    assert len(moved) == 3 * stages + projections


@pytest.mark.slow
def test_stages_that_both_have_can_be_chosen(tiny, tmp_path, teacher):
    chosen = tiny(KD__MODEL_WEIGHTS=[teacher], KD__OVERHAUL__SCALE=1.0, KD__OVERHAUL__LAYERS=[4, 2])
    learned = run(chosen, tmp_path)._trainer._distiller.learned
    assert {name.split(".")[1] for name in learned.state_dict()} == {"stage2", "stage4"}
    shuffle = tiny(
        **network("shufflenetv2", "0.5x"),
        KD__MODEL_WEIGHTS=[teacher],
        KD__OVERHAUL__SCALE=1.0,
        KD__OVERHAUL__LAYERS=[1],
    )
    with pytest.raises(ConfigError, match=r"stage 1 is not in both .*; both have 2, 3, 4"):
        run(shuffle, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PCB", "MGN"])
def test_part_based_students_learn_branch_by_branch(tiny, tmp_path, teacher, name):
    backbone = network("resnet", "18x") if name == "MGN" else {}
    size = {"INPUT__SIZE_TRAIN": [96, 32], "INPUT__SIZE_TEST": [96, 32]}
    scales = {"KD__RELATION__ANGLE_SCALE": 1.0, "KD__EMBEDDING__SCALE": 1.0}
    config = tiny(
        MODEL__META_ARCHITECTURE=name, MODEL__HEADS__PARTS=3, KD__MODEL_WEIGHTS=[teacher], **backbone, **size, **scales
    )
    trainer = run(config, tmp_path)._trainer
    trainer.model.train()
    losses = trainer.step(next(iter(trainer._batches.epoch(1))))
    assert all(losses[term] > 0 for term in ("loss_kd_logits", "loss_relation", "loss_embedding"))


@pytest.mark.slow
def test_fastreids_file_teaches_through_its_configuration(tiny, tmp_path, teacher):
    model = checkpoints.load(tmp_path / "teacher.pt").model
    torch.save({"model": model}, tmp_path / "fastreid.pth")
    (tmp_path / "teacher.yml").write_text(
        "MODEL: {BACKBONE: {NAME: build_mobilenetv2_backbone, DEPTH: 0.1x}, HEADS: {WITH_BNNECK: true}}\n"
        "INPUT: {SIZE_TRAIN: [32, 32], SIZE_TEST: [32, 32]}\n"
    )
    theirs = {"KD__MODEL_WEIGHTS": [str(tmp_path / "fastreid.pth")]}
    with pytest.raises(ConfigError, match=r"no-config.*KD\.MODEL_CONFIG"):
        run(tiny(**theirs), tmp_path)
    config = tiny(**theirs, KD__MODEL_CONFIG=[str(tmp_path / "teacher.yml")])
    (one,), (other,) = (
        run(each, tmp_path)._trainer._distiller.teachers for each in (config, tiny(KD__MODEL_WEIGHTS=[teacher]))
    )
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert torch.equal(one.ask(images, None).logits[""], other.ask(images, None).logits[""])


@pytest.mark.slow
def test_a_teacher_with_averaged_weights_teaches_those(tiny, tmp_path):
    _, end = train(tiny(SOLVER__EMA__ENABLED=True), tmp_path / "teacher", to_epoch=1)
    state = checkpoints.load(end.checkpoint.path)
    (teacher,) = run(tiny(KD__MODEL_WEIGHTS=[str(end.checkpoint.path)]), tmp_path)._trainer._distiller.teachers
    assert same(dict(teacher.model.state_dict()), state.parts["average"]["values"])


@pytest.mark.slow
def test_images_that_never_change_are_asked_about_once(tiny, tmp_path, teacher):
    remembering, asking = (
        run(tiny(KD__MODEL_WEIGHTS=[teacher], KD__CACHE=cache, **PLAIN), tmp_path)._trainer for cache in ("auto", "off")
    )
    assert [trainer._distiller._pupils[0].memory is None for trainer in (remembering, asking)] == [False, True]
    batch = next(iter(remembering._batches.epoch(2)))
    said = remembering._distiller._pupils[0].memory.of(batch.indices, torch.device("cpu"))
    now = asking._distiller.teachers[0].ask(batch.images, batch.camids)
    torch.testing.assert_close(said.logits[""], now.logits[""])
    changed = tiny(KD__MODEL_WEIGHTS=[teacher])
    assert run(changed, tmp_path)._trainer._distiller._pupils[0].memory is None
    maps = tiny(KD__MODEL_WEIGHTS=[teacher], KD__OVERHAUL__SCALE=1.0, **PLAIN)
    assert run(maps, tmp_path)._trainer._distiller._pupils[0].memory is None


@pytest.mark.slow
def test_connectors_train_as_the_solver_says(tiny, tmp_path, teacher):
    config = tiny(
        KD__MODEL_WEIGHTS=[teacher],
        KD__OVERHAUL__SCALE=1.0,
        SOLVER__OPT="SGD",
        SOLVER__BASE_LR=0.01,
        SOLVER__WEIGHT_DECAY=0.003,
        SOLVER__LR_MULTIPLIERS=["backbone=0.1"],
    )
    started = run(config, tmp_path)
    started.to(1)
    student, learned = started._trainer._optimizer, started._trainer._distiller.optimizer
    assert isinstance(learned, torch.optim.SGD)
    rates = {group["lr"] for group in learned.param_groups}
    assert rates == {max(group["lr"] for group in student.param_groups)}
    assert 0.003 in {group["weight_decay"] for group in learned.param_groups}


@pytest.mark.slow
def test_a_taught_student_comes_nearer_to_its_teacher_than_one_that_learns_alone(tiny, tmp_path):
    schedule = {"SOLVER__MAX_EPOCH": 12, "SOLVER__CHECKPOINT_PERIOD": 12, "TEST__EVAL_PERIOD": 0, **PLAIN}
    master = tiny(**schedule, MODEL__BACKBONE__DEPTH="0.25x")
    _, end = train(master, tmp_path / "teacher", seed=9)
    file = str(end.checkpoint.path)
    kd = {"KD__MODEL_WEIGHTS": [file], "KD__LOGITS__TEMPERATURE": 2.0, "KD__LOGITS__SCALE": 4.0}
    distances = {}
    for name, changed in (("alone", {}), ("taught", kd)):
        started = run(tiny(**schedule, **changed), tmp_path / name)
        started.to(12)
        images = started._trainer._batches.plain(0, len(started._trainer._batches)).images
        student = started._trainer.model.eval().predictions(images)[""].plain_logits
        teacher = run(tiny(**kd), tmp_path / "look")._trainer._distiller.teachers[0].ask(images, None).logits[""]
        distances[name] = js_divergence(student, teacher, temperature=2.0).item()
    assert distances["taught"] < 0.7 * distances["alone"]


@pytest.mark.slow
def test_each_teacher_is_told_and_what_nothing_tells_is_a_warning(tiny, tmp_path, teacher):
    _, end = train(tiny(), tmp_path / "known", to_epoch=1)
    for file, warned in ((teacher, True), (str(end.checkpoint.path), False)):
        said = []
        train(tiny(KD__MODEL_WEIGHTS=[file]), tmp_path / f"run-{warned}", to_epoch=1, log=said.append)
        (told,) = [line for line in said if line.startswith("learns from")]
        assert told == f"learns from {file}: mobilenetv2 0.1x, 32 x 32 pixels, 6 classes"
        assert [file in line for line in said if line.startswith("warning: ")] == [True] * warned


LATER = {"KD__LOGITS__SCALE": 0.0, "KD__EMBEDDING__SCALE": 1.0}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seen", "split"), [(api.Protocol.TEST, {}), (api.Protocol.VALIDATION, {"DATASETS__VAL_SEED": 5})]
)
@pytest.mark.parametrize("changed", [{}, LATER])
def test_a_teacher_that_saw_what_is_held_out_is_refused(tiny, tmp_path, seen, split, changed):
    _, end = train(tiny(**split), tmp_path / "teacher", protocol=seen, to_epoch=1)
    student = tiny(KD__MODEL_WEIGHTS=[str(end.checkpoint.path)], **changed)
    with pytest.raises(ConfigError) as error:
        train(student, tmp_path / "student", to_epoch=1)
    assert "teacher-saw-held-out" in {finding.code for finding in error.value.findings}
    if changed and seen is api.Protocol.VALIDATION:
        train(student, tmp_path / "student", protocol=api.Protocol.TEST, to_epoch=1)


@pytest.mark.slow
def test_logits_of_other_data_and_of_another_task_are_refused(tiny, tmp_path):
    _, end = train(tiny(DATASETS__SYNTHETIC__SEED=4), tmp_path / "teacher", to_epoch=1)
    file = str(end.checkpoint.path)
    with pytest.raises(ConfigError, match="teacher-other-data"):
        train(tiny(KD__MODEL_WEIGHTS=[file]), tmp_path / "student", to_epoch=1)
    classes = tiny(TASK__NAME="classification", KD__MODEL_WEIGHTS=[file], MODEL__LOSSES__NAME=["CrossEntropyLoss"])
    with pytest.raises(ConfigError, match="learned reid, and the student learns classification"):
        train(classes, tmp_path / "classes", to_epoch=1)
    train(tiny(KD__MODEL_WEIGHTS=[file], **LATER), tmp_path / "student", to_epoch=1)


@pytest.mark.slow
def test_a_checkpoint_of_ours_teaches_the_same_with_a_configuration_beside_it(tiny, tmp_path):
    _, end = train(tiny(SOLVER__EMA__ENABLED=True), tmp_path / "teacher", to_epoch=1)
    (tmp_path / "teacher.yml").write_text(
        "MODEL: {BACKBONE: {NAME: build_mobilenetv2_backbone, DEPTH: 0.1x}, HEADS: {WITH_BNNECK: true}}\n"
        "INPUT: {SIZE_TRAIN: [32, 32], SIZE_TEST: [32, 32]}\n"
    )
    plain = tiny(KD__MODEL_WEIGHTS=[str(end.checkpoint.path)])
    given = tiny(KD__MODEL_WEIGHTS=[str(end.checkpoint.path)], KD__MODEL_CONFIG=[str(tmp_path / "teacher.yml")])
    (one,), (other,) = (run(each, tmp_path)._trainer._distiller.teachers for each in (plain, given))
    assert same(dict(one.model.state_dict()), dict(other.model.state_dict()))


@pytest.mark.slow
def test_a_student_that_sees_a_sample_of_the_classes_learns_their_logits(tiny, tmp_path, teacher):
    config = tiny(
        KD__MODEL_WEIGHTS=[teacher],
        MODEL__HEADS__PFC__ENABLED=True,
        MODEL__HEADS__PFC__SAMPLE_RATE=0.7,
        SOLVER__IMS_PER_BATCH=4,
    )
    trainer = run(config, tmp_path)._trainer
    trainer.model.train()
    batch = next(iter(trainer._batches.epoch(1)))
    assert trainer.step(batch)["loss_kd_logits"] > 0
    assert len(trainer.model.heads.drawn_rows) == 5  # of 6


@pytest.mark.slow
def test_attributes_are_learned_as_probabilities_of_their_own(tiny, tmp_path):
    attributes = {
        "TASK__NAME": "attributes",
        "MODEL__HEADS__NAME": "AttrHead",
        "MODEL__LOSSES__NAME": ["BinaryCrossEntropyLoss"],
        "DATALOADER__SAMPLER_TRAIN": "TrainingSampler",
        "DATASETS__SYNTHETIC__IMAGES": 4,
    }
    _, end = train(tiny(**attributes), tmp_path / "teacher", to_epoch=1)
    kd = {"KD__MODEL_WEIGHTS": [str(end.checkpoint.path)], "KD__LOGITS__NAME": "kl", "KD__LOGITS__TEMPERATURE": 2.0}
    trainer = run(tiny(**attributes, **kd), tmp_path)._trainer
    trainer.model.train()
    batch = next(iter(trainer._batches.epoch(1)))
    outputs = trainer.model.outputs(batch.images, batch.labels, batch.camids)
    distiller = trainer._distiller
    lessons = distiller.lessons(batch.images, batch.camids, batch.indices, outputs, {})
    own, wanted = ((x / 2).sigmoid() for x in (outputs[""].plain_logits, lessons["0"].logits[""]))
    each = wanted * (wanted / own).log() + (1 - wanted) * ((1 - wanted) / (1 - own)).log()
    got = distiller.terms(outputs, lessons)["loss_kd_logits"]
    assert got.item() == pytest.approx(4 * each.mean().item(), rel=1e-4)


@pytest.mark.slow
def test_answers_that_would_take_too_much_memory_are_not_kept(tiny, tmp_path, teacher, monkeypatch):
    monkeypatch.setattr("reid_core.distill.build.MOST_BYTES", 1000)
    said = []
    _, end = train(tiny(KD__MODEL_WEIGHTS=[teacher], **PLAIN), tmp_path, to_epoch=1, log=said.append)
    assert end.epoch == 1
    assert len([line for line in said if "asked about every batch" in line]) == 1
