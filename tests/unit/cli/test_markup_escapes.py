"""Tables in Markdown and LaTeX: every character of a cell is shown, none is markup."""

from __future__ import annotations

import re

import pytest

from orchestrator.cli.markup import Sheet, latex, markdown

NASTY = r"a|b*c_d`e<f>[g](h)#$~\i"


def sheet(*cells: str, title: str = "t", notes: tuple[str, ...] = ()) -> Sheet:
    return Sheet(title, tuple(f"c{number}" for number in range(len(cells))), (cells,), ("c0",), notes)


def test_markdown_has_a_line_a_row_and_aligns_numbers():
    assert markdown(sheet("1", "x", notes=("note",))) == "**t**\n\n| c0 | c1 |\n| ---: | --- |\n| 1 | x |\n\nnote\n"


def test_markdown_escapes_what_would_be_markup():
    row = markdown(sheet(NASTY, "line\nbreak")).splitlines()[4]
    assert row == r"| a\|b\*c\_d\`e\<f\>\[g\](h)\#\$\~\\i | line break |"
    assert len(re.findall(r"(?<!\\)\|", row)) == 3


def test_latex_escapes_every_special_character():
    body = latex(sheet(r"\ & % $ # _ { } ~ ^ < > | * [x]")).splitlines()
    [row] = [line for line in body if line.endswith(r"\\") and not line.startswith("c0")]
    assert row == (
        r"\textbackslash{} \& \% \$ \# \_ \{ \} \textasciitilde{} \textasciicircum{} "
        r"\textless{} \textgreater{} \textbar{} {*} {[}x{]} \\"
    )


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("-0.3 ± 0.1", r"$-$0.3 $\pm$ 0.1"),
        ("rank-1", "rank-1"),
        ("+1.0", "+1.0"),
        ("Δ mAP", r"$\Delta$ mAP"),
        ("(-2)", r"($-$2)"),
        ("1e-05", "1e-05"),
    ],
)
def test_latex_has_a_minus_where_a_number_has_one(text, made):
    assert f"{made} \\\\" in latex(sheet(text))


def test_latex_caption_ends_its_sentences():
    assert r"\caption{A title. One. Two.}" in latex(sheet("x", title="A title", notes=("One.", "Two")))
