"""requirements.lock: every package of an installation, by its version and the hashes of all its files.

    python tools/lock.py path/to/uv

torch and the CUDA packages that its builds for GPUs bring are left out: builds for CPUs and GPUs share a version and
are other files, from other indexes. constraints.txt names their version.
"""  # noqa: INP001 - a script

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
EXTRAS = ("mcp", "postgres", "s3", "video")
_OF_TORCH = re.compile(r"(torch|triton|nvidia-[\w-]+|cuda-[\w-]+)==")
_HEAD = """\
# Made by `make lock`. To install with it, where $WHEEL is reid-tune's wheel:
#   pip install --constraint constraints.txt torch
#   pip install --no-deps --require-hashes --requirement requirements.lock
#   pip install --no-deps "$WHEEL"
"""


def main() -> None:
    """Resolve for Linux, macOS and Windows and every Python version that the project supports."""
    words = [sys.argv[1], "pip", "compile", "pyproject.toml", "--quiet", "--constraint", "constraints.txt"]
    words += ["--universal", "--python-version", "3.11", "--generate-hashes"]
    words += ["--no-header", "--no-annotate", "--no-emit-index-url"]
    words += [word for extra in EXTRAS for word in ("--extra", extra)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - uv, named by make
    packages = re.split(r"^(?=\S)", done.stdout, flags=re.MULTILINE)
    LOCK.write_text(_HEAD + "".join(one for one in packages if not _OF_TORCH.match(one)), encoding="utf-8")


if __name__ == "__main__":
    main()
