"""A thousand real cells are hashed and scored by two nodes exactly as by one machine."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from giemsa.curation import measuring
from giemsa.curation.measuring import Measurements
from giemsa.data.sources import Item, Source, open_source
from giemsa.registry.prediction import Predictor, ResolvedModel, Row
from giemsa.serving import predicting
from giemsa.serving.predicting import predict
from giemsa.serving.travelling import TravellingModel
from giemsa.settings import HERE, Compute, Engine, Image

CELLS = Path(__file__).parents[3] / "shared" / "data" / "pbc_native_1000.zip"
IMAGE = Image(size=96, crop_px=200, max_pixels=50_000_000, max_bytes=100_000_000)
RAY = Compute(engine="ray", workers=0, trainers=1)
pytestmark = [
    pytest.mark.server,
    pytest.mark.real,
    pytest.mark.usefixtures("cluster"),
    pytest.mark.skipif(not CELLS.is_file(), reason=f"{CELLS} is missing"),
]


@pytest.fixture(scope="module")
def source() -> Source:
    return open_source(CELLS, IMAGE)


def measured(source: Source, engine: Engine) -> tuple[list[dict[str, Any]], Any]:
    def contents() -> Iterator[tuple[str, Any]]:
        for item in source.items():
            assert isinstance(item.content, bytes)
            yield hashlib.sha256(item.content).hexdigest(), item.content

    measurements = Measurements(None, IMAGE, engine=engine)
    rows = list(measurements.measure(contents()))
    keys = [sha256 for sha256, _ in contents()]
    return rows, [measurements.views(kind, keys) for kind in ("thumbnails", "spectra")]


def here(marks: Path) -> None:
    """Leave a mark of the node that this runs on: both stand on one machine."""
    import ray

    (marks / ray.get_runtime_context().get_node_id()).touch()


def test_two_nodes_measure_what_one_machine_measures(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, views = measured(source, "local")
    measure = measuring._measure_new

    def measure_and_tell(content: Any, image: Image) -> Any:
        here(tmp_path)
        return measure(content, image)

    monkeypatch.setattr(measuring, "_measure_new", measure_and_tell)
    far_rows, far_views = measured(source, "ray")
    assert len(rows) == 1_000
    assert far_rows == rows
    assert all(np.array_equal(one, other) for one, other in zip(views, far_views, strict=True))
    assert len(list(tmp_path.iterdir())) == 2


def test_two_nodes_write_the_table_that_one_machine_writes(
    source: Source, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()

    class Telling(TravellingModel):
        def judge(self, items: Sequence[Item]) -> list[Row]:
            here(marks)
            return super().judge(items)

    monkeypatch.setattr(predicting, "TravellingModel", Telling)
    predictor = Predictor(ResolvedModel(tiny_bundle, "tiny", "0" * 64))
    for name, compute in (("here", HERE), ("there", RAY)):
        for ending in ("csv", "parquet"):
            predict(source, predictor, tmp_path / f"{name}.{ending}", compute)
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()
    assert len(list(marks.iterdir())) == 2
