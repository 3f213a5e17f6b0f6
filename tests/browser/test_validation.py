from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from giemsa.curation.quality import check
from giemsa.curation.quality_page import report
from tests.browser.conftest import Open
from tests.curation.manifests import LIMITS, manifest

pytestmark = pytest.mark.browser
LABELS = ["monocyte"] * 40 + ["platelet"] * 3


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    readable = [False] + [True] * (len(LABELS) - 1)
    rng = np.random.default_rng(0)
    frame = manifest(LABELS, readable=readable, brightness=rng.uniform(0.3, 0.95, len(LABELS)))
    frame.loc[0, "reason"] = "truncated <b>here</b>"
    file = tmp_path_factory.mktemp("validation") / "report.html"
    file.write_text(report(check(frame, LIMITS), LIMITS), "utf-8")
    return file


def test_the_verdict_and_every_rule_can_be_read(page_file: Path, open_page: Open) -> None:
    page = open_page(page_file)
    verdict = page.get_by_label("Verdict")
    expect(verdict).to_contain_text("Stopped: 1 critical rule broken")
    expect(verdict).to_contain_text("too small: platelet with 3; needed: at least 5 images in each class")
    expect(page.get_by_role("table", name="Rules").get_by_role("row")).to_have_count(12)
    expect(page.get_by_text("truncated <b>here</b>")).to_be_visible()
    expect(page.get_by_role("img", name="Brightness")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(page_file: Path, open_page: Open, scheme: str) -> None:
    page = open_page(page_file, width=360, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    table = page.get_by_role("table", name="Rules")
    assert table.evaluate("e => e.parentElement.scrollWidth <= e.parentElement.clientWidth")
