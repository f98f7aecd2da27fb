"""What a search may look at."""

from __future__ import annotations

from cli_space import RUN


def test_a_search_ends_well_where_no_image_of_the_test_split_can_be_read(cli, space, market, tmp_path, monkeypatch):
    monkeypatch.setenv("REID_TUNE_HOME", str(tmp_path / "home"))
    photos = market()
    for folder in ("query", "bounding_box_test"):
        for image in (photos / folder).iterdir():
            image.write_bytes(b"nobody can read this")
    done = cli(*RUN, "--space", space, "--data", photos, "--name", "blind")
    assert done.code == 0, done.err
    looked = cli("best", "blind", "--retrain", "--epochs", 1)
    assert looked.code == 3
    assert "bounding_box_test" in looked.err or "query" in looked.err
