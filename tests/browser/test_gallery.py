import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from giemsa.curation.gallery import write_gallery
from giemsa.curation.groups import Group
from tests.browser.conftest import Open
from tests.curation.groups_of_copies import HOSTILE, SURROGATE, conflict, dot, junk, pair

pytestmark = pytest.mark.browser
A_FEW = (junk(), conflict(HOSTILE, SURROGATE), *(pair(n, similarity=1 - n / 1000) for n in range(6)))


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gallery(tmp_path_factory.mktemp("few") / "gallery.html", A_FEW)


def gallery(path: Path, groups: Sequence[Group]) -> Path:
    pictures = [dot(number) for number in range(16)]
    unreadable = [("first/ig/<b>.jpg", "empty file (0 bytes)")]
    write_gallery(path, groups, lambda name: pictures[len(name) % 16], drawn=False, unreadable=unreadable)
    return path


def saved(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download decisions.csv").click()
    assert download.value.suggested_filename == "decisions.csv"
    return list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8"), newline="")))


def test_hostile_names_are_shown_as_text(few: Path, open_page: Open) -> None:
    page = open_page(few)
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    assert page.locator("#groups img[src=x]").count() == 0


def test_junk_shows_a_handful_and_the_rest_on_demand(few: Path, open_page: Open) -> None:
    first = open_page(few).locator("article").first
    expect(first.locator("li")).to_have_count(10)
    first.get_by_role("button", name="and 1,590 more").click()
    expect(first.locator("li")).to_have_count(210)
    expect(first.get_by_role("button", name="and 1,390 more")).to_be_visible()


def test_search_filter_and_order_work_together(few: Path, open_page: Open) -> None:
    page = open_page(few)
    page.get_by_label("Show").select_option("near")
    expect(page.locator("article")).to_have_count(5)
    page.get_by_label("Order").select_option("path")
    expect(page.locator("article").first).to_contain_text("first/ig/00001.png")
    page.get_by_label("Order").select_option("unlike")
    expect(page.locator("article").first).to_contain_text("first/ig/00005.png")
    page.get_by_label("Search").fill("00003")
    expect(page.locator("article")).to_have_count(1)
    expect(page.get_by_role("status")).to_contain_text("1 group of 8")


def test_a_review_by_keyboard_alone_ends_in_a_decisions_file(few: Path, open_page: Open) -> None:
    page = open_page(few)
    for key in ("j", "j", "1", "2", "2"):
        page.keyboard.press(key)
    expect(page.get_by_role("status")).to_contain_text("2 pictures marked")
    page.get_by_role("combobox", name="other class").fill("platelet, giant")
    page.get_by_role("button", name="Download decisions.csv").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("write your name first")
    page.keyboard.type('Ann "A" Ng')
    rows = saved(page)
    assert [row["decision"] for row in rows] == ["keep", "drop"]
    assert rows[0] == {
        "path": HOSTILE,
        "decision": "keep",
        "label": "platelet, giant",
        "reviewer": 'Ann "A" Ng',
        "reason": "",
    }


def test_marks_survive_a_reload_and_can_be_taken_back(few: Path, open_page: Open) -> None:
    page = open_page(few)
    page.get_by_role("button", name="keep first/ig/00002.png").click()
    page.reload()
    button = page.get_by_role("button", name="keep first/ig/00002.png")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(page.get_by_role("status")).not_to_contain_text("marked")


def test_an_earlier_review_is_continued(few: Path, open_page: Open, tmp_path: Path) -> None:
    earlier = tmp_path / "decisions.csv"
    earlier.write_text(
        'path,decision,label,reviewer,reason\r\n"old, path.png",drop,,Bo,"says ""no"""\r\n', "utf-8"
    )
    page = open_page(few)
    page.get_by_label("Open an earlier decisions.csv").set_input_files(earlier)
    page.get_by_role("button", name="drop second/ig/00001.png").click()
    page.get_by_label("Your name").fill("Ann")
    old, new = saved(page)
    assert old == {
        "path": "old, path.png",
        "decision": "drop",
        "label": "",
        "reviewer": "Bo",
        "reason": 'says "no"',
    }
    assert (new["path"], new["reviewer"]) == ("second/ig/00001.png", "Ann")


def test_a_file_that_is_no_decisions_file_is_refused_in_words(
    few: Path, open_page: Open, tmp_path: Path
) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", "utf-8")
    page = open_page(few)
    page.get_by_label("Open an earlier decisions.csv").set_input_files(other)
    expect(page.get_by_role("status")).to_contain_text("other.csv is no decisions file")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(few: Path, open_page: Open, scheme: str) -> None:
    page = open_page(few, width=360, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(22, 20, 29)") == (scheme == "dark")


def test_unreadable_files_are_listed_on_demand(few: Path, open_page: Open) -> None:
    page = open_page(few)
    page.get_by_text("Set aside: 1 unreadable file").click()
    expect(page.locator("#unreadable li")).to_have_text("first/ig/<b>.jpg: empty file (0 bytes)")


def test_five_thousand_groups_stay_fluid(open_page: Open, tmp_path: Path) -> None:
    groups = [pair(number, similarity=1 - (number % 30) / 1000) for number in range(5000)]
    page = open_page(gallery(tmp_path / "many.html", groups))
    assert 24 <= page.locator("article").count() < 100
    # Each keystroke of a search must feel instant; 500 ms leaves room for a busy machine.
    spent = page.evaluate(
        "() => { const from = performance.now(); document.getElementById('search').value = '04999';"
        " list(); return performance.now() - from; }"
    )
    expect(page.locator("article")).to_have_count(1)
    assert spent < 500
    page.get_by_label("Search").fill("")
    before = page.locator("article").count()
    page.keyboard.press("End")
    page.locator("#end").scroll_into_view_if_needed()
    page.wait_for_function(f"document.querySelectorAll('article').length > {before}")
