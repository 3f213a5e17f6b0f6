"""A person drops cells on the page, reads the count, looks at a heat map and corrects a label."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from playwright.sync_api import Browser, Page, Route, expect

from giemsa.curation.reading import load_views
from giemsa.evaluation.finishing import finish
from giemsa.settings import Image
from giemsa.training.bundle import write_bundle
from tests.browser.accessibility import violations
from tests.conftest import CELL_CLASSES, tiny_info, tiny_network

pytestmark = [pytest.mark.browser, pytest.mark.server]

GIEMSA = [sys.executable, "-c", "from giemsa.cli import main; main()"]
REAL = Path(__file__).parents[3] / "shared" / "data"
IMAGE = Image(size=96, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)


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
    with served(project) as address:
        yield address


@contextmanager
def served(project: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*GIEMSA, "serve", "--port", str(port), "--model", "models/cnn"]
    environment = {key: value for key, value in os.environ.items() if key != "GIEMSA_TOKEN"}
    server = subprocess.Popen(command, cwd=project, env=environment)
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
    with window(browser, address) as page:
        yield page


@contextmanager
def window(browser: Browser, address: str) -> Iterator[Page]:
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
def met(page: Page, address: str) -> Page:
    """The page after it was told which model answers."""
    page.goto(address)
    expect(page.locator("#model")).to_contain_text("models/cnn answers")
    return page


@pytest.fixture
def counted(met: Page, project: Path) -> Page:
    """The page after a folder of 20 cells and one broken file was chosen."""
    page = met
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


def test_cells_that_a_failed_request_left_out_are_told_and_judged_again(met: Page, project: Path) -> None:
    page = met
    asked = iter((True, False))
    page.route("**/predict", lambda route: route.abort() if next(asked, False) else route.continue_())
    page.set_input_files("#images", sorted((project / "cells").iterdir()))
    expect(page.locator("#status")).to_contain_text("could not be:", timeout=30_000)
    left = 21 - page.locator(".cell").count()
    assert left in {5, 16}
    expect(page.locator("#status")).to_contain_text(f"{21 - left} of 21 images judged. {left} could not be")
    page.get_by_role("button", name="Judge the others again").click()
    expect(page.locator("#status")).to_have_text(f"{left} of {left} images judged.", timeout=30_000)
    expect(page.locator(".cell")).to_have_count(21)
    expect(page.locator("#again")).to_be_hidden()


def test_an_answer_that_comes_after_starting_anew_counts_nowhere(met: Page, project: Path) -> None:
    page = met
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        held.append(route)

    page.route("**/predict", hold_the_first)
    cells = sorted((project / "cells").glob("*.png"))
    with page.expect_request("**/predict"):
        page.set_input_files("#images", cells[:3])
    page.locator("#clear").click()
    with page.expect_response("**/predict"):
        held[0].continue_()
    page.set_input_files("#images", cells[:1])
    expect(page.locator("#status")).to_have_text("1 of 1 images judged.", timeout=30_000)
    expect(page.locator(".cell")).to_have_count(1)
    assert page.locator("#count tbody tr").all_inner_texts()[8].split("\t")[:2] == ["accepted", "1"]


def test_a_heat_map_opens_and_closes(counted: Page) -> None:
    cell = counted.locator(".cell").first
    before = cell.locator("img").get_attribute("src")
    button = cell.get_by_role("button", name="Heat map")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true", timeout=120_000)
    assert cell.locator("img").get_attribute("src") != before
    button.click()
    assert cell.locator("img").get_attribute("src") == before


def test_axe_finds_nothing_to_mend_before_and_after_scoring(page: Page, counted: Page, address: str) -> None:
    heat_map = counted.locator(".cell").first.get_by_role("button", name="Heat map")
    heat_map.click()
    expect(heat_map).to_have_attribute("aria-pressed", "true", timeout=120_000)
    counted.locator(".cell").nth(2).locator("select").select_option("monocyte")
    expect(counted.locator(".cell").nth(2).locator(".done")).not_to_be_empty()
    assert violations(counted) == []
    for path in ("/", "/docs"):
        page.goto(address + path)
        assert violations(page) == []


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
    counted.set_viewport_size({"width": 500, "height": 200})  # cells out of sight keep the size they had
    for seen in (".cell >> nth=-1", "#download"):
        counted.locator(seen).scroll_into_view_if_needed()
        counted.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    counted.set_viewport_size({"width": 340, "height": 700})
    assert counted.evaluate("document.documentElement.scrollWidth <= innerWidth")
    counted.locator("#download").focus()
    counted.keyboard.press("Tab")
    assert counted.evaluate("document.activeElement.id") == "clear"
    counted.keyboard.press("Enter")
    expect(counted.locator("#results")).to_be_hidden()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with 50 real cells and 5 pictures of something else, and a model that tells these apart."""
    if not (REAL / "pbc_native_1000.zip").is_file():
        pytest.skip(f"{REAL / 'pbc_native_1000.zip'} is missing")
    root = tmp_path_factory.mktemp("real")
    shutil.copy(Path(__file__).parents[2] / "params.yaml", root)
    with zipfile.ZipFile(REAL / "pbc_native_1000.zip") as archive:
        cells = {name: archive.read(name) for name in sorted(archive.namelist()) if name.endswith(".jpg")}
    names = [str(name) for name in np.random.default_rng(0).permutation(list(cells))]
    drop = root / "drop"
    drop.mkdir()
    for name in names[:50]:
        (drop / Path(name).name).write_bytes(cells[name])
    junk(drop)
    views = load_views([cells[name] for name in names[50:650]], IMAGE)
    labels = np.array([CELL_CLASSES.index(name.split("/")[-2]) for name in names[50:650]])
    info = tiny_info().model_copy(update={"image": IMAGE})
    write_bundle(root / "models" / "cnn", tiny_network(size=IMAGE.size), info, [])
    halves = views[:300], labels[:300], views[300:], labels[300:]
    finish(root / "models" / "cnn", *halves, false_rejection=0.01, seed=0)
    return root


def junk(folder: Path) -> None:
    for name in ("astronaut.png", "cat.png"):
        shutil.copy(REAL / "junk" / name, folder / f"junk-{name}")
    noise = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    Pillow.fromarray(noise).save(folder / "junk-noise.png")
    Pillow.new("RGB", (96, 96), "black").save(folder / "junk-black.png")
    (folder / "junk-truncated.jpg").write_bytes(b"\xff\xd8\xff")


@pytest.mark.real
def test_a_person_sorts_fifty_real_cells_and_five_junk_pictures(
    browser: Browser, lab: Path, tmp_path: Path
) -> None:
    with served(lab) as address, window(browser, address) as page:
        page.goto(address)
        expect(page.locator("#model")).to_contain_text("answers")
        drop(page, lab / "drop")
        expect(page.locator("#status")).to_have_text("55 of 55 images judged.", timeout=60_000)
        read_the_table(page)
        photograph(page, tmp_path)
        cell = page.locator(".cell").first
        cell.get_by_role("button", name="Heat map").click()
        expect(cell.get_by_role("button", name="Heat map")).to_have_attribute(
            "aria-pressed", "true", timeout=120_000
        )
        page.get_by_label("Your name").fill("Ada")
        cell.locator("select").select_option("platelet")
        expect(cell.locator(".done")).to_contain_text("Kept as platelet")
        cell.screenshot(path=tmp_path / "corrected.png")
    (kept,) = (lab / "inbox" / "platelet").iterdir()
    done = subprocess.run([*GIEMSA, "ingest", "inbox"], cwd=lab, check=True, capture_output=True, text=True)
    assert done.stdout == "inbox: 1 images found, 1 new in batch inbox.\n"
    (brought,) = (lab / "data" / "raw" / "inbox" / "platelet").iterdir()
    assert brought.read_bytes() == kept.read_bytes()


def drop(page: Page, folder: Path) -> None:
    """Drop a folder as the system's file manager does."""
    box = page.locator("#drop").bounding_box()
    assert box
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": box["x"] + 20, "y": box["y"] + 20, "data": data}
        session.send("Input.dispatchDragEvent", event)


def read_the_table(page: Page) -> None:
    rows = dict(row.split("\t")[:2] for row in page.locator("#count tbody tr").all_inner_texts())
    accepted, rejected = int(rows.pop("accepted")), int(rows.pop("rejected"))
    assert accepted + rejected == 55
    assert accepted == sum(map(int, rows.values()))
    assert 5 <= rejected <= 10
    page.select_option("#filter", "rejected")
    shown = page.locator(".cell:not([hidden]) .path").all_text_contents()
    assert len([path for path in shown if "junk-" in path]) == 5
    page.select_option("#filter", "")


def photograph(page: Page, folder: Path) -> None:
    """Take pictures for a person to look at; on none of them does the page scroll sideways."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            table = page.locator("#count")
            assert table.evaluate("e => e.offsetWidth <= e.parentElement.clientWidth")
            page.screenshot(path=folder / f"{scheme}-{width}.png")
            page.evaluate("document.getElementById('cells-title').scrollIntoView()")
            page.screenshot(path=folder / f"{scheme}-{width}-cells.png")
            page.evaluate("scrollTo(0, 0)")
