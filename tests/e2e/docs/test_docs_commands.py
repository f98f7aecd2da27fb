"""What the documentation names exists: commands and their options, links, keys, files, tests, pages in the index."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from markdown_pages import PAGES, RECIPES, ROOT, anchors, blocks, links, name_of, prose, shell_lines, spans

from orchestrator.cli.main import cli
from reid_core.config import keys
from search_spaces.load import load_space

KEY = re.compile(r"(?<![\w./-])[A-Z]+(?:\.[A-Z][A-Z0-9_]*)+(?![\w/-])")
FILE = re.compile(r"(?<![\w./-])(?:reid_core|search_spaces|orchestrator|dashboards|tests|docs|tools)/[\w./*-]*\w")
TEST = re.compile(r"\btest_\w+\b(?!\.py)")
WORDS_AFTER = {"|", "||", "&&", ";", ">", ">>", "&"}

every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def command_lines(text):
    """(words, whether it is only a mention) of each reid-tune command; what a shell would do after it is left out."""
    written = [(line, False) for line in shell_lines(text)] + [(span, True) for span in spans(text)]
    for line, mention in written:
        if re.match(r"reid-tune(\s|$)", line):
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
            end = next((index for index, word in enumerate(words) if word in WORDS_AFTER), len(words))
            yield [word for word in words[1:end] if word not in {"...", "…"}], mention


def resolve(words, mention):
    """Let click read the words as far as it can without running anything. Raises click.ClickException."""
    command, context = cli, cli.make_context("reid-tune", list(words)) if words else None
    while context is not None and isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        name, command, rest = command.resolve_command(context, rest)
        if not rest and (mention or isinstance(command, click.Group)):
            return
        context = command.make_context(name, rest, parent=context)


@every_page
def test_every_command_is_one_that_reid_tune_understands(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for words, mention in command_lines(page.read_text()):
        try:
            resolve(words, mention)
        except click.exceptions.Exit:
            continue  # --help and --version
        except click.ClickException as error:
            pytest.fail(f"reid-tune {shlex.join(words)}: {error.format_message()}")


@pytest.mark.parametrize("line", ["reid-tune runn", "reid-tune run --trial 3", "reid-tune trial show latest best"])
def test_commands_that_do_not_exist_are_found(line):
    [(words, mention)] = command_lines(f"```sh\n{line}\n```\n")
    with pytest.raises(click.ClickException):
        resolve(words, mention)


MEASURING = re.compile(
    r"^(?: {4})?(?:\.venv/bin/)?python (tests/perf/\w+\.py)([^#\n]*(?:\n {4,}-[^#\n]*)*)", re.MULTILINE
)


@every_page
def test_every_program_that_measures_takes_the_options_it_is_given(page):
    for program, words in MEASURING.findall(page.read_text()):
        file = ROOT / program
        assert file.is_file(), program
        known = set(re.findall(r'add_argument\("(--[\w-]+)"', file.read_text()))
        assert set(re.findall(r"(?<!\S)--[\w-]+", words)) <= known, f"{program} {words}"


def test_programs_that_measure_are_found():
    found = [name for page in PAGES for name, _ in MEASURING.findall(page.read_text())]
    assert len(found) >= 8


@every_page
def test_every_relative_link_leads_somewhere(page):
    for link in links(page.read_text()):
        target, _, anchor = link.partition("#")
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), link
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there.read_text()), link


@every_page
def test_every_configuration_key_exists(page):
    known = set(keys())
    sections = {key[: match.start()] for key in known for match in re.finditer(r"\.", key)}
    code = [block.body for block in blocks(page.read_text()) if not block.title]
    named = set(KEY.findall("\n".join([prose(page.read_text()), *code])))
    added = tuple(re.findall(r'^\+    """([A-Z_.]+)\."""$', page.read_text(), re.MULTILINE))  # a recipe's new section
    assert {key for key in named if not (added and key.startswith(added))} <= known | sections


@every_page
def test_every_file_exists(page):
    recipes = {block.title for recipe in RECIPES for block in blocks(recipe.read_text())}
    named = {path for path in FILE.findall(page.read_text()) if path not in recipes}
    patterns = {path: path if (ROOT / path).exists() else re.sub("[A-Z]{3,}", "*", path) for path in named}
    assert [path for path, pattern in sorted(patterns.items()) if not list(ROOT.glob(pattern))] == []


@every_page
def test_every_test_that_is_named_exists(page):
    named = set(TEST.findall(prose(page.read_text())))
    if named:
        tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
        assert [name for name in sorted(named) if f"def {name}(" not in tests] == []


def test_error_codes_of_data_are_all_explained():
    sources = "\n".join(path.read_text() for path in (ROOT / "reid_core" / "data").rglob("*.py"))
    table = prose((ROOT / "docs" / "data.md").read_text()).partition("## Errors")[2]
    explained = {
        code for row in re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE) for code in re.findall(r"`(.+?)`", row)
    }
    assert explained == set(re.findall(r"Finding\(\s*\"([a-z-]+)\"", sources))


def test_every_search_space_is_valid():
    spaces = [
        block.body
        for page in PAGES
        for block in blocks(page.read_text())
        if block.language == "yaml" and ("parameters:" in block.body or "\nrows:" in block.body)
    ]
    assert spaces
    for text in spaces:
        load_space(text)


def test_every_page_stands_in_an_index():
    indexes = [index for index in (ROOT / "README.md", ROOT / "docs" / "README.md") if index.exists()]
    listed = {(index.parent / link).resolve() for index in indexes for link in links(index.read_text())}
    pages = [page for page in PAGES if page.is_relative_to(ROOT / "docs") and page not in indexes]
    assert [name_of(page) for page in pages if not listed & {page, page.parent}] == []


def test_commands_files_and_keys_are_really_seen():
    guide = (ROOT / "docs" / "guide.md").read_text()
    assert ["status", "latest", "--watch"] in [words for words, _ in command_lines(guide)]
    assert "SOLVER.IMS_PER_BATCH" in KEY.findall(guide)
    assert "docs/x.md" in FILE.findall("in `docs/x.md`, too")
    assert Path(ROOT / "docs" / "guide.md") in PAGES
