"""Bytes in, rows out: the path that every way of asking a model shares."""

import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from giemsa.registry.packaging import REQUIREMENTS
from giemsa.registry.prediction import Predictor, ResolvedModel


@pytest.fixture(scope="module")
def predictor(tiny_bundle: Path) -> Predictor:
    return Predictor(ResolvedModel(tiny_bundle, "tiny", "0" * 64), pooled=False)


def test_rows_come_in_the_images_order_and_do_not_depend_on_neighbours(predictor: Predictor) -> None:
    pictures = [np.full((32, 32, 3), shade, np.uint8) for shade in (0, 128, 255)]
    together = predictor.predict(pictures)
    assert together == [predictor.predict([picture])[0] for picture in pictures]
    assert set(together[0]) == {"label", "confidence", "rejected", "reason"} | {
        f"p_{name}" for name in predictor.classes
    }
    assert together[0]["confidence"] == together[0][f"p_{together[0]['label']}"]


def test_what_cannot_be_read_keeps_its_place(predictor: Predictor) -> None:
    rows = predictor.predict([b"", np.zeros((40, 40), np.uint8), b"no picture"])
    assert [row["label"] != "" for row in rows] == [False, True, False]
    assert rows[0]["rejected"]
    assert "empty" in rows[0]["reason"]
    assert rows[2]["p_ig"] is None


def test_nothing_to_judge_is_no_error(predictor: Predictor) -> None:
    assert predictor.predict([]) == []


def test_the_artifact_asks_for_every_package_that_scoring_imports() -> None:
    code = "import sys, giemsa.registry.prediction; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    owners = packages_distributions()
    used = {canonicalize_name(owner) for name in done.stdout.split() for owner in owners.get(name, ())}
    needed = {canonicalize_name(Requirement(one).name) for one in requires("giemsa") or ()}
    assert used & needed <= set(map(canonicalize_name, REQUIREMENTS))
