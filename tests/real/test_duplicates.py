"""Real cells: planted copies, junk and broken files among them, and copies in the published set itself."""

import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks.planting import KINDS, plant
from giemsa.curation.audit import Audit, audit
from giemsa.data.sources import open_source
from giemsa.settings import params_or_defaults

CELLS = Path(__file__).parents[3] / "shared" / "data" / "pbc96_train.zip"
NATIVE = CELLS.with_name("pbc_native_1000.zip")
PARAMS = Path(__file__).parents[2] / "params.yaml"
PUBLISHED = (
    ("eosinophil/EO_225902.jpg", "neutrophil/BNE_191112.jpg"),  # equal bytes under two labels
    ("basophil/BA_20201.jpg", "basophil/BA_809918.jpg"),  # equal bytes
    ("eosinophil/EO_246684.jpg", "eosinophil/EO_409717.jpg"),  # as the eye sees, from here on
    ("eosinophil/EO_354514.jpg", "eosinophil/EO_400135.jpg"),
    ("eosinophil/EO_481364.jpg", "eosinophil/EO_738318.jpg"),
    ("ig/IG_466905.jpg", "ig/IG_855229.jpg"),
    ("ig/IG_957559.jpg", "ig/IG_101958.jpg"),
    ("monocyte/MO_231316.jpg", "monocyte/MO_415531.jpg"),
)
#: Look-alikes: other cells, as the eye sees, that outlines alone would take for copies.
UNLIKE = (
    "ig/MY_637046.jpg",
    "erythroblast/ERB_34345.jpg",
    "erythroblast/ERB_153470.jpg",
    "erythroblast/ERB_587926.jpg",
    "lymphocyte/LY_123592.jpg",
    "lymphocyte/LY_804787.jpg",
)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CELLS.is_file(), reason=f"{CELLS} is missing"),
]


def read(archive: Path, count: int, *also: str) -> dict[str, bytes]:
    """Read ``also``, and so many others with none of their copies."""
    paired = {path for pair in PUBLISHED for path in pair}
    with zipfile.ZipFile(archive) as opened:
        names = sorted(set(opened.namelist()) - paired - {*UNLIKE})
        names = [name for name in names if name.endswith(".jpg")]
        rows = np.random.default_rng(3).permutation(len(names))[:count]
        return {name: opened.read(name) for name in [*also, *(names[row] for row in rows)]}


def audited(folder: Path) -> Audit:
    params = params_or_defaults(PARAMS)
    return audit(open_source(folder, params.image), params.image, params.deduplicate, params.validate_)


def test_planted_copies_are_found_and_no_two_cells_are_taken_for_one(tmp_path: Path) -> None:
    cells = read(CELLS, 1000)
    truth = plant(cells, tmp_path, per_kind=10, seed=5)
    found = audited(tmp_path)
    group = {member.path: number for number, each in enumerate(found.groups) for member in each.members}
    hits = defaultdict(list)
    for path, (kind, original) in truth.copies.items():
        hits[kind].append(group.get(path, -1) == group.get(original, -2))
    assert {kind: sum(hit) for kind, hit in hits.items() if sum(hit) < 9} == {}
    assert sum(map(sum, hits.values())) >= 10 * len(KINDS) - 1
    assert {path for path, _ in found.unreadable} == truth.broken
    for each in found.groups:
        paths = {member.path for member in each.members}
        originals = {truth.copies.get(path, ("", path))[1] for path in paths}
        assert len(originals) == 1 or paths in truth.junk
    conflicts = {member.path for each in found.groups if each.conflict for member in each.members}
    assert truth.conflicts <= conflicts
    assert {frozenset(member.path for member in each.members) for each in found.groups if each.junk} == {
        *truth.junk
    }


def test_the_published_sets_own_copies_are_found(tmp_path: Path) -> None:
    paired = [path for pair in PUBLISHED for path in pair]
    for path, content in read(CELLS, 1500, *paired, *UNLIKE).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    groups = {
        tuple(sorted(member.path for member in each.members)): each for each in audited(tmp_path).groups
    }
    assert set(groups) == {tuple(sorted(pair)) for pair in PUBLISHED}
    assert groups[PUBLISHED[0]].conflict
    assert groups[PUBLISHED[0]].keep is None


@pytest.mark.skipif(not NATIVE.is_file(), reason=f"{NATIVE} is missing")
def test_a_published_picture_and_its_ready_crop_are_one_cell(tmp_path: Path) -> None:
    with zipfile.ZipFile(NATIVE) as native, zipfile.ZipFile(CELLS) as ready:
        both = sorted(set(native.namelist()) & set(ready.namelist()))
        names = [name for name in both if name.endswith(".jpg")][::20]
        for name in names:
            for kind, archive in (("native", native), ("ready", ready)):
                target = tmp_path / name.replace("/", f"/{kind}-")
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(archive.read(name))
    pairs = {tuple(sorted(member.path for member in each.members)) for each in audited(tmp_path).groups}
    expected = {tuple(name.replace("/", f"/{kind}-") for kind in ("native", "ready")) for name in names}
    assert pairs == expected
