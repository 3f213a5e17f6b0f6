"""A real browser without a network."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, ViewportSize, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, started once for a file: while it runs, no test can start an event loop of its own."""
    if not CHROMIUM.is_file():
        pytest.skip(f"{CHROMIUM} is missing: install Chromium to run the browser tests")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open a file in a window of its own; afterwards: no error, no dialog, nothing asked of the network."""
    faults: list[str] = []
    context = browser.new_context()

    def dismissed(dialog: Dialog) -> None:
        faults.append(dialog.message)
        dialog.dismiss()

    def asked(address: str) -> None:
        if address.startswith("http"):
            faults.append(address)

    def opened(file: Path, *, width: int = 1200, scheme: str = "light") -> Page:
        page = context.new_page()
        page.set_viewport_size(ViewportSize(width=width, height=900))
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", dismissed)
        page.on("request", lambda request: asked(request.url))
        page.goto(file.as_uri())
        return page

    yield opened
    context.close()
    assert faults == []
