"""A model that travelled says what it said at home."""

import pickle
from pathlib import Path

from giemsa.data.sources import Item, open_source
from giemsa.registry.prediction import Predictor
from giemsa.serving.travelling import UNUSED, TravellingModel, judge


def test_a_packed_model_judges_as_the_one_it_was_packed_from(cells: Path, predictor: Predictor) -> None:
    items = [*open_source(cells, predictor.scorer.image).items(), Item("gone", None, None, "no permission")]
    arrived = pickle.loads(pickle.dumps(TravellingModel.pack(predictor.model)))
    rows = arrived.judge(items)
    assert rows == judge(items, predictor)
    assert rows[-1]["reason"] == "no permission"


def test_what_only_training_needs_stays_at_home(predictor: Predictor) -> None:
    files = TravellingModel.pack(predictor.model).files
    assert UNUSED not in files
    assert {"network.tflite", "bundle.json"} <= set(files)
