"""Images, compose file and manifests cannot be built or applied by a test: they are checked against their schemas."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
DOCKER = ROOT / "docker"
EXTRAS = ("mcp", "postgres", "s3", "video")
KUBERNETES = sorted((DOCKER / "kubernetes").glob("*.yaml"))


def run(program, *words):
    return subprocess.run(
        [str(Path(sys.executable).with_name(program)), *map(str, words)], capture_output=True, text=True, check=False
    )


def documents():
    return [part for file in KUBERNETES for part in yaml.safe_load_all(file.read_text("utf-8"))]


def containers():
    """Every container of the compose file and of the manifests that runs our image, as (name, command)."""
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
    found = [(name, one["command"]) for name, one in compose["services"].items() if "reid-tune" in one["image"]]

    def walk(node):
        if isinstance(node, dict):
            if node.get("image") == "reid-tune" and "args" in node:
                found.append((node["name"], node["args"]))
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    for document in documents():
        walk(document)
    return found


@pytest.mark.slow
def test_the_image_passes_the_linter():
    done = run("hadolint", DOCKER / "Dockerfile")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_compose_file_fits_its_schema():
    done = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DOCKER / "compose.yaml")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_manifests_fit_the_schemas_of_kubernetes():
    for file in KUBERNETES:
        if file.name not in {"kustomization.yaml", "cluster.yaml"}:  # kinds that are not Kubernetes' own
            done = run("kubernetes-validate", "--strict", "--quiet", file)
            assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_pods_of_the_ray_cluster_fit_the_schemas_of_kubernetes(tmp_path):
    spec = next(one for one in documents() if one["kind"] == "RayCluster")["spec"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    assert len(groups) >= 2
    for number, group in enumerate(groups):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"group-{number}"}, **group["template"]}
        file = tmp_path / f"{number}.yaml"
        file.write_text(yaml.safe_dump(pod), "utf-8")
        done = run("kubernetes-validate", "--strict", "--quiet", file)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_kustomize_puts_the_manifests_together(tmp_path):
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    folder = tmp_path / "kubernetes"
    shutil.copytree(DOCKER / "kubernetes", folder)
    shutil.copy(folder / "example-secret.env", folder / "secret.env")
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    named = {(one["kind"], one["metadata"]["name"]) for one in made}
    for reference in ("configMapRef", "secretRef"):
        kind = {"configMapRef": "ConfigMap", "secretRef": "Secret"}[reference]
        assert f"{reference}" in done.stdout
        assert (kind, "reid-tune") in named
    assert done.stdout.count("image: reid-tune:cpu") == 5


def test_every_command_is_one_that_this_version_knows():
    from orchestrator.cli.main import cli

    for name, words in containers():
        own = words[2:] if words[0] == "join-ray" else words
        if own[0] == "reid-tune":
            command = cli
            rest = list(own[1:])
            while rest and not rest[0].startswith("-"):
                command = command.commands[rest.pop(0)]
            known = {option for parameter in command.params for option in parameter.opts}
            asked = {word.split("=")[0] for word in rest}
            assert asked <= known, name


def pinned_versions():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def test_every_package_of_the_lock_has_hashes_and_the_version_that_is_tested():
    text = (ROOT / "requirements.lock").read_text("utf-8")
    packages = re.findall(r"^([\w.-]+)==([\w.]+)([^\n]*(?:\n    .*)*)", text, flags=re.MULTILINE)
    assert len(packages) == len(re.findall(r"^[^ #\n]", text, flags=re.MULTILINE)) > 100
    assert [name for name, _, rest in packages if "--hash=sha256:" not in rest] == []
    pinned = {canonicalize_name(name): version for name, version in pinned_versions().items()}
    here = [(name, version) for name, version, rest in packages if " ; " not in rest.splitlines()[0]]
    assert [one for one in here if pinned.get(canonicalize_name(one[0])) != one[1]] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for name in EXTRAS for one in project["optional-dependencies"][name])]
    names = {canonicalize_name(Requirement(one).name) for one in wanted}
    assert names - {canonicalize_name(name) for name, _, _ in packages} == {"torch"}


def test_versions_of_the_image_are_those_of_the_lock():
    pinned = pinned_versions()
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    assert f"torch=={pinned['torch']}" in text
    assert f"build=={pinned['build']}" in text
    cluster = next(one for one in documents() if one["kind"] == "RayCluster")
    assert cluster["spec"]["rayVersion"] == pinned["ray"]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for asked in ("gpu", "postgres", "s3", "mcp", "video"):
        assert asked in extras


def test_nothing_runs_as_root_and_no_password_has_a_default():
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    assert text.count("USER 10001:10001") == text.count("FROM base AS")
    compose = (DOCKER / "compose.yaml").read_text("utf-8")
    assert "PASSWORD:-" not in compose
    ignored = (ROOT / ".gitignore").read_text("utf-8")
    assert "docker/.env" in ignored
    assert "docker/kubernetes/secret.env" in ignored
