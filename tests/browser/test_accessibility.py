"""Whoever reads a page, with whatever eyes and hands: axe-core finds nothing to mend."""

from pathlib import Path

import pytest

from giemsa.curation.quality import check
from giemsa.curation.quality_page import report
from giemsa.pages import render
from giemsa.registry.chronicle import _chart
from giemsa.settings import Evaluate
from giemsa.stages import evaluate
from tests.browser.accessibility import violations
from tests.browser.conftest import Open
from tests.browser.test_gallery import A_FEW, gallery
from tests.conftest import TINY_IMAGE
from tests.curation.manifests import LIMITS, manifest
from tests.evaluation.conftest import tiny_project

pytestmark = pytest.mark.browser


def test_axe_is_awake(open_page: Open, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text("<!doctype html><title>A page</title><main><img src='data:,'></main>", "utf-8")
    found = violations(open_page(file))
    assert sum("image-alt" in one for one in found) == 4


def test_the_gallery_of_duplicates(open_page: Open, tmp_path: Path) -> None:
    page = open_page(gallery(tmp_path / "gallery.html", A_FEW))
    page.keyboard.press("j")
    page.keyboard.press("1")
    page.get_by_text("Set aside: 1 unreadable file").click()
    assert violations(page) == []


def test_the_validation_report(open_page: Open, tmp_path: Path) -> None:
    labels = ["monocyte"] * 40 + ["platelet"] * 3
    frame = manifest(labels, readable=[False] + [True] * 42)
    file = tmp_path / "report.html"
    file.write_text(report(check(frame, LIMITS), LIMITS), "utf-8")
    assert violations(open_page(file)) == []


def test_the_evaluation_report(open_page: Open, tiny_bundle: Path, tmp_path: Path) -> None:
    project = tiny_project(tmp_path, tiny_bundle)
    plain = Evaluate(resamples=100, confidence=0.95, corruptions=False, seed=1)
    evaluate.run(project, image=TINY_IMAGE, evaluate=plain)
    assert violations(open_page(project.evaluation / "report.html")) == []


def test_the_history_of_models(open_page: Open, tmp_path: Path) -> None:
    rows = [
        {
            "number": str(number),
            "aliases": aliases,
            "model": "fine-tuned",
            "drawn": number == 1,
            "accuracy": [0.97, 0.96, 0.98],
            "macro_f1": [0.97, 0.96 - number / 100, 0.98],
            "data": "0" * 12,
            "commit": "1" * 12,
            "verdict": "Better beyond doubt.",
        }
        for number, aliases in ((1, []), (2, ["champion", "challenger"]))
    ]
    condition = {"name": "gain", "passed": True, "figure": 0.01, "low": 0.001, "high": 0.02, "limit": 0.0}
    missed = condition | {"passed": False}
    moves = [
        {
            "action": action,
            "version": "2",
            "before": "1",
            "when": "2026-01-01",
            "who": "Ada",
            "why": "Better.",
            "gate": gate,
        }
        for action, gate in (("promote", {"conditions": [condition, missed]}), ("rollback", {}))
    ]
    file = tmp_path / "models.html"
    facts = {"name": "cells", "champion": "2", "versions": rows, "chart": _chart(rows, "2"), "history": moves}
    file.write_text(render("models.html", drawn=True, **facts), "utf-8")
    assert violations(open_page(file)) == []
