"""Make a trained model's folder one artifact that scores by itself wherever MLflow runs it."""

import json
import warnings
from importlib.metadata import version
from pathlib import Path

import giemsa
from giemsa.registry.prediction import probability_columns
from giemsa.training.bundle import BundleInfo, read_info

REQUIREMENTS = (
    "ai-edge-litert",
    "mlflow",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "pyarrow",
    "pydantic",
    "ruamel.yaml",
    "scipy",
    "simplejpeg",
)


def package(bundle: Path, folder: Path) -> None:
    """Write an MLflow model that takes encoded images and answers with a prediction table.

    The network, its preprocessing, classes, temperature and thresholds lie inside, with the code that runs
    them, so that giemsa need not be installed where the model is used.

    Args:
        bundle: the trained model's folder.
        folder: where the MLflow model is written; must not exist.
    """
    import mlflow.pyfunc

    info = read_info(bundle)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*input example was not provided")
        mlflow.pyfunc.save_model(
            path=str(folder),
            python_model=str(Path(__file__).with_name("model_script.py")),
            artifacts={"bundle": str(bundle)},
            code_paths=[str(Path(giemsa.__file__).parent)],
            signature=_signature(info),
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
            metadata={"classes": json.dumps(info.classes), "data": info.data.curated, "drawn": info.drawn},
        )


def packaged_bundle(folder: Path) -> Path:
    """Tell where the trained model's folder lies inside an MLflow model."""
    found = sorted((folder / "artifacts").glob("*/bundle.json"))
    return found[0].parent if found else folder / "artifacts"


def _signature(info: BundleInfo) -> object:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    numbers = ["confidence", *probability_columns(info.classes)]
    outputs = [
        ColSpec(DataType.string, "label"),
        ColSpec(DataType.double, "confidence"),
        ColSpec(DataType.boolean, "rejected"),
        ColSpec(DataType.string, "reason"),
        *(ColSpec(DataType.double, name) for name in numbers[1:]),
        ColSpec(DataType.string, "model"),
        ColSpec(DataType.string, "data"),
    ]
    return ModelSignature(Schema([ColSpec(DataType.binary, "image")]), Schema(outputs))
