"""axe-core's verdict on a page: in both colour schemes, as wide as a phone and as a desk's screen."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

AXE = Axe()


def violations(page: Page) -> list[str]:
    """Name what axe-core finds, and where."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for width in (360, 1280):
            page.set_viewport_size(ViewportSize(width=width, height=900))
            for violation in AXE.run(page).response["violations"]:
                places = [node["target"] for node in violation["nodes"]]
                found.append(f"{scheme}, {width} px: {violation['id']} at {places}: {violation['help']}")
    return found
