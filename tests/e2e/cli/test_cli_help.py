"""Help, completion and mistyped words: what a person meets before anything works."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from orchestrator.cli.command import Group
from orchestrator.cli.main import cli as root

HEAVY = ("numpy", "torch", "ray", "mlflow", "pydantic", "sqlalchemy", "rich", "fastapi", "yacs", "scipy", "yaml")


def commands(group: click.Group = root, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands())


def test_every_command_of_the_design_is_there():
    wanted = """run up down demo status best report export-config train distill evaluate submit serve doctor completion
        audit users:add users:ls users:passwd users:remove users:token
        studies:ls studies:show studies:pause studies:resume studies:stop trial:ls trial:show trial:logs
        studies:archive studies:unarchive studies:delete studies:clone studies:diff studies:extend studies:limits
        studies:note studies:tag trial:stop trial:retry trial:clone trial:promote trial:pin trial:unpin trial:enqueue
        studies:share checkpoints:ls checkpoints:prune
        space:ls space:show space:validate space:sample space:plan config:ls config:show config:cost
        db:upgrade db:backup db:restore db:check mlflow:ui mlflow:sync notify:ls notify:test
        support-bundle weights:inspect weights:convert tasks data:example inspect cache:ls cache:clear cache:limit
        export:onnx export:torchscript export:torch-export export:card embed
        index:build index:add index:remove index:info index:calibrate index:compare search serve-model drift mcp"""
    assert {":".join(path) for path in ALL} == set(wanted.split())


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_says_what_it_does_with_examples_that_parse(cli, path):
    shown = cli(*path, "--help")
    assert shown.code == 0
    assert "Examples:\n  " in shown.out
    assert "\\b" not in shown.out
    for line in ALL[path].examples:
        assert line in shown.out
        words = shlex.split(line, comments=True)
        if words[0] != "reid-tune":  # eval "$(reid-tune ...)"
            continue
        words = words[1 : words.index(">")] if ">" in words else words[1:]
        assert tuple(words[: len(path)]) == path
        ALL[path].make_context(" ".join(path), words[len(path) :])


def test_every_option_has_help():
    for path, command in ALL.items():
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{' '.join(path)} {option.opts}"


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["space", "plan", "--help"], ["serve", "--help"]])
def test_help_loads_nothing_heavy(words):
    """The budget is 0.3 s; what breaks it is an import, and that does not depend on the machine's load."""
    program = (
        "import sys; from orchestrator.cli.main import main\n"
        f"try: main({words!r})\n"
        "except SystemExit: pass\n"
        f"print('loaded:', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded: []\n")


def test_short_form_is_run(cli, home):
    assert cli("--space", "nonsense", "--trials", "3") == cli("run", "--space", "nonsense", "--trials", "3")


def test_version(cli):
    shown = cli("--version")
    assert (shown.code, shown.out) == (0, "reid-tune, version 0.1.0\n")


def test_no_command_shows_the_help(cli):
    shown = cli()
    assert shown.code == 2
    assert "Exit codes:" in shown.err


@pytest.mark.parametrize(
    ("words", "near"),
    [(["statsu"], "status"), (["studies", "lss"], "ls"), (["run", "--trails", "3"], "--trials")],
)
def test_mistyped_word_is_a_usage_error_with_a_suggestion(cli, words, near):
    done = cli(*words)
    assert done.code == 2
    assert f"Did you mean '{near}'?" in done.err


def test_run_without_space_says_what_to_type(cli, home):
    done = cli("run")
    assert done.code == 2
    assert "reid-tune --space bnneck.yaml --trials 12" in done.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(cli, shell):
    done = cli("completion", shell)
    assert done.code == 0
    assert "_REID_TUNE_COMPLETE" in done.out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("reid-tune stu", "studies"),
        ("reid-tune trial sh", "show"),
        ("reid-tune status ti", "tiny"),
        ("reid-tune space show bn", "bnneck"),
        ("reid-tune --space bn", "bnneck"),
    ],
)
def test_shell_completes(cli, finished, monkeypatch, line, expected):
    monkeypatch.setenv("_REID_TUNE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    assert cli().out.splitlines() == [f"plain,{expected}"]


def test_internal_error_is_one_line_and_debug_shows_the_traceback(cli, monkeypatch):
    def broken(_self: Group, _ctx: click.Context) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(type(root), "invoke", broken)
    done = cli("doctor")
    assert done.code == 1
    assert done.err.startswith("internal error: ZeroDivisionError: boom\n")
    from orchestrator.cli.main import main

    with pytest.raises(ZeroDivisionError):
        main(["doctor", "--debug"])
