"""What --runtime-env takes, and that everything else is refused with a place and a hint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.service.runtime_env import code_in, environment_of, runtime_env_text
from reid_core.errors import InvalidInput


def test_file_is_kept_by_its_content_so_that_a_study_does_not_depend_on_it(tmp_path):
    file = tmp_path / "env.yaml"
    file.write_text("pip: [timm==1.0.9]\nenv_vars: {NCCL_DEBUG: WARN}\n")
    kept = runtime_env_text(str(file))
    file.unlink()
    assert environment_of(kept) == {"pip": ["timm==1.0.9"], "env_vars": {"NCCL_DEBUG": "WARN"}}
    assert runtime_env_text(kept) == kept


def test_ship_sends_the_packages_of_this_installation():
    modules = environment_of(runtime_env_text("ship"))["py_modules"]
    assert [Path(one).name for one in modules] == ["reid_core", "search_spaces", "orchestrator"]
    assert all((Path(one) / "__init__.py").is_file() for one in modules)


def test_nothing_is_no_environment():
    assert environment_of(runtime_env_text("")) == {}


@pytest.mark.parametrize("text", ["", "ship", "{}", '{"env_vars": {}}'])
def test_nothing_and_this_installation_bring_no_code_that_is_not_here(text):
    assert code_in(text) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NCCL_DEBUG", "WARN"),
        ("NCCL_SOCKET_IFNAME", "eth0"),
        ("OMP_NUM_THREADS", "4"),
        ("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
        ("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True"),
        ("HF_HUB_OFFLINE", "1"),
    ],
)
def test_plain_variables_bring_no_code(name, value):
    assert code_in(json.dumps({"env_vars": {name: value}})) == []


@pytest.mark.parametrize(
    "name",
    [
        "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONBREAKPOINT", "pythonpath", "PATH", "HOME",
        "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "RAY_RUNTIME_ENV_HOOK", "REID_TUNE_TRIAL",
        "REID_TUNE_HOME", "NCCL_NET_PLUGIN", "OMP_TOOL_LIBRARIES", "CUDA_INJECTION64_PATH", "NVTX_INJECTION64_PATH",
        "TRITON_CACHE_DIR", "TORCH_HOME", "CUDA_HOME", "GCONV_PATH", "BASH_ENV", "ENV", "CXX", "NODE_OPTIONS",
        "PERL5OPT", "MPLBACKEND", "AWS_CONFIG_FILE", "GIT_SSH_COMMAND", "TMPDIR", "A=B", "", "BASH_FUNC_ls%%",
    ],
)  # fmt: skip
def test_variables_that_make_programs_load_code_are_found(name):
    assert [one.code for one in code_in(json.dumps({"env_vars": {name: "x"}}))] == ["no-code"]


@pytest.mark.parametrize("value", ["/etc", "~", "${PATH}", "a\\b", "https://evil.example/x", 3, None, ["x"], {}])
def test_variables_that_are_no_plain_words_are_found(value):
    assert [one.code for one in code_in(json.dumps({"env_vars": {"ANY": value}}))] == ["no-code"]


@pytest.mark.parametrize("text", ["[]", "3", "{not json", json.dumps({"env_vars": 3}), "[" * 60_000])
def test_what_is_no_environment_is_refused(text):
    with pytest.raises(InvalidInput, match=r"--runtime-env: error\[bad-runtime-env\].*ship"):
        environment_of(text)


@pytest.mark.parametrize("content", [None, "a: [", "- 1\n", "x: 2020-01-01\n"])
def test_file_that_is_not_there_or_no_mapping_is_refused(tmp_path, content):
    file = tmp_path / "env.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InvalidInput, match="runtime-env"):
        runtime_env_text(str(file))
