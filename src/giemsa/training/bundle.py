"""A trained model's folder: its network for training and for scoring, and what must be known about it."""

import csv
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from giemsa.errors import UsageError
from giemsa.settings import Image

EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


class DataVersion(BaseModel):
    """Which data a model was trained on, as hexadecimal digests."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    curated: str
    splits: str


class BundleInfo(BaseModel):
    """What ``bundle.json`` says; ``temperature`` and ``rejection`` are filled in by the evaluation."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    format: Literal[1] = 1
    name: Annotated[str, Field(description="the model's folder, such as cnn")]
    family: Literal["cnn", "mobilenet", "ensemble"]
    classes: Annotated[tuple[str, ...], Field(min_length=2, description="sorted; a logit each, in order")]
    image: Image
    weights: Annotated[str, Field(description="where the first weights came from, for a person to read")]
    pretrained: bool
    drawn: Annotated[bool, Field(description="trained on drawn cells, not real ones")]
    data: DataVersion
    params: Annotated[dict[str, Any], Field(description="the section of params.yaml it was trained with")]
    parameters: Annotated[int, Field(ge=1, description="numbers in the network")]
    temperature: Annotated[float, Field(gt=0)] = 1.0
    rejection: Annotated[dict[str, Any], Field(description="thresholds; empty: nothing is rejected")] = {}
    doubt: Annotated[float, Field(ge=0, le=1, description="less confidence: score all orientations")] = 0.0
    recipe: Annotated[str, Field(description="how it was trained, in one line")]


@dataclass(frozen=True)
class Epoch:
    """One line of ``history.csv``: losses are cross-entropies, the scores lie in 0..1."""

    epoch: int
    phase: str
    learning_rate: float
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    val_macro_f1: float


def write_bundle(folder: Path, network: Any, info: BundleInfo, history: Sequence[Epoch]) -> None:
    """Write a trained network and its facts; equal inputs give equal bytes.

    Args:
        folder: created where it is missing.
        network: a Keras model from RGB images ``image``, float32 in 0..255, shape ``(n, size, size, 3)``, to
            a dictionary of ``logits``, shape ``(n, classes)``, and ``features``, shape ``(n, d)``.
        info: what ``bundle.json`` is to say.
        history: one entry per epoch.

    Raises:
        CheckFailedError: if the exported network does not compute what the Keras one does.
    """
    from giemsa.training.export import to_litert

    folder.mkdir(parents=True, exist_ok=True)
    _save_keras(network, folder / "network.keras")
    (folder / "network.tflite").write_bytes(to_litert(network, info.image.size))
    _write_history(folder / "history.csv", history)
    write_info(folder, info)


def write_info(folder: Path, info: BundleInfo) -> None:
    """Write ``bundle.json``, as the evaluation does again once it knows temperature and thresholds."""
    text = json.dumps(info.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / "bundle.json").write_text(text + "\n", encoding="utf-8")


def read_info(folder: Path) -> BundleInfo:
    """Read ``bundle.json``.

    Raises:
        UsageError: if the folder holds no bundle, or one that this version does not understand.
    """
    path = folder / "bundle.json"
    try:
        return BundleInfo.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        message = (
            f'{folder} holds no trained model: run "giemsa run train", or name a folder with a bundle.json.'
        )
        raise UsageError(message) from None
    except (OSError, ValidationError) as error:
        reason = " ".join(str(error).split())
        message = f"{path} cannot be read ({reason}): train the model again with this version."
        raise UsageError(message) from None


def read_history(folder: Path) -> list[Epoch]:
    """Read ``history.csv``, one entry per epoch."""
    kinds = {field.name: field.type for field in fields(Epoch)}
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        return [
            Epoch(**{key: kinds[key](value) for key, value in row.items()})  # type: ignore[operator]
            for row in csv.DictReader(file)
        ]


def write_seen(folder: Path, contents: Iterable[str]) -> None:
    """Write ``seen.txt``: which cells a model was trained or chosen by, as SHA-256 of the originals."""
    text = "".join(f"{content}\n" for content in sorted(set(contents)))
    (folder / "seen.txt").write_text(text, encoding="ascii")


def read_seen(folder: Path) -> frozenset[str]:
    """Read ``seen.txt``; a model that came without it names no cell."""
    path = folder / "seen.txt"
    return frozenset(path.read_text(encoding="ascii").split()) if path.is_file() else frozenset()


def load_network(folder: Path) -> Any:
    """Load the Keras network of a bundle; nothing stored in it is executed."""
    import keras

    return keras.saving.load_model(folder / "network.keras", compile=False, safe_mode=True)


def _write_history(path: Path, history: Sequence[Epoch]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Epoch)], lineterminator="\n")
        writer.writeheader()
        for epoch in history:
            writer.writerow({key: _short(value) for key, value in asdict(epoch).items()})


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def _save_keras(network: Any, path: Path) -> None:
    """Save in Keras's own format, without the dates and memory addresses that it would carry."""
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        saved = Path(scratch) / path.name
        network.save(saved)
        with (
            zipfile.ZipFile(saved) as archive,
            zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as timeless,
        ):
            for name in sorted(archive.namelist()):
                content = archive.read(name)
                if name.endswith(".json"):
                    content = _reproducible(content.decode()).encode()
                timeless.writestr(zipfile.ZipInfo(name, EARLIEST_ZIP_DATE), content, zipfile.ZIP_DEFLATED)
    path.write_bytes(buffer.getvalue())


def _reproducible(text: str) -> str:
    """Drop the date, and number shared objects in order of appearance instead of by memory address."""
    numbers: dict[str, int] = {}
    text = re.sub(r', "date_saved": "[^"]*"', "", text)
    return re.sub(
        r'(?<="shared_object_id": )\d+', lambda id_: str(numbers.setdefault(id_[0], len(numbers) + 1)), text
    )
