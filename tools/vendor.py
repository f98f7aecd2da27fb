#!/usr/bin/env python3
"""Copies the browser modules we ship from their npm packages and writes their hash list.

python tools/vendor.py            check dashboards/static/vendor against its HASHES file
python tools/vendor.py --fetch    fetch the pinned packages with `npm pack` and write files and HASHES anew

The files are the packages' own, byte for byte; the page's import map gives them their names.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[1] / "dashboards" / "static" / "vendor"

PACKAGES: dict[str, dict[str, str]] = {
    "preact@10.29.8": {
        "dist/preact.module.js": "preact.js",
        "hooks/dist/hooks.module.js": "preact-hooks.js",
        "LICENSE": "preact.LICENSE",
    },
    "@preact/signals-core@1.14.5": {
        "dist/signals-core.module.js": "signals-core.js",
        "LICENSE": "signals-core.LICENSE",
    },
    "@preact/signals@2.11.4": {"dist/signals.module.js": "signals.js", "LICENSE": "signals.LICENSE"},
    "htm@3.1.1": {
        "dist/htm.module.js": "htm.js",
        "preact/index.module.js": "htm-preact.js",
        "LICENSE": "htm.LICENSE",
    },
    "uplot@1.6.32": {
        "dist/uPlot.esm.js": "uplot.js",
        "dist/uPlot.min.css": "uplot.css",
        "LICENSE": "uplot.LICENSE",
    },
}


def fetch(package: str, files: dict[str, str], scratch: Path) -> None:
    """Unpack one npm package and copy the named files."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(scratch), package]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - names are pinned above
    archive = scratch / done.stdout.strip().splitlines()[-1]
    with tarfile.open(archive) as packed:
        for source, target in files.items():
            stream = packed.extractfile(f"package/{source}")
            if stream is None:
                raise FileNotFoundError(f"{package} holds no {source}")
            (VENDOR / target).write_bytes(stream.read())


def digests() -> str:
    """One `sha256  name` line a file, sorted by name: the form of `sha256sum`."""
    files = sorted(path for path in VENDOR.iterdir() if path.name != "HASHES")
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def main() -> int:
    """Check, or fetch and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fetch", action="store_true", help="fetch the pinned packages again")
    if parser.parse_args().fetch:
        VENDOR.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            for package, files in PACKAGES.items():
                fetch(package, files, Path(scratch))
        (VENDOR / "HASHES").write_text(digests(), encoding="utf-8")
    if (VENDOR / "HASHES").read_text(encoding="utf-8") != digests():
        sys.stderr.write("dashboards/static/vendor differs from its HASHES; run tools/vendor.py --fetch\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
