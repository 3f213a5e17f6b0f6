"""The real pretrained weights, on real cells."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from giemsa.curation.reading import load_views
from giemsa.settings import load_params
from giemsa.training.batches import Labelled
from giemsa.training.fine_tuning import fit_head, pretrain
from giemsa.training.learner import make_reproducible
from giemsa.training.networks import mobilenet

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
PER_CLASS = 40

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real cells in ../shared/data"),
]


def _cells(start: int) -> Labelled:
    """Take ``PER_CLASS`` cells of each class, from the ``start``-th on."""
    with zipfile.ZipFile(SHARED / "pbc96_train.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        classes = sorted({name.split("/")[-2] for name in names})
        chosen = [
            [name for name in names if f"{label}/" in name][start : start + PER_CLASS] for label in classes
        ]
        contents = [archive.read(name) for members in chosen for name in members]
    views = load_views(contents, load_params(ROOT / "params.yaml").image)
    return Labelled(views, np.repeat(np.arange(len(classes)), PER_CLASS), len(classes))


def test_what_imagenet_taught_tells_cells_apart_with_a_head_alone() -> None:
    settings = load_params(ROOT / "params.yaml").fine_tune.model_copy(update={"head_epochs": 15})
    make_reproducible(1)
    network = mobilenet(8, backbone=settings.backbone, enlarged=settings.enlarged_px, dropout=0.2)
    origin = pretrain(network, settings.backbone, SHARED / "weights")
    assert (origin.sentence, origin.pretrained) == ("ImageNet (sha256 9869702ac7d3f1f9)", True)
    history = fit_head(network, _cells(0), _cells(PER_CLASS), settings, lambda _: None)
    assert history[-1].val_accuracy > 0.7
