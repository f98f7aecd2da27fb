"""The pictures of inspections that stay in memory: counted once, however many ask for the same at once."""

from orchestrator.service.inspection import images as module
from orchestrator.service.inspection.images import Images, ImageSize, Picture


def test_the_same_picture_made_twice_counts_once(monkeypatch):
    monkeypatch.setattr(module, "_KEPT_BYTES", 250)
    kept = Images(None, None)
    first, second = (("study/0", "mark", number, ImageSize.THUMB) for number in (0, 1))
    for _ in range(5):
        kept._keep(first, Picture(bytes(100), "a"))
    kept._keep(second, Picture(bytes(100), "b"))
    assert list(kept._kept) == [first, second]
    assert kept._bytes == 200
    kept._keep(("study/0", "mark", 2, ImageSize.FULL), Picture(bytes(200), "c"))
    assert kept._bytes == 200
