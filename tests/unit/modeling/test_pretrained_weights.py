from __future__ import annotations

import pytest
import torch

from reid_core.errors import CheckpointError, ConfigError
from reid_core.modeling.backbones import MobileNetV2, ResNet, ResNetDepth
from reid_core.modeling.weights import LoadReport, load_pretrained, load_state


def torchvision_named(state):
    """A FastReID-named MobileNetV2 state under torchvision's names, written out from torchvision's module nesting."""
    renamed = {}
    for key, value in state.items():
        layer, name = key.rsplit(".", 1)
        parts = layer.split(".")
        if parts[0] == "conv":
            layer = f"features.18.{parts[1]}"
        elif "conv" in parts:
            index, last = int(parts[-1]), 3 if parts[1] == "1" else 6
            nested = f"{index // 3}.{index % 3}" if index < last else str(last // 3 + index - last)
            layer = ".".join([*parts[:-1], nested])
        renamed[f"{layer}.{name}"] = value
    return renamed


def same(left, right):
    return all(torch.equal(value, right[key]) for key, value in left.items())


@pytest.fixture
def donor():
    torch.manual_seed(1)
    return MobileNetV2(0.1).state_dict()


def test_torchvision_names_of_mobilenet_v2_are_loaded_completely(donor):
    backbone = MobileNetV2(0.1)
    report = load_state(backbone, torchvision_named(donor), source="file")
    assert same(donor, backbone.state_dict())
    assert report == LoadReport(tuple(sorted(donor)), (), (), ())


def test_fastreids_own_names_are_not_renamed(donor):
    backbone = MobileNetV2(0.1)
    load_state(backbone, donor, source="file")
    assert same(donor, backbone.state_dict())


@pytest.mark.shared
def test_shared_imagenet_file_fills_every_tensor(shared):
    backbone = MobileNetV2()
    report = load_pretrained(backbone, shared / "weights" / "mobilenet_v2-imagenet1k-nohead.pth")
    assert len(report.loaded) == len(backbone.state_dict()) == 312
    assert (report.missing, report.unexpected, report.skipped_shape) == ((), (), ())


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "module.backbone."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_prefixes_and_wrappers_of_training_tools_are_removed(tmp_path, donor, prefix, wrapper):
    state = {prefix + key: value for key, value in donor.items()}
    torch.save({wrapper: state} if wrapper else state, tmp_path / "weights.pth")
    backbone = MobileNetV2(0.1)
    load_pretrained(backbone, tmp_path / "weights.pth")
    assert same(donor, backbone.state_dict())


@pytest.mark.slow
def test_classifier_in_the_file_is_reported_and_left_out():
    state = ResNet(ResNetDepth.R18).state_dict() | {"fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}
    report = load_state(ResNet(ResNetDepth.R18), state, source="file")
    assert report.unexpected == ("fc.bias", "fc.weight")


@pytest.mark.slow
def test_ibn_network_takes_plain_weights_and_reports_its_missing_norms():
    report = load_state(ResNet(ResNetDepth.R18, with_ibn=True), ResNet(ResNetDepth.R18).state_dict(), source="file")
    assert "layer1.0.bn1.IN.weight" in report.missing
    assert "layer1.0.bn1.weight" in report.unexpected
    assert "layer1.0.conv1.weight" in report.loaded


@pytest.mark.slow
def test_added_attention_may_be_missing():
    report = load_state(ResNet(ResNetDepth.R18, with_se=True), ResNet(ResNetDepth.R18).state_dict(), source="file")
    assert "layer1.0.se.fc.0.weight" in report.missing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "model"),
    [
        (lambda: ResNet(ResNetDepth.R18), lambda: MobileNetV2(0.1)),
        (lambda: ResNet(ResNetDepth.R34), lambda: ResNet(ResNetDepth.R18)),
        (lambda: ResNet(ResNetDepth.R18), lambda: ResNet(ResNetDepth.R34)),
        (lambda: MobileNetV2(0.25), lambda: MobileNetV2(0.1)),
    ],
    ids=["other-family", "deeper-file", "shallower-file", "other-width"],
)
def test_weights_of_another_architecture_are_refused_and_nothing_is_loaded(file, model):
    backbone = model()
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"weights\.pth belongs to another architecture.*weight"):
        load_state(backbone, file().state_dict(), source="weights.pth")
    assert same(before, backbone.state_dict())


def test_missing_file_is_named_with_its_key(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_pretrained(MobileNetV2(0.1), tmp_path / "none.pth")
    (finding,) = caught.value.findings
    assert (finding.code, finding.key) == ("missing-file", "MODEL.BACKBONE.PRETRAIN_PATH")
    assert "none.pth" in finding.message


def test_torn_file_is_refused(tmp_path, donor):
    path = tmp_path / "torn.pth"
    torch.save(donor, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        load_pretrained(MobileNetV2(0.1), path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        load_pretrained(MobileNetV2(0.1), tmp_path / "x.pth")


class Payload:
    """Unpickling it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_code_in_a_file_never_runs(tmp_path):
    torch.save({"conv.0.weight": Payload(tmp_path / "ran")}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        load_pretrained(MobileNetV2(0.1), tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_file_without_a_state_dict_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds a list, not a state dict"):
        load_pretrained(MobileNetV2(0.1), tmp_path / "list.pth")
