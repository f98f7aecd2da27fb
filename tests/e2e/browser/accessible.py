"""What axe-core finds on a page, in both themes."""

SCHEMES = ("light", "dark")


def violations(page):
    """One line a broken rule with the elements that break it."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{rule['id']}: {[node['target'] for node in rule['nodes']][:4]}" for rule in found]


def violations_in_both_themes(page):
    """Those of a page as it stands, once in each theme, each line with its theme."""
    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{scheme}: {line}" for line in violations(page)]
    return found
