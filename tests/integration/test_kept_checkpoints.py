"""What is kept of a study's trials, seen and changed by people; studies with checkpoints and data under URLs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from trials.studies import CURVE_TRIAL, controller, created

from orchestrator.cli.main import cli
from orchestrator.events import CommandGiven, CommandKind, ControllerStarted, Keep, SegmentStarted
from orchestrator.service import vaults
from orchestrator.service.command import command_of
from orchestrator.service.confined import Roots
from orchestrator.service.retention import Why, checkpoints_of, prune
from orchestrator.service.run import open_run
from orchestrator.service.service import Service
from orchestrator.service.teachers import find_teachers
from orchestrator.service.vaults import CHECKPOINTS, with_vault
from orchestrator.service.views import StudyRequest
from orchestrator.trial.vault import Vault, told
from reid_core.api import Protocol
from reid_core.errors import InvalidInput, NotFound

TINY = {
    "DATASETS.SYNTHETIC.IDENTITIES": 8,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 4,
    "DATASETS.SYNTHETIC.IMAGES": 2,
    "SOLVER.IMS_PER_BATCH": 16,
    "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
    "MODEL.BACKBONE.DEPTH": "0.1x",
    "MODEL.BACKBONE.FEAT_DIM": 1280,
    "INPUT.SIZE_TRAIN": [32, 32],
    "INPUT.SIZE_TEST": [32, 32],
}


@pytest.fixture(params=["", "vault"])
def service(request, home, tmp_path):
    """A finished study of three trials, in its own folder or under a URL."""
    service = Service(home)
    url = f"file://{tmp_path}/vault" if request.param else ""
    made = created(trials=3, max_epochs=9).model_copy(update={"checkpoints": url})
    service.store.create_study(made, 0.0)
    with open_run(service, "id-curves", trial=CURVE_TRIAL, track=False) as handle:
        handle.run()
    yield service
    service.close()


def test_listing_says_why_each_stays_and_pruning_removes_the_rest_once(service):
    rows = checkpoints_of(service, "curves").rows
    assert {row.why for row in rows} == {Why.NEWEST, Why.RUNG}
    assert all(row.stays and row.bytes for row in rows)
    last = checkpoints_of(service, "curves", Keep.LAST)
    going = [row for row in last.rows if not row.stays]
    assert {row.why for row in going} == {Why.SUPERSEDED}
    assert prune(service, "curves", keep=Keep.LAST, dry_run=True).removed == tuple(going)
    assert checkpoints_of(service, "curves").rows == rows  # a dry run changes nothing
    assert prune(service, "curves", keep=Keep.LAST, by="somebody").removed == tuple(going)
    assert service.state("curves").keep is Keep.LAST
    assert [row.why for row in checkpoints_of(service, "curves").rows] == [Why.NEWEST] * 3
    before = service.revision("curves")
    assert prune(service, "curves", keep=Keep.LAST).removed == ()
    assert service.revision("curves") == before
    given = [one.event for one in service.store.events("id-curves") if isinstance(one.event, CommandGiven)]
    assert [(one.command, one.by, one.asked.keep) for one in given] == [(CommandKind.KEEP, "somebody", Keep.LAST)]


def test_files_that_no_event_names_are_orphans_and_a_pinned_trials_stay(service, tmp_path):
    state = service.state("curves")
    for trial in state.trials.values():
        path = Path(trial.checkpoint.path.removeprefix("file://"))
        (path.parent / f"epoch-2-0123456789ab{path.suffix}").write_text("{}")
    state.trials[2].pinned = True
    orphans = [row for row in checkpoints_of(service, "curves").rows if row.why is Why.ORPHAN]
    assert [row.trial for row in orphans] == [1, 3]
    state.trials[2].pinned = False
    assert len(prune(service, "curves").removed) == 3
    assert not list(tmp_path.rglob("epoch-2-0123456789ab*"))


def test_what_cannot_be_removed_is_told_and_the_rest_goes_on(service, monkeypatch):
    def refuses(self, *_: object, **__: object) -> None:
        raise PermissionError(1, "not yours")

    with monkeypatch.context() as patch:
        patch.setattr(Vault, "remove", refuses)
        patch.setattr(Path, "unlink", refuses)
        done = prune(service, "curves", keep=Keep.LAST)
    assert done.removed == ()
    assert done.failed
    assert all("not yours" in line for line in done.failed)


def test_the_command_line_lists_and_prunes(service):
    listed = CliRunner().invoke(cli, ["checkpoints", "ls", "curves", "--json"])
    assert {row["why"] for row in json.loads(listed.output)["rows"]} == {"newest", "rung"}
    text = CliRunner().invoke(cli, ["checkpoints", "ls", "curves", "--keep", "last"]).output
    assert "superseded" in text
    done = CliRunner().invoke(cli, ["checkpoints", "prune", "curves", "--keep", "last"], standalone_mode=False)
    assert "removed" in done.output
    assert "curves keeps: last" in done.output
    assert service.state("curves").keep is Keep.LAST


def test_a_deleted_study_leaves_nothing_under_its_url_unless_it_is_told_to(home, tmp_path):
    url, made = f"file://{tmp_path}/vault", Service(home)
    for name in ("gone", "kept"):
        study = f"id-{name}"
        one = created(name, trials=1, max_epochs=3).model_copy(update={"checkpoints": url})
        made.store.create_study(one, 0.0)
        controller(made.store, study, made.home.study(study)).run()
        assert list((tmp_path / "vault" / study).rglob("epoch-*"))
    assert made.delete("gone").elsewhere == ""
    assert not list((tmp_path / "vault" / "id-gone").rglob("epoch-*"))
    assert made.delete("kept", keep_files=True).elsewhere == f"{url}/id-kept"
    assert list((tmp_path / "vault" / "id-kept").rglob("epoch-*"))
    made.close()


def test_a_deleted_study_names_the_url_whose_store_fails(service, monkeypatch):
    def away(*_):
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(vaults.Vault, "remove", away)
    root = service.state("curves").created.checkpoints
    assert service.delete("curves").elsewhere == (root and f"{root}/id-curves")


def test_a_request_takes_its_url_from_the_environment_and_its_command_names_it(home, tmp_path, monkeypatch):
    monkeypatch.setenv(CHECKPOINTS, str(tmp_path / "kept"))
    request = with_vault(StudyRequest(space="bnneck", keep_checkpoints=Keep.LAST))
    assert request.checkpoints == f"file://{tmp_path}/kept"
    words = command_of(request)
    assert f"--checkpoints file://{tmp_path}/kept" in words
    assert "--keep-checkpoints last" in words
    with pytest.raises(InvalidInput, match="credentials"):
        with_vault(StudyRequest(space="bnneck", checkpoints="s3://a:b@c/d"))


def test_a_real_study_under_a_url_teaches_another_and_its_checkpoint_can_be_opened(home, tmp_path):
    service = Service(home)
    url = f"memory://{tmp_path.name}"
    asked = StudyRequest(
        space="bnneck", trials=1, max_epochs=1, backend="inline", name="taught", set=TINY, checkpoints=url
    )
    study = service.create(asked).id
    with open_run(service, study, track=False) as handle:
        state = handle.run()
    newest = state.trials[1].checkpoint
    assert newest.path.startswith(f"{url}/{study}/0001/epoch-0001-")
    (known,) = find_teachers(["study:taught"], service.state, service.home, Protocol.VALIDATION)
    assert known.teacher.sha256 == newest.sha256
    assert Path(known.teacher.path).is_relative_to(home / "cache" / "checkpoints")
    Vault(newest.path.rpartition("/")[0]).remove(newest.path)
    (home / "cache" / "checkpoints" / newest.sha256[:16] / "epoch-0001.pt").unlink()
    with pytest.raises(NotFound, match="not there any more"):
        vaults.opened(newest, service.home)
    assert told(NotFound("x")) == "NotFound: x"
    service.close()


def test_a_study_over_data_under_a_url_records_the_url_and_trains_from_this_nodes_copy(home, tmp_path):
    images = tmp_path / "cows"
    for identity in range(8):
        for camera in (1, 2):
            for part in ("bounding_box_train", "query", "bounding_box_test"):
                number = identity if part == "bounding_box_train" else identity + 100
                path = images / part / f"{number:04d}_c{camera}s1_{identity:06d}_00.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (8, 16), (identity * 9, camera * 9, 0)).save(path)
    service = Service(home)
    small = {key: value for key, value in TINY.items() if "SYNTHETIC" not in key} | {"SOLVER.IMS_PER_BATCH": 8}
    asked = StudyRequest(
        space="bnneck", data=images.as_uri(), trials=1, max_epochs=1, backend="inline", name="far", set=small
    )
    assert any("copied once to each node" in note for note in service.draft(asked).notes)
    study = service.create(asked).id
    images.rename(tmp_path / "gone")  # the node has its copy
    with open_run(service, study, track=False) as handle:
        state = handle.run()
    assert state.created.base["DATASETS.ROOT"] == images.as_uri()
    assert state.trials[1].epoch == 1, state.trials[1].message
    service.close()


@pytest.mark.parametrize("url", ["file:///etc/kept", "/etc/kept", "s3://elsewhere/x"])
def test_a_confined_request_writes_checkpoints_nowhere_that_the_operator_did_not_open(home, tmp_path, url):
    service = Service(home)
    service.roots = Roots.of([str(tmp_path), "s3://lab/reid"], home / "studies")
    with pytest.raises(InvalidInput, match="--checkpoints"):
        service.draft(StudyRequest(space="bnneck", checkpoints=url))
    service.close()


def test_what_a_stopped_trial_still_saves_is_not_taken_for_an_orphan(service):
    """A command stopped it; it finishes its epoch, and its newest file is not in the log yet."""
    store, trial = service.store, service.state("curves").trials[2]
    if service.state("curves").created.checkpoints:
        pytest.skip("the same judgement, of files elsewhere")
    token = store.acquire("id-curves", "here:1", 60.0, store.now())
    started = SegmentStarted(segment=99, trial=2, from_epoch=trial.epoch, to_epoch=9)
    again = [
        CommandGiven(command=CommandKind.EXTEND),
        ControllerStarted(owner="here:1", token=token, workers=1),
        started,
    ]
    store.append("id-curves", [*again, CommandGiven(command=CommandKind.TRIAL_STOP, trial=2)], token=token, at=1.0)
    new = Path(trial.checkpoint.path).with_stem("new")
    new.write_bytes(b"new")
    found = {row.path: row.why for row in checkpoints_of(service, "curves").rows}
    assert found[str(new)] is Why.RUNNING
    prune(service, "curves")
    assert new.exists()
