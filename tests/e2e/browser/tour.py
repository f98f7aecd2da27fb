"""The pictures of docs/tour.md, taken on the way of test_foundation_whole_way.py.

`REID_TUNE_TOUR=1 pytest tests/e2e/browser/test_foundation_whole_way.py` makes them anew,
of a study large enough to be worth a look.
"""

import io
import os
import shutil
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"
WANTED = bool(os.environ.get("REID_TUNE_TOUR"))
NAME, TRIALS, EPOCHS = ("people-bnneck", "12", "9") if WANTED else ("whole-way", "3", "2")
WIDTH = 1366
COLOURS = 256
MOST_BYTES = 200_000


def picture(page, name, height=860, top=0):
    """What stands on the page from `top` on, both in pixels; in the light theme."""
    if not WANTED:
        return
    page.mouse.move(0, 0)
    page.evaluate("document.querySelectorAll('.toast').forEach((one) => { one.hidden = true; })")
    page.set_viewport_size({"width": WIDTH, "height": max(900, top + height)})
    clip = {"x": 0, "y": top, "width": WIDTH, "height": height}
    taken = page.screenshot(clip=clip, full_page=True, animations="disabled")
    path = IMAGES / f"tour-{name}.png"
    with Image.open(io.BytesIO(taken)) as image:
        whole = image.convert("RGB")
        whole.save(path, optimize=True)
        if path.stat().st_size >= MOST_BYTES:  # photographs are in it
            whole.quantize(COLOURS).save(path, optimize=True)
    page.set_viewport_size({"width": WIDTH, "height": 900})
    assert path.stat().st_size < MOST_BYTES, f"{path.name} is too large"


def first_picture(name):
    """The picture that the README begins with is one of the tour's."""
    if WANTED:
        shutil.copyfile(IMAGES / f"tour-{name}.png", IMAGES / "study.png")
