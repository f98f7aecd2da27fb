"""Known vulnerabilities of the pinned packages, by pip-audit: exit 1 where there are some, 0 where nobody can say.

python tools/audit.py constraints.txt
"""  # noqa: INP001 - a script

from __future__ import annotations

import json
import subprocess
import sys


def main(pins: str) -> int:
    """Audit the file `pins`; a service that is not reached, or knows none of the packages, is named and no failure."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", pins, "--no-deps", "--disable-pip"]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False)  # noqa: S603 - this interpreter
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        sys.stdout.write(f"audit: skipped, the vulnerability service cannot be reached ({reason})\n")
        return 0
    known = [package for package in packages if "skip_reason" not in package]
    faulty = [(package, fault) for package in known for fault in package["vulns"]]
    for package, fault in faulty:
        fixed = ", ".join(fault["fix_versions"]) or "no version yet"
        sys.stdout.write(f"{package['name']} {package['version']}: {fault['id']}, fixed in {fixed}\n")
    if not known:
        sys.stdout.write("audit: skipped, the package index here says nothing about vulnerabilities\n")
    else:
        sys.stdout.write(f"audit: {len(known)} of {len(packages)} packages known, {len(faulty)} vulnerabilities\n")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
