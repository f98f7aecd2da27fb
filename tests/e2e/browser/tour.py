"""The pictures of docs/tour.md, taken on the way of test_foundation_whole_way.py.

`REID_TUNE_TOUR=1 pytest tests/e2e/browser/test_foundation_whole_way.py` makes them anew,
of a study large enough to be worth a look.
"""

import io
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"
WANTED = bool(os.environ.get("REID_TUNE_TOUR"))
NAME, TRIALS, EPOCHS = ("people-bnneck", "12", "9") if WANTED else ("whole-way", "3", "2")
WIDTH = 1366
COLOURS, EXACT = 256, 192
LOADED = """Promise.all([...document.images].map((one) => { one.loading = "eager"; return one.decode(); }))"""
MOST_BYTES = 200_000


def picture(page, name, height=860, top=0):
    """What stands on the page from `top` on, both in pixels; in the light theme."""
    if not WANTED:
        return
    page.mouse.move(0, 0)
    page.evaluate(LOADED)
    page.evaluate("document.querySelectorAll('.toast').forEach((one) => { one.hidden = true; })")
    page.set_viewport_size({"width": WIDTH, "height": max(900, top + height)})
    clip = {"x": 0, "y": top, "width": WIDTH, "height": height}
    taken = page.screenshot(clip=clip, full_page=True, animations="disabled")
    path = IMAGES / f"tour-{name}.png"
    with Image.open(io.BytesIO(taken)) as image:
        whole = image.convert("RGB")
        whole.save(path, optimize=True)
        if path.stat().st_size >= MOST_BYTES:  # photographs or many soft lines are in it
            with_palette(whole).save(path, optimize=True)
    page.set_viewport_size({"width": WIDTH, "height": 900})
    assert path.stat().st_size < MOST_BYTES, f"{path.name} is too large"


def with_palette(image):
    """In 256 colours: the most frequent as they are, so that a small green dot stays green, the rest to the nearest."""
    pixels = np.asarray(image)
    colours, place, count = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    often = np.argsort(-count, kind="stable")
    rest = Image.fromarray(colours[often[EXACT:]][None])
    near = np.array(rest.quantize(COLOURS - EXACT).getpalette()[: 3 * (COLOURS - EXACT)], np.uint8).reshape(-1, 3)
    palette = np.concatenate([colours[often[:EXACT]], near])
    apart = ((colours[:, None].astype(np.int32) - palette.astype(np.int32)) ** 2).sum(axis=2)
    made = Image.fromarray(apart.argmin(axis=1).astype(np.uint8)[place].reshape(pixels.shape[:2]), "P")
    made.putpalette(palette.tobytes())
    return made


def first_picture(name):
    """The picture that the README begins with is one of the tour's."""
    if WANTED:
        shutil.copyfile(IMAGES / f"tour-{name}.png", IMAGES / "study.png")
