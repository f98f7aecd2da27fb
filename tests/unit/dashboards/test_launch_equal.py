"""What is copied from the launch page makes the study that its button makes."""

import contextlib
import html
import re
import subprocess

import click
import pytest

from orchestrator.cli.request import build_request, request_options
from orchestrator.service.service import Service

OWN = {"study", "name", "command", "by", "space", "teachers", "versions"}
FORMS = {
    "untouched": {},
    "options": {
        "trials": "4",
        "max_epochs": "9",
        "seed": "5",
        "set": "MODEL.DEVICE: cpu",
        "enqueue": "{SOLVER.BASE_LR: 2e-3}",
    },
    "edited": {
        "low:SOLVER.BASE_LR": "2e-4",
        "high:SOLVER.BASE_LR": "3e-3",
        "log:SOLVER.BASE_LR": "1",
        "fix:SOLVER.SCHED": "MultiStepLR",
        "eta": "2",
        "cpus": "1",
        "labels": "zone=a",
        "trials": "5",
        "wall_time": "8h",
    },
}


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path / "home")
    yield service
    service.close()


def copied(text):
    """What the buttons copy: the command, then the YAML."""
    return [html.unescape(each) for each in re.findall(r'data-copy="([^"]*)"', text, re.DOTALL)]


def created(service, words, folder):
    """What `reid-tune run` records when it is asked so in a folder."""
    assert words[:2] == ["reid-tune", "run"]
    with contextlib.chdir(folder):
        request = asked_by.main(words[2:], standalone_mode=False)
        made = service.state(service.create(request).id).created
    return made.model_dump(exclude=OWN), made.space.model_dump()


@click.command
@click.option("--space")
@request_options
def asked_by(space, **options):
    """The request that the options of `reid-tune run` make."""
    return build_request(space, options)


def words_in_a_shell(script, folder):
    """The words that a shell makes of a script, whose last command is ours; the files that it writes stay."""
    asked = 'reid-tune() { printf "%s\\0" reid-tune "$@"; }\n' + script
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True, cwd=folder)
    return done.stdout.split("\0")[:-1]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_copied_command_and_copied_yaml_make_the_study_of_the_form(client, service, form, tmp_path, monkeypatch):
    launched = []
    monkeypatch.setattr(service, "launch", lambda study, _by: launched.append(study) or service.summary(study))
    page = client.post("/launch", data={"space": "bnneck", "action": "plan", **FORMS[form]})
    assert page.status_code == 200
    command, yaml = copied(page.text)
    assert client.post("/launch", data={"space": "bnneck", "action": "launch", **FORMS[form]}).status_code == 303
    made = service.state(launched[0]).created
    of_form = (made.model_dump(exclude=OWN), made.space.model_dump())

    (tmp_path / "command").mkdir()
    words = words_in_a_shell(command, tmp_path / "command")
    assert created(service, words, tmp_path / "command") == of_form

    (tmp_path / "yaml").mkdir()
    (tmp_path / "yaml" / "space.yaml").write_text(yaml)
    line = yaml.splitlines()[0].removeprefix("# save as space.yaml, then: ")
    words = words_in_a_shell(line, tmp_path / "yaml")
    assert created(service, words, tmp_path / "yaml") == of_form


@pytest.mark.slow
def test_copy_of_a_study_is_prefilled_with_a_name_that_is_free(client, service):
    from orchestrator.service.views import StudyRequest

    made = service.create(StudyRequest(space="bnneck", trials=4, name="cows", set={"MODEL.DEVICE": "cpu"}))
    text = client.get(f"/launch?like={made.id}", headers={"Accept": "text/html"}).text
    assert 'name="name" value="cows-2"' in text
    assert 'name="trials" value="4"' in text
    assert "MODEL.DEVICE: cpu</textarea>" in text
    assert "--trials 4 --name cows-2 --set MODEL.DEVICE cpu" in text
    assert client.get(f"/launch?study={made.id}").headers["location"] == f"/launch?like={made.id}"


@pytest.mark.slow
def test_what_the_address_names_stands_in_the_form(client):
    text = client.get("/launch?space=bnneck&trials=5", headers={"Accept": "text/html"}).text
    assert 'name="trials" value="5"' in text
    assert "<strong>5</strong> trials" in text


@pytest.mark.slow
def test_images_are_counted_and_shown_and_only_those_that_were_listed(client):
    text = client.get("/launch?space=bnneck", headers={"Accept": "text/html"}).text
    keys = re.findall(r'src="/launch/samples/([^"]+)"', text)
    assert len(keys) == 18
    picture = client.get(f"/launch/samples/{keys[0]}")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    assert client.get("/launch/samples/guessed").status_code == 404
