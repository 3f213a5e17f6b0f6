"""Find a backbone's pretrained weights: here, where a person put them, or where Keras downloads them from."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giemsa.errors import UsageError

FOLDER_VARIABLE = "GIEMSA_WEIGHTS"
#: Files known to fit, by SHA-256 of their bytes; their names do not matter.
KNOWN = {
    "MobileNetV3Small-0.75": frozenset({"9869702ac7d3f1f9bee6bbe772026bf4eb63f3103a86243d1113622dcbd2f650"}),
}


@dataclass(frozen=True)
class Origin:
    """Where a backbone's first weights came from, in words, and whether they were pretrained."""

    sentence: str
    pretrained: bool


RANDOM = Origin("random: no pretrained weights", pretrained=False)


def find_weights(backbone: str, folder: Path) -> Path | None:
    """Look for a file of known checksum in ``folder``, then in the folder that ``GIEMSA_WEIGHTS`` names."""
    named = os.environ.get(FOLDER_VARIABLE)
    for place in (folder, *([Path(named)] if named else [])):
        for file in sorted(place.glob("*.h5")) if place.is_dir() else ():
            if hashlib.sha256(file.read_bytes()).hexdigest() in KNOWN.get(backbone, ()):
                return file
    return None


def downloaded(backbone: str) -> Path | None:
    """Give the file in which Keras keeps the weights that it downloaded before."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    kind, width = backbone.removeprefix("MobileNetV3").lower().split("-")
    file = home / "models" / f"weights_mobilenet_v3_{kind}_224_{width}_float_no_top_v2.h5"
    return file if file.is_file() else None


def load_pretrained(base: Any, backbone: str, folder: Path, *, download: Any) -> Origin:
    """Give ``base`` its ImageNet weights.

    Args:
        base: the backbone without its top, as ``keras.applications`` builds it.
        backbone: a key of ``networks.BACKBONES``.
        folder: the project's own folder of weights.
        download: builds the same backbone with ``weights="imagenet"``, downloading through Keras.

    Raises:
        UsageError: if there are none to be had.
    """
    file = find_weights(backbone, folder)
    if file:
        base.load_weights(file)
        return Origin(
            f"ImageNet (sha256 {hashlib.sha256(file.read_bytes()).hexdigest()[:16]})", pretrained=True
        )
    try:
        base.set_weights(download().get_weights())
    except Exception as error:
        mend = "put it there" if backbone in KNOWN else "go online once"
        message = (
            f"No pretrained weights for {backbone}: {folder} and the folder in {FOLDER_VARIABLE} hold no "
            f"file of known checksum, and the download failed: {mend}, or set fine_tune.weights to none."
        )
        raise UsageError(message) from error
    return Origin("ImageNet (downloaded by Keras)", pretrained=True)
