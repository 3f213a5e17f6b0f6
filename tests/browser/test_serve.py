"""A person drops cells on the page, reads the count, looks at a heat map and corrects a label."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.server]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Path:
    root = tmp_path_factory.mktemp("lab")
    shutil.copytree(tiny_bundle, root / "models" / "cnn")
    shutil.copy(Path(__file__).parents[2] / "params.yaml", root)
    (root / "cells").mkdir()
    for index in range(20):
        pixels = np.random.default_rng(index).integers(0, 255, (40, 40, 3), dtype=np.uint8)
        Pillow.fromarray(pixels).save(root / "cells" / f"{index:02d}.png")
    (root / "cells" / "truncated.jpg").write_bytes(b"\xff\xd8\xff")
    return root


@pytest.fixture(scope="module")
def address(project: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from giemsa.cli import main; main()", "serve"]
    environment = {key: value for key, value in os.environ.items() if key != "GIEMSA_TOKEN"}
    server = subprocess.Popen(
        [*command, "--port", str(port), "--model", "models/cnn"], cwd=project, env=environment
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/healthz", server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            assert server.poll() is None
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"{url} did not answer within a minute")


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A new window; afterwards: no script failed, and nothing was asked of another host."""
    context = browser.new_context()
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith((address, "blob:")) else faults.append(request.url),
    )
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def counted(page: Page, address: str, project: Path) -> Page:
    """The page after a folder of 20 cells and one broken file was chosen."""
    page.goto(address)
    expect(page.locator("#model")).to_contain_text("models/cnn answers")
    page.set_input_files("#images", sorted((project / "cells").iterdir()))
    expect(page.locator("#status")).to_have_text("21 of 21 images judged.", timeout=30_000)
    return page


def test_dropped_cells_are_counted_per_class(counted: Page) -> None:
    expect(counted.locator(".cell")).to_have_count(21)
    rows = counted.locator("#count tbody tr").all_inner_texts()
    assert len(rows) == 10
    assert rows[8].split("\t")[:2] == ["accepted", "20"]
    assert rows[9].split("\t")[:2] == ["rejected", "1"]
    counted.select_option("#filter", "rejected")
    expect(counted.locator(".cell:visible")).to_have_count(1)
    expect(counted.locator(".cell:visible .reason")).not_to_be_empty()


def test_a_heat_map_opens_and_closes(counted: Page) -> None:
    cell = counted.locator(".cell").first
    before = cell.locator("img").get_attribute("src")
    button = cell.get_by_role("button", name="Heat map")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true", timeout=60_000)
    assert cell.locator("img").get_attribute("src") != before
    button.click()
    assert cell.locator("img").get_attribute("src") == before


def test_a_correction_needs_a_name_and_lands_in_the_inbox(counted: Page, project: Path) -> None:
    cell = counted.locator(".cell").nth(1)
    cell.locator("select").select_option("monocyte")
    expect(cell.locator(".done")).to_have_text("Fill in your name first.")
    counted.get_by_label("Your name").fill("Ada")
    cell.locator("select").select_option("monocyte")
    expect(cell.locator(".done")).to_contain_text("Kept as monocyte")
    assert len(list((project / "inbox" / "monocyte").glob("*.png"))) == 1
    assert ",Ada," in (project / "inbox" / "corrections.csv").read_text()


def test_the_table_can_be_taken_home(counted: Page) -> None:
    with counted.expect_download() as download:
        counted.get_by_role("button", name="Download CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith("path,label,confidence,rejected,reason,p_basophil")
    assert len(lines) == 22


def test_the_page_fits_a_narrow_screen_and_works_by_keyboard(counted: Page) -> None:
    counted.set_viewport_size({"width": 340, "height": 700})
    assert counted.evaluate("document.documentElement.scrollWidth <= innerWidth")
    counted.locator("#download").focus()
    counted.keyboard.press("Tab")
    assert counted.evaluate("document.activeElement.id") == "clear"
    counted.keyboard.press("Enter")
    expect(counted.locator("#results")).to_be_hidden()
