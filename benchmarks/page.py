"""The page of ``giemsa serve`` with many images: until all are judged, and how long it ever stands still.

    .venv/bin/python benchmarks/page.py MODEL_FOLDER FOLDER_OF_IMAGES [--count 1000] [--picture page.png]

Needs Chromium. A pause is a task of the browser's main thread above 50 ms, in which nobody can click.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.pop("MLFLOW_TRACKING_URI", None)

from playwright.sync_api import Page, expect, sync_playwright
from serving import project, serving

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
PATIENCE_MS = 600_000
WATCH_PAUSES = """() => {
    window.pauses = [];
    new PerformanceObserver((list) => window.pauses.push(...list.getEntries().map((task) => task.duration)))
        .observe({ entryTypes: ["longtask"] });
}"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def main() -> None:
    """Choose the images on the page, and print what a person waits for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--picture", type=Path, help="a picture of the page afterwards")
    given = parser.parse_args()
    files = sorted(given.images.rglob("*.jpg"))[: given.count]
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(project(Path(folder), given.model)) as (address, _),
        browsing(address) as page,
    ):
        page.evaluate(WATCH_PAUSES)
        begun = time.perf_counter()
        page.set_input_files("#images", files)
        expect(page.locator(".cell").first).to_be_visible(timeout=PATIENCE_MS)
        print(f"first of {len(files):,} images shown after {time.perf_counter() - begun:.1f} s")
        told = f"{len(files)} of {len(files)} images judged."
        expect(page.locator("#status")).to_have_text(told, timeout=PATIENCE_MS)
        print(f"all judged after {time.perf_counter() - begun:.1f} s; {paused(page)}")
        for choice in ("rejected", ""):
            begun = time.perf_counter()
            page.select_option("#filter", choice)
            page.evaluate(TWO_FRAMES)
            print(f"filter {choice or 'all'}: {1000 * (time.perf_counter() - begun):.0f} ms; {paused(page)}")
        for _ in range(30):
            page.mouse.wheel(0, 2000)
            page.evaluate(TWO_FRAMES)
        print(f"scrolled; {paused(page)}")
        if given.picture:
            page.screenshot(path=given.picture)


@contextmanager
def browsing(address: str) -> Iterator[Page]:
    """Open the page, and wait until the model answers."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.goto(address)
        expect(page.locator("#model")).to_contain_text("answers")
        yield page
        browser.close()


def paused(page: Page) -> str:
    """Say how long the page stood still since it was asked last."""
    pauses: list[float] = page.evaluate("() => window.pauses.splice(0)")
    return f"{len(pauses)} pauses, the longest {max(pauses, default=0):.0f} ms"


if __name__ == "__main__":
    main()
