"""The registered model, as MLflow runs it: models-from-code, so that nothing is ever unpickled."""

from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.models import set_model
from ruamel.yaml import YAML

from giemsa.registry.prediction import Predictor, ResolvedModel, probability_columns
from giemsa.training.bundle import read_info


class CellClassifier(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Takes encoded images in the column ``image``, answers with a prediction table."""

    def load_context(self, context: Any) -> None:  # noqa: ANN401
        """Load the network, the thresholds and the model's own name."""
        bundle = Path(context.artifacts["bundle"])
        version = registered_version(bundle.parent.parent)
        self.predictor = Predictor(ResolvedModel(bundle, version, read_info(bundle).data.curated))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ANN401
        """Judge each encoded image of the column ``image``.

        Returns:
            ``label``, ``confidence``, ``rejected``, ``reason``, ``p_<class>`` per class, ``model``, ``data``.
        """
        del context, params
        rows = self.predictor.predict(list(model_input["image"]))
        numbers = ["confidence", *probability_columns(self.predictor.classes)]
        table = pd.DataFrame(rows).astype(dict.fromkeys(numbers, "float64"))
        model = self.predictor.model
        return table.assign(model=model.version, data=model.data)


def registered_version(folder: Path) -> str:
    """Read the name and version that MLflow writes beside a model which it fetched from a registry."""
    file = folder / "registered_model_meta"
    if not file.is_file():
        return "unregistered"
    facts = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    return f"{facts['model_name']}/{facts['model_version']}"


set_model(CellClassifier())
