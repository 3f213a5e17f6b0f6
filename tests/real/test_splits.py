"""The split on real cells, with junk under random labels as in the set that the project grew from."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from giemsa.curation.splits import SIDES, assign_sides
from giemsa.settings import Split

CELLS = Path(__file__).parents[3] / "shared" / "data" / "pbc96_train.zip"
TEXT = pd.StringDtype(na_value=np.nan)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CELLS.is_file(), reason=f"{CELLS} is missing"),
]


@pytest.fixture(scope="module")
def manifest() -> pd.DataFrame:
    with zipfile.ZipFile(CELLS) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        rows = [(name, name.split("/")[-2], hashlib.sha256(archive.read(name)).hexdigest()) for name in names]
    rng = np.random.default_rng(0)
    labels = sorted({label for _, label, _ in rows})
    for junk, copies in (("cat", 1600), ("astronaut", 200)):
        rows += [(f"{junk}-{n:04d}.png", str(rng.choice(labels)), junk) for n in range(copies)]
    frame = pd.DataFrame(rows, columns=["path", "label", "sha256"])
    return frame.assign(batch_order=1, subject=pd.array([None] * len(frame), dtype=TEXT))


@pytest.mark.parametrize("seed", [1, 2024])
def test_each_class_meets_the_shares_although_junk_has_random_labels(
    manifest: pd.DataFrame, seed: int
) -> None:
    kept = manifest[~manifest["path"].str.endswith(".png")].assign(group=lambda cells: cells["path"])
    found = assign_sides(manifest, kept, Split(validation=0.1, test=0.1, seed=seed))
    shares = pd.crosstab(found["label"], found["side"], normalize="index")
    assert len(found) == 11_959
    assert list(shares.columns) == sorted(SIDES)
    np.testing.assert_allclose(shares[["validation", "test"]], 0.1, atol=0.0015)
