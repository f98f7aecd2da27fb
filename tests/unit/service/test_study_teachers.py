"""Teachers of a study: which model it is, what it may not have seen, where its copy lies, when it is a parameter."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from orchestrator.events import (
    CheckpointSaved,
    ControllerStarted,
    EpochReported,
    Logged,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    TrialSuggested,
    event_from_json,
    event_to_json,
    fold,
)
from orchestrator.search import make_plan
from orchestrator.service.create import draft, placed, study_created
from orchestrator.service.home import Home
from orchestrator.service.retaught import retaught, taught_by
from orchestrator.service.taught import WEIGHTS, judged, places
from orchestrator.service.teachers import find_teachers, teacher_of_file
from orchestrator.service.views import StudyRequest
from reid_core import api
from reid_core.api import Protocol
from reid_core.config import load_config
from reid_core.engine.checkpoint import Checkpoint, save
from reid_core.errors import InvalidInput, NotFound
from search_spaces.load import load_space

SMALL = {
    "DATASETS.SYNTHETIC.IDENTITIES": 12,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 4,
    "DATASETS.SYNTHETIC.IMAGES": 2,
    "SOLVER.IMS_PER_BATCH": 16,
}
HELD_OUT = 3  # of 12 identities, by the demo recipe's quarter
LOADED = load_space("bnneck", overrides={**SMALL, "DATASETS.ROOT": "synthetic", "DATASETS.VAL_FRACTION": 0.25})


OTHER = {"SOLVER.BASE_LR": 0.001}


def request(**changes) -> StudyRequest:
    plain = {"space": "distill", "trials": 2, "max_epochs": 2, "backend": "inline", "name": "pupil", "set": SMALL}
    return StudyRequest(**(plain | changes))


def checkpoint(path: Path, identities: int = 12 - HELD_OUT, *, epoch: int = 2, **changes) -> Path:
    loaded = load_config("demo", [*SMALL.items(), ("SOLVER.MAX_EPOCH", 2), *changes.items()])
    data = api.describe_data(loaded.config)
    protocol = Protocol.TEST if identities == data.train_identities else Protocol.VALIDATION
    split = data.fingerprint if protocol is Protocol.TEST else data.split_fingerprint
    seen = {"protocol": protocol.value, "data": data.fingerprint, "split": split}
    return save(Checkpoint(epoch, 0, identities, loaded.values, {"mAP": 0.5}, None, {}, {}, **seen), path).path


def teacher_study(home: Home, *, protocol: Protocol = Protocol.VALIDATION, data: api.DataSummary | None = None):
    """A study of two trials at epoch 2, of which the second is better, with their checkpoints."""
    data = data or api.describe_data(load_config("demo", list(SMALL.items())).config)
    plan = make_plan(max_epochs=2, min_epochs=2, eta=3, trials=2)
    created = StudyCreated(
        study="feed", name="cows", space=LOADED.space, base=LOADED.base, plan=plan, seed=0, algorithm="random",
        backend="inline", workers=1, data_fingerprint=data.fingerprint, split_fingerprint=data.split_fingerprint,
        protocol=protocol,
    )  # fmt: skip
    events = [created, ControllerStarted(owner="x", token=1, workers=1)]
    for trial, value in ((1, 0.3), (2, 0.6)):
        path = checkpoint(home.study("feed") / "trials" / f"{trial:04d}" / "epoch-0002.pt")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        events += [
            TrialSuggested(trial=trial, values={}, origin=Origin.RANDOM, reason="", bracket=0, to_epoch=2),
            SegmentStarted(segment=trial, trial=trial, from_epoch=0, to_epoch=2),
            EpochReported(trial=trial, segment=trial, epoch=2, metrics={"mAP": value}),
            CheckpointSaved(trial=trial, segment=trial, epoch=2, path=str(path), sha256=digest),
            SegmentEnded(segment=trial, trial=trial, outcome=OutcomeKind.COMPLETED),
        ]
    return fold([Logged(seq, float(seq), event) for seq, event in enumerate(events, start=1)])


@pytest.fixture
def place(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def states(place):
    """States by name: the study cows alone."""
    study = teacher_study(place)

    def find(name):
        if name not in {"cows", "feed", "latest"}:
            raise NotFound(f"there is no study {name!r}")
        return study

    return find


def refusal(made, *words) -> str:
    with pytest.raises(InvalidInput) as caught:
        made()
    (found,) = caught.value.findings
    assert (found.file, found.key) == ("--teacher", "teacher")
    assert all(word in str(found) for word in words), str(found)
    return found.code


@pytest.mark.slow
def test_of_a_study_the_best_trial_teaches_a_search(states, place):
    made = draft(request(teacher=("study:latest",)), states, place)
    (teacher,) = made.given.teachers
    assert (teacher.source, teacher.study, teacher.name, teacher.trial) == ("study:cows", "feed", "cows", 2)
    assert (teacher.epoch, teacher.identities, teacher.metrics) == (2, 12 - HELD_OUT, {"mAP": 0.6})
    assert teacher.same_data
    assert "best trial of study cows: trial 2 at epoch 2, mAP 0.600" in teacher.reason
    assert made.base[WEIGHTS] == [teacher.path]
    assert made.request.teacher == ("study:cows",)  # latest will soon be another one


@pytest.mark.slow
def test_the_study_keeps_a_copy_that_survives_the_teacher(states, place):
    created = study_created(draft(request(teacher=("study:cows",)), states, place), place)
    (teacher,) = created.teachers
    for path in place.study("feed").rglob("*.pt"):
        path.unlink()
    kept = Path(teacher.path)
    assert kept.is_relative_to(place.study(created.study))
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == teacher.sha256
    assert api.describe_checkpoint(kept).identities == teacher.identities
    assert created.base[WEIGHTS] == [teacher.path]
    assert "--teacher study:cows" in created.command
    assert event_from_json(event_to_json(created)) == created


@pytest.mark.slow
def test_several_teachers_are_a_parameter_each_alone_or_all_together(states, place, tmp_path):
    other = checkpoint(tmp_path / "other.pt", **OTHER)
    made = draft(request(teacher=("study:cows", str(other))), states, place)
    first, second = (one.path for one in made.given.teachers)
    assert made.space.parameters[WEIGHTS].values == ([first], [second], [first, second])
    created = study_created(made, place)
    moved = [one.path for one in created.teachers]
    assert created.space.parameters[WEIGHTS].values == ([moved[0]], [moved[1]], moved)
    assert event_from_json(event_to_json(created)).space == created.space


@pytest.mark.slow
def test_the_same_model_under_two_names_is_one_teacher(states, place, tmp_path):
    same = checkpoint(tmp_path / "same.pt")
    made = draft(request(teacher=("study:cows", str(same))), states, place)
    assert [one.source for one in made.given.teachers] == ["study:cows"]
    assert WEIGHTS not in made.space.parameters


@pytest.mark.slow
def test_weights_for_several_teachers_say_that_all_of_them_teach(states, place, tmp_path):
    other = checkpoint(tmp_path / "other.pt", **OTHER)
    asked = request(teacher=("study:cows", str(other)), set={**SMALL, "KD.WEIGHTS": [2.0, 1.0]})
    made = draft(asked, states, place)
    assert WEIGHTS not in made.space.parameters
    assert len(made.base[WEIGHTS]) == 2


@pytest.mark.slow
def test_a_file_named_by_set_is_a_teacher_like_any_other(states, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint(tmp_path / "mine.pt")
    made = draft(request(set={**SMALL, WEIGHTS: ["mine.pt"]}), states, place)
    (teacher,) = made.given.teachers
    assert made.base[WEIGHTS] == [str(tmp_path / "mine.pt")] == [teacher.path]
    assert placed(made, places(made.given.teachers, tmp_path)).base[WEIGHTS] != [teacher.path]


@pytest.mark.slow
def test_a_model_of_all_identities_may_not_teach_a_search(states, place, tmp_path):
    whole = str(checkpoint(tmp_path / "retrained.pt", identities=12))
    code = refusal(lambda: draft(request(teacher=(whole,)), states, place), "on all identities", "study:NAME")
    assert code == "teacher-saw-held-out"


@pytest.mark.slow
def test_a_model_of_another_validation_split_may_not_teach_a_search(states, place, tmp_path):
    other = str(checkpoint(tmp_path / "other.pt", **{"DATASETS.VAL_SEED": 7}))
    code = refusal(lambda: draft(request(teacher=(other,)), states, place), "another validation split")
    assert code == "teacher-saw-held-out"


def test_a_study_of_the_test_split_may_not_teach_a_search(place):
    study = teacher_study(place, protocol=Protocol.TEST)
    code = refusal(lambda: draft(request(teacher=("study:cows",)), lambda _: study, place), "on all identities")
    assert code == "teacher-saw-held-out"


@pytest.mark.slow
def test_a_model_of_other_data_teaches_all_but_its_logits(states, place, tmp_path):
    other = str(checkpoint(tmp_path / "other.pt", identities=5, **{"DATASETS.SYNTHETIC.SEED": 9}))
    code = refusal(lambda: draft(request(teacher=(other,)), states, place), "other data", "--set KD.LOGITS.SCALE 0")
    assert code == "teacher-other-data"
    made = draft(request(teacher=(other,), set={**SMALL, "KD.LOGITS.SCALE": 0.0}), states, place)
    assert not made.given.teachers[0].same_data
    assert any("trained on other data" in note for note in made.notes)


@pytest.mark.slow
def test_a_model_of_an_older_version_says_that_nothing_is_known(states, place, tmp_path):
    values = load_config("demo", list(SMALL.items())).values
    unknown = str(save(Checkpoint(2, 0, 12 - HELD_OUT, values, {}, None, {}, {}), tmp_path / "old.pt").path)
    made = draft(request(teacher=(unknown,)), states, place)
    assert any("not known here" in note for note in made.notes)


@pytest.mark.parametrize("recipe", ["classification", "attributes"])
def test_where_all_classes_are_trained_on_the_split_tells_who_may_teach(tmp_path, recipe):
    loaded = load_config(recipe, [("DATASETS.ROOT", "synthetic")])
    data, values = api.describe_data(loaded.config), loaded.values
    known = {}
    for protocol, split in ((Protocol.TEST, data.fingerprint), (Protocol.VALIDATION, data.split_fingerprint)):
        state = Checkpoint(
            2, 0, 8, values, {}, None, {}, {}, protocol=protocol.value, data=data.fingerprint, split=split
        )
        known[protocol] = teacher_of_file(str(save(state, tmp_path / f"{protocol}.pt").path))
    whole, part = known[Protocol.TEST], known[Protocol.VALIDATION]
    assert judged([part], values, data, Protocol.VALIDATION, logits=True)[0][0].same_data
    assert judged([whole], values, data, Protocol.TEST, logits=True)[0][0].same_data
    assert "held out" in judged([part], values, data, Protocol.TEST, logits=True)[1][0]
    assert refusal(lambda: judged([whole], values, data, Protocol.VALIDATION, logits=False)) == "teacher-saw-held-out"
    reid = {**values, "TASK.NAME": "reid"}
    assert refusal(lambda: judged([part], reid, data, Protocol.VALIDATION, logits=True)) == "teacher-other-task"


@pytest.mark.slow
def test_a_space_of_distillation_without_a_teacher_names_the_command_that_makes_one(states, place, tmp_path):
    made = request(data=str(tmp_path))
    code = refusal(lambda: draft(made, states, place), "KD.LOGITS.SCALE", "--teacher", "reid-tune run --space bnneck")
    assert code == "needs-teacher"


@pytest.mark.slow
def test_an_onnx_file_cannot_teach_its_feature_maps(states, place, tmp_path):
    (tmp_path / "big.onnx").write_bytes(b"a network")
    asked = request(teacher=(str(tmp_path / "big.onnx"),))
    code = refusal(lambda: draft(asked, states, place), "does not show its feature maps", "KD.OVERHAUL.SCALE 0.0")
    assert code == "teacher-without-maps"
    made = draft(asked.model_copy(update={"set": {**SMALL, "KD.OVERHAUL.SCALE": 0.0}}), states, place)
    (teacher,) = study_created(made, place).teachers
    assert Path(teacher.path).suffix == ".onnx"
    assert hashlib.sha256(b"a network").hexdigest() == teacher.sha256


@pytest.mark.slow
def test_on_built_in_data_the_students_own_average_teaches_where_nobody_else_does(states, place):
    made = draft(request(), states, place)
    assert made.base["KD.EMA.ENABLED"] is True
    assert any("--teacher study:NAME" in note for note in made.notes)
    assert draft(request(teacher=("study:cows",)), states, place).base["KD.EMA.ENABLED"] is False


@pytest.mark.slow
@pytest.mark.parametrize(("name", "word"), [("gone.pt", "there is no file"), ("text.pt", "not a checkpoint")])
def test_what_is_no_model_is_refused(states, place, tmp_path, name, word):
    (tmp_path / "text.pt").write_text("nothing")
    refusal(lambda: draft(request(teacher=(str(tmp_path / name),)), states, place), word)


@pytest.mark.slow
def test_an_unknown_study_and_one_whose_files_are_gone_are_not_found(states, place):
    with pytest.raises(NotFound, match="no study 'sheep'"):
        find_teachers(("study:sheep",), states, place, Protocol.VALIDATION)
    for path in place.study("feed").rglob("*.pt"):
        path.unlink()
    with pytest.raises(NotFound, match="not there any more"):
        find_teachers(("study:cows",), states, place, Protocol.VALIDATION)


# retraining -----------------------------------------------------------------


def pupil(states, place, **changes) -> StudyCreated:
    return study_created(draft(request(**{"teacher": ("study:cows",), **changes}), states, place), place)


@pytest.mark.slow
def test_a_retraining_needs_the_teachers_own_retraining_and_names_its_command(states, place):
    created = pupil(states, place)
    with pytest.raises(NotFound, match=r"trained on all identities(.|\n)*reid-tune best cows --retrain"):
        retaught(created, created.base, (), states, place)
    checkpoint(place.study("feed") / "retrain" / "winner" / "epoch-0001.pt", identities=12, epoch=1)
    with pytest.raises(NotFound, match="only one of 1 of 2 epochs"):
        retaught(created, created.base, (), states, place)


@pytest.mark.slow
def test_a_retraining_learns_from_the_teachers_retrained_winner(states, place):
    created = pupil(states, place)
    whole = checkpoint(place.study("feed") / "retrain" / "winner" / "epoch-0002.pt", identities=12)
    teachers = retaught(created, created.base, (), states, place)
    assert [(one.path, one.identities, one.same_data) for one in teachers] == [(str(whole), 12, True)]
    assert taught_by(created.base, teachers)[WEIGHTS] == [str(whole)]


@pytest.mark.slow
def test_a_retraining_may_be_given_another_teacher(states, place, tmp_path):
    created = pupil(states, place)
    whole = str(checkpoint(tmp_path / "whole.pt", identities=12))
    assert [one.path for one in retaught(created, created.base, (whole,), states, place)] == [whole]
    part = str(checkpoint(tmp_path / "part.pt"))
    assert refusal(lambda: retaught(created, created.base, (part,), states, place)) == "teacher-fewer-identities"
    two = (whole, whole)
    assert refusal(lambda: retaught(created, created.base, two, states, place), "2 times") == "teacher-count"


@pytest.mark.slow
def test_a_file_that_taught_a_search_cannot_teach_all_identities(states, place, tmp_path):
    created = pupil(states, place, teacher=(str(checkpoint(tmp_path / "part.pt")),))
    with pytest.raises(NotFound, match=r"best pupil --retrain --teacher FILE"):
        retaught(created, created.base, (), states, place)
    alone = {**created.base, "KD.LOGITS.SCALE": 0.0, "KD.EMBEDDING.SCALE": 1.0}
    (again,) = retaught(created, alone, (), states, place)
    assert again.path == created.teachers[0].path


@pytest.mark.slow
def test_a_winner_that_learned_alone_is_retrained_alone(states, place):
    created = pupil(states, place)
    alone = {**created.base, "KD.LOGITS.SCALE": 0.0}
    assert retaught(created, alone, (), states, place) == ()
    assert taught_by(alone, ()) == alone


@pytest.mark.slow
def test_a_teacher_study_that_is_gone_is_told_with_what_helps(states, place):
    created = pupil(states, place)

    def gone(name):
        raise NotFound(f"there is no study {name!r}")

    with pytest.raises(NotFound, match=r"study cows, whose winner taught pupil(.|\n)*--teacher FILE"):
        retaught(created, created.base, (), gone, place)
