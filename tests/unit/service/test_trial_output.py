"""Reading a trial's text files: from the end, and as they grow until the trial ends."""

from __future__ import annotations

from orchestrator.service.trial_output import follow, last_lines


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def test_the_last_lines_of_a_file_that_may_not_be_there(tmp_path):
    path = tmp_path / "stdout.log"
    assert last_lines(path, 2) == []
    append(path, "one\ntwo\nthree\n")
    assert last_lines(path, 2) == ["two", "three"]


def test_following_gives_whole_lines_as_they_come_until_the_trial_ends(tmp_path):
    path = tmp_path / "stderr.log"
    append(path, "old\nolder\n")
    steps = iter(["begun", " and ended\nnext\n", None, "last, without an end"])
    done = []

    def write(_):
        text = next(steps)
        if text is None:
            path.write_text("a new file\n")
        else:
            append(path, text)
        done.append(text)

    assert list(follow(path, 1, lambda: len(done) == 4, write)) == [
        "older",
        "begun and ended",
        "next",
        "a new file",
        "last, without an end",
    ]


def test_a_line_or_a_letter_that_is_half_written_when_following_begins_comes_once(tmp_path):
    path = tmp_path / "stdout.log"
    path.write_bytes("one\ntwo and h\xc3".encode("latin-1"))
    steps = iter([b"\xa4lf\n", b"th", b"ree\n"])
    done = []

    def write(_):
        with path.open("ab") as file:
            done.append(file.write(next(steps)))

    assert list(follow(path, 5, lambda: len(done) == 3, write)) == ["one", "two and h\u00e4lf", "three"]


def test_what_is_written_while_the_last_lines_are_shown_is_not_lost(tmp_path):
    path = tmp_path / "stdout.log"
    append(path, "one\n")
    lines = follow(path, 5, lambda: True, lambda _: None)
    assert next(lines) == "one"
    append(path, "two\n")
    assert list(lines) == ["two"]


def test_following_waits_for_a_file_that_comes_later(tmp_path):
    path = tmp_path / "stdout.log"
    assert list(follow(path, 5, path.exists, lambda _: append(path, "here\n"))) == ["here"]
