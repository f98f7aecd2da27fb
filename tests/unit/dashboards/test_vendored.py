import hashlib
import re

from dashboards.rendering import IMPORT_MAP, STATIC

VENDOR = STATIC / "vendor"


def listed():
    lines = (VENDOR / "HASHES").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def test_every_vendored_file_has_its_listed_hash():
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir() if path.name != "HASHES"
    }
    assert found == listed()


def test_every_vendored_package_keeps_its_licence():
    for name in ("preact", "signals", "signals-core", "htm", "uplot"):
        text = (VENDOR / f"{name}.LICENSE").read_text()
        assert re.search("MIT|Permission is hereby granted|Apache License", text), name


def test_modules_import_only_what_the_import_map_or_our_own_files_provide():
    pattern = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"'\s]+)["']""")
    for script in sorted(STATIC.glob("*/*.js")):
        for name in pattern.findall(script.read_text()):
            if name.startswith("."):
                assert (script.parent / name).is_file(), f"{script.name} imports {name}"
            else:
                assert f'"{name}":' in IMPORT_MAP, f"{script.name} imports {name}"


def test_nothing_is_loaded_from_another_site():
    ours = [path for path in STATIC.rglob("*") if path.suffix in {".js", ".css"} and path.parent != VENDOR]
    pages = (STATIC.parent / "templates").glob("*.html")
    for path in [*ours, *pages]:
        assert not re.search(r"""(?:src|href|from|url\(|fetch\()\s*=?\s*["'(]?(?:https?:)?//""", path.read_text()), path
