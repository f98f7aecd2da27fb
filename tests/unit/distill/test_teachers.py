"""Networks that do not learn: what they say, of which images, and that nothing changes them."""

from __future__ import annotations

import sys

import pytest
import torch
from onnx_file import mean_colours

from reid_core.config import from_values
from reid_core.data.loader import EvalBatch
from reid_core.distill.average_teacher import AverageTeacher
from reid_core.distill.onnx_teacher import OnnxTeacher
from reid_core.distill.remembering import Remembered
from reid_core.distill.stages import stages_of
from reid_core.distill.teacher import NetworkTeacher, of_size
from reid_core.errors import ConfigError
from reid_core.modeling import build_model
from reid_core.solver.ema import WeightAverage

TINY = {
    "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
    "MODEL.BACKBONE.DEPTH": "0.1x",
    "MODEL.HEADS.WITH_BNNECK": True,
    "INPUT.SIZE_TRAIN": [32, 32],
    "INPUT.SIZE_TEST": [32, 32],
}
RESNET = {"MODEL.BACKBONE.NAME": "build_resnet_backbone", "MODEL.BACKBONE.DEPTH": "18x"}


def model(classes=5, **changed):
    torch.manual_seed(0)
    values = TINY | {key.replace("__", "."): value for key, value in changed.items()}
    return build_model(from_values(values), classes)


def images(count=4, height=32, width=32):
    return torch.randint(
        0, 256, (count, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def moved(network):
    """The network with statistics and weights that are not those of its start."""
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(0.05 * torch.rand_like(value))
    return network


@pytest.mark.slow
def test_a_teacher_is_in_evaluation_mode_and_frozen_whatever_it_was():
    network = moved(model().train())
    teacher = NetworkTeacher("it", network, (32, 32))
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    said = teacher.ask(images(), None)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert torch.equal(said.embedding, network.embed(images()))
    assert not said.embedding.requires_grad


@pytest.mark.slow
@pytest.mark.parametrize("classifier", ["ArcSoftmax", "CosSoftmax", "CircleSoftmax"])
def test_logits_of_a_teacher_have_no_margin(classifier):
    network = model(MODEL__HEADS__CLS_LAYER=classifier, MODEL__HEADS__MARGIN=0.5, MODEL__HEADS__SCALE=30.0)
    said = NetworkTeacher("it", network, (32, 32)).ask(images(), None)
    unit, classes = (torch.nn.functional.normalize(x) for x in (said.embedding, network.heads.weight))
    torch.testing.assert_close(said.logits[""], 30.0 * unit @ classes.T)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "branches"), [("PCB", 3), ("MGN", 8)])
def test_branches_speak_for_themselves_and_the_embedding_is_that_of_evaluation(name, branches):
    changed = {key.replace(".", "__"): value for key, value in RESNET.items()} if name == "MGN" else {}
    size = {"INPUT__SIZE_TRAIN": [96, 32], "INPUT__SIZE_TEST": [96, 32]}
    network = model(MODEL__META_ARCHITECTURE=name, MODEL__HEADS__PARTS=3, **changed, **size)
    said = NetworkTeacher("it", network, (96, 32)).ask(images(2, 96, 32), None)
    assert len(said.logits) == branches
    assert torch.equal(said.embedding, network.embed(images(2, 96, 32)))


@pytest.mark.slow
def test_a_moco_teacher_does_not_step_its_second_encoder():
    network = moved(model(MODEL__META_ARCHITECTURE="MoCo", MODEL__QUEUE_SIZE=64, MODEL__KEY_MOMENTUM=0.5))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    NetworkTeacher("it", network, (32, 32)).ask(images(), None)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_a_teacher_of_another_image_size_sees_the_batch_resized():
    network = model(INPUT__SIZE_TEST=[64, 48])
    said = NetworkTeacher("it", network, (64, 48)).ask(images(), None)
    assert torch.equal(said.embedding, network.embed(of_size(images(), (64, 48))))
    assert of_size(images(), (32, 32)).dtype == torch.uint8


def test_a_teacher_shows_the_maps_of_its_stages():
    network = model()
    stages = stages_of(network.backbone, name="it")[1:3]
    said = NetworkTeacher("it", network, (32, 32)).ask(images(), None, stages)
    assert {number: tuple(value.shape) for number, value in said.maps.items()} == {2: (4, 4, 4, 4), 3: (4, 12, 2, 2)}


@pytest.mark.slow
def test_the_moving_average_teaches_what_the_formula_gives_and_its_state_goes_on():
    student = model()
    teacher = AverageTeacher(student, (32, 32), momentum=0.9)
    assert torch.equal(teacher.ask(images(), None).embedding, student.eval().embed(images()))
    want = WeightAverage(student, 0.9)
    for _ in range(3):
        want.update(moved(student))
        teacher.follow(student)
    other = model()
    other.load_state_dict(want.averaged_state())
    assert torch.equal(teacher.ask(images(), None).embedding, other.eval().embed(images()))
    again = AverageTeacher(model(), (32, 32), momentum=0.9)
    again.load_state_dict(teacher.state_dict())
    for one in (teacher, again):
        one.follow(student)
    assert torch.equal(teacher.ask(images(), None).embedding, again.ask(images(), None).embedding)
    assert not any(parameter.requires_grad for parameter in teacher.model.parameters())


@pytest.mark.slow
def test_the_moving_average_can_begin_anew():
    student = model()
    teacher = AverageTeacher(student, (32, 32), momentum=0.9)
    teacher.follow(moved(student))
    teacher.start(student)
    assert torch.equal(teacher.ask(images(), None).embedding, student.eval().embed(images()))


class Counting:
    """A teacher that counts the images it was asked about."""

    def __init__(self, teacher):
        self.teacher, self.asked = teacher, 0

    def ask(self, pixels, camids, stages=()):
        self.asked += len(pixels)
        return self.teacher.ask(pixels, camids, stages)


@pytest.mark.slow
def test_what_is_remembered_does_not_depend_on_the_batch_and_is_asked_once():
    everything = images(70)
    camids = torch.zeros(70, dtype=torch.int64)
    counting = Counting(NetworkTeacher("it", moved(model()), (32, 32)))

    def memory():
        return Remembered(counting, lambda a, b: EvalBatch(everything[a:b], camids[a:b]), 70)

    device = torch.device("cpu")
    first, second = memory(), memory()
    rows = torch.tensor([69, 3, 40, 3])
    one = first.of(rows, device)
    assert counting.asked == 70  # blocks of 32, the last of 6
    for index in (40, 69, 3):
        second.of(torch.tensor([index]), device)
    again = second.of(rows, device)
    assert counting.asked == 140
    assert torch.equal(one.embedding, again.embedding)
    assert torch.equal(one.logits[""], again.logits[""])
    alone = counting.teacher.ask(everything[rows], None)
    torch.testing.assert_close(one.embedding, alone.embedding)
    torch.testing.assert_close(one.logits[""], alone.logits[""])


WEIGHTS = [[1.0, 0.0, 2.0, -1.0], [0.0, 1.0, 0.5, 0.0], [0.0, 0.0, 0.25, 3.0]]


@pytest.mark.parametrize("of_bytes", [False, True])
@pytest.mark.parametrize("batch", ["n", 3])
def test_an_onnx_file_teaches_embedding_and_logits(tmp_path, batch, of_bytes):
    path = mean_colours(tmp_path / "t.onnx", batch=batch, weights=WEIGHTS, of_bytes=of_bytes)
    teacher = OnnxTeacher(path, image_size=(32, 32), identity="x")
    assert (teacher.classes, teacher.width) == (4, 3)
    said = teacher.ask(images(7), None)
    means = images(7).float().mean(dim=(2, 3))
    torch.testing.assert_close(said.embedding, means)
    torch.testing.assert_close(said.logits[""], means @ torch.tensor(WEIGHTS))


def test_an_onnx_file_of_fixed_size_sees_images_of_that_size(tmp_path):
    path = mean_colours(tmp_path / "t.onnx", size=(16, 8))
    teacher = OnnxTeacher(path, image_size=(32, 32), identity="x")
    assert (teacher.classes, teacher.width) == (0, 3)
    said = teacher.ask(images(2), None)
    torch.testing.assert_close(said.embedding, of_size(images(2), (16, 8)).mean(dim=(2, 3)))
    assert said.logits == {}


def test_a_file_that_is_no_onnx_network_is_refused(tmp_path):
    path = tmp_path / "t.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(ConfigError, match="does not load as an ONNX network"):
        OnnxTeacher(path, image_size=(32, 32), identity="x")


def test_without_onnxruntime_an_onnx_file_is_refused_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"missing-package.*pip install onnxruntime"):
        OnnxTeacher(mean_colours(tmp_path / "t.onnx"), image_size=(32, 32), identity="x")
