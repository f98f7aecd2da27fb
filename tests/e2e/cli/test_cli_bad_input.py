"""Bad input: each fault has its message, its place, what to do, and its exit code; nothing is left behind."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from cli_space import RUN, SPACE, write_image


@pytest.fixture
def refused(cli, home, space):
    """Run the small space with these words; returns the code and the message. No study may come of it."""

    def run(*words: object, of: Path = space) -> tuple[int, str]:
        done = cli(*RUN, "--space", of, *words)
        assert cli("studies", "ls", "--json").out == "[]\n"
        return done.code, done.err

    return run


# data ---------------------------------------------------------------------------------------------


def test_missing_folder(refused, tmp_path):
    code, message = refused("--data", tmp_path / "nowhere")
    assert code == 3
    assert message == (
        f"--data: error[missing-folder]: {tmp_path}/nowhere does not exist; name the folder that holds the images\n"
    )


def test_file_in_place_of_a_folder(refused, space):
    code, message = refused("--data", space)
    assert code == 3
    assert f"error[missing-folder]: {space} is a file, not a folder" in message


def test_no_images(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    code, message = refused("--data", tmp_path / "empty")
    assert code == 3
    assert "error[no-images]: there is no image in it" in message
    assert "bounding_box_train/" in message


def test_unparsable_names_are_named_or_left_out(refused, cli, market, measured_plan):
    root = market()
    write_image(root / "bounding_box_train" / "hello.jpg", 1)
    code, message = refused("--data", root)
    assert code == 3
    assert "error[unparsable-name]: 1 image names carry no identity and camera: bounding_box_train/hello.jpg" in message
    plan = cli("space", "plan", "bnneck", "--data", root, "--skip-bad-images")
    assert plan.code == 0
    assert "32 images of 8 identities" in plan.out


def test_one_camera(refused, market):
    code, message = refused("--data", market(cameras=[1]))
    assert code == 3
    assert "error[one-camera]: all images come from one camera, number 1" in message
    assert "--no-cameras" in message


def test_one_identity(refused, market):
    code, message = refused("--data", market(train=[1]))
    assert code == 3
    assert "error[one-identity]: all 4 training images show one identity, '1'" in message


def test_too_few_identities_for_a_validation_split(refused, market):
    code, message = refused("--data", market(train=[1, 2, 3]))
    assert code == 3
    assert "error[too-few-identities]: the validation split needs 2 identities and training 2 others" in message


def test_fewer_identities_than_a_batch_needs_is_said_with_the_plan(cli, home, space, measured_plan):
    plan = cli("space", "plan", space, "--set", "SOLVER.IMS_PER_BATCH", 64)
    assert plan.code == 0
    assert "Note    a batch asks for 32 identities" in plan.out
    assert "and 6 are trained on: identities repeat within a batch" in plan.out


def test_query_without_gallery_match(refused, market):
    code, message = refused("--data", market(query=[201, 202]))
    assert code == 3
    assert "error[no-match]: none of the 4 queries has its identity by another camera in the gallery" in message


def test_corrupt_image_is_named_before_any_trial(refused, market):
    root = market()
    bad = root / "bounding_box_train" / "0001_c1s1_000000.jpg"
    bad.write_bytes(bad.read_bytes()[:100])
    code, message = refused("--data", root)
    assert code == 3
    assert "bounding_box_train/0001_c1s1_000000.jpg: error[corrupt-image]: the image does not decode" in message
    assert "--skip-bad-images" in message or "DATASETS.CORRUPT skip" in message


def test_corrupt_image_is_left_out_by_an_option(cli, home, space, market):
    root = market()
    bad = root / "bounding_box_train" / "0001_c1s1_000000.jpg"
    bad.write_bytes(bad.read_bytes()[:100])
    words = ("--data", root, "--skip-bad-images", "--trials", 1, "--max-epochs", 1, "--name", "skips")
    assert cli(*RUN, "--space", space, *words).code == 0
    assert "1 image" in cli("trial", "logs", "skips", 1).out


# configuration ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("SOLVER.BASELR", "1", "--set SOLVER.BASELR: error[unknown-key]: SOLVER.BASELR is not a key; did you mean"),
        ("SOLVER.IMS_PER_BATCH", "many", "--set SOLVER.IMS_PER_BATCH: error[wrong-type]: "),
        ("SOLVER.MAX_EPOCH", "many", "--set SOLVER.MAX_EPOCH: error[wrong-type]: "),
        ("SOLVER.IMS_PER_BATCH", "-3", "--set SOLVER.IMS_PER_BATCH: error[out-of-range]: "),
        ("SOLVER.OPT", "Adm", "did you mean Adam?"),
        ("SOLVER.IMS_PER_BATCH", "[1", "--set: error[syntax]: "),
    ],
)
def test_wrong_setting(refused, key, value, message):
    code, shown = refused("--set", key, value)
    assert code == 3
    assert message in shown


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  SOLVER.BASE_LR: {",
            "  SOLVER.BASELR: {",
            "18:3: error[unknown-key]: SOLVER.BASELR is not a configuration key; did you mean SOLVER.BASE_LR?",
        ),
        ("high: 1.0e-2", "high: soon", "error[wrong-type]: "),
        ("low: 1.0e-4", "low: 1.0", "18:33: error[low-not-below-high]: SOLVER.BASE_LR: low 1.0 is not below high 0.01"),
        (
            "log: true}",
            "log: true, prior: 3.0}",
            "18:71: error[prior-outside-bounds]: SOLVER.BASE_LR: prior 3.0 is outside",
        ),
        (
            "  INPUT.REA.PROB: {type: float, low: 0.0, high: 0.8}",
            "  INPUT.REA.PROB: {type: flaot, low: 0, high: 1}",
            "19:20: error[unknown-type]: 'flaot' is not a type of parameter; did you mean float?",
        ),
        ("budget: {max_epochs: 2", "budget: {max_epochs: -2", "4:10: error[out-of-range]: max_epochs is -2"),
    ],
)
def test_wrong_space_file(refused, tmp_path, old, new, message):
    file = tmp_path / "wrong.yaml"
    assert old in SPACE
    file.write_text(SPACE.replace(old, new))
    code, shown = refused(of=file)
    assert code == 3
    assert shown.startswith(f"{file}:")
    assert message in shown


def test_empty_space(refused, tmp_path):
    file = tmp_path / "empty.yaml"
    file.write_text(SPACE[: SPACE.index("parameters:")] + "parameters: {}\n")
    code, shown = refused(of=file)
    assert code == 3
    assert f"{file}:" in shown
    assert "error[empty-space]" in shown


def test_validate_shows_the_faults_of_every_space(cli, home, space, tmp_path):
    files = []
    for name, old, new in (("a", "BASE_LR", "BASELR"), ("b", "eta: 2", "eta: 0")):
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(SPACE.replace(old, new))
    done = cli("space", "validate", files[0], space, files[1])
    assert done.code == 3
    assert all(f"{file}:" in done.err for file in files)
    assert done.out == f"{space}: valid, 2 parameters\n"


def test_unknown_space_and_algorithm(refused):
    code, shown = refused("--algorithm", "bobh")
    assert (code, "did you mean bohb?" in shown) == (3, True)
    code, shown = refused(of=Path("bnnek"))
    assert (code, "did you mean bnneck?" in shown) == (5, True)


@pytest.mark.parametrize("option", ["--trials", "--max-epochs", "--min-epochs", "--workers"])
def test_zero_is_a_usage_error(refused, option):
    assert refused(option, 0) == (2, f"{option} is 0\n  hint: give 1 or more\n")


def test_text_for_a_number_is_a_usage_error(refused):
    code, shown = refused("--trials", "many")
    assert code == 2
    assert "'many' is not a valid integer" in shown


@pytest.mark.parametrize("name", ["latest", "a b", "../x"])
def test_name_that_cannot_name_a_study(refused, name):
    code, shown = refused("--name", name)
    assert code == 3
    assert f"--name: error[bad-name]: {name!r} cannot name a study" in shown


# the machine --------------------------------------------------------------------------------------


def test_home_is_a_file(cli, space, monkeypatch):
    monkeypatch.setenv("REID_TUNE_HOME", str(space))
    done = cli("studies", "ls")
    assert done.code == 3
    assert done.err == f"REID_TUNE_HOME: error[home]: {space} is a file, not a folder; name a writable folder\n"


def test_home_cannot_be_written(cli, monkeypatch):
    monkeypatch.setenv("REID_TUNE_HOME", "/proc/reid-tune")
    done = cli("studies", "ls")
    assert done.code == 3
    assert "REID_TUNE_HOME: error[home]: cannot create /proc/reid-tune" in done.err
    assert "set REID_TUNE_HOME to a writable folder" in cli("doctor", "--json").out


def test_damaged_store(cli, home):
    home.mkdir()
    (home / "studies.db").write_text("no database, but long enough to look at" * 9)
    done = cli("studies", "ls")
    assert done.code == 1
    assert f"{home}/studies.db is not a database" in done.err


def test_port_in_use_names_a_free_one(cli, home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = cli("serve", "--port", port)
    assert done.code == 6
    assert f"cannot listen on 127.0.0.1:{port}" in done.err
    assert "hint: use --port " in done.err


def test_beyond_loopback_needs_a_token(cli, home):
    done = cli("serve", "--host", "0.0.0.0")
    assert done.code == 2
    assert "--token" in done.err


def test_mlflow_ui_before_the_first_study(cli, home):
    assert cli("mlflow").err == cli("mlflow", "ui").err  # one is short for the other
    done = cli("mlflow", "ui")
    assert done.code == 5
    assert "nothing has been recorded in MLflow yet" in done.err


# studies that exist -------------------------------------------------------------------------------


@pytest.fixture
def copied_home(finished_home, tmp_path, monkeypatch):
    """A copy of the finished study's home, to be written to."""
    shutil.copytree(finished_home, tmp_path / "copy")
    monkeypatch.setenv("REID_TUNE_HOME", str(tmp_path / "copy"))
    return tmp_path / "copy"


def test_resume_with_a_changed_space_is_refused_with_the_difference(cli, finished, space):
    space.write_text(SPACE.replace("high: 1.0e-2", "high: 1.0e-1"))
    done = cli("run", "--resume", "tiny", "--space", space, "--seed", 4)
    assert done.code == 6
    assert "parameters.SOLVER.BASE_LR.high: 0.01 -> 0.1" in done.err
    assert "seed: recorded 0, now 4" in done.err
    assert "`reid-tune run --resume tiny`" in done.err


def test_name_that_is_taken(cli, copied_home, space):
    done = cli(*RUN, "--space", space, "--name", "tiny")
    assert done.code == 6
    assert "there is already a study named 'tiny'" in done.err


def test_unknown_study_to_resume(cli, finished):
    done = cli("run", "--resume", "tinny")
    assert (done.code, "did you mean 'tiny'?" in done.err) == (5, True)
