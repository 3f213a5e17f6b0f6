"""Read images and labels from an npz file, one row at a time."""

from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path

import numpy as np

from giemsa.data.layout import readable_name
from giemsa.data.naming import names_a_folder
from giemsa.data.npz import NpzFile
from giemsa.data.sources import Item, Wanted, everything, file_digest
from giemsa.errors import UsageError
from giemsa.progress import say
from giemsa.settings import Image

# MedMNIST v2's names of BloodMNIST's labels 0..7; "ig" stands for its "immature granulocytes".
BLOOD_CLASSES = (
    "basophil", "eosinophil", "erythroblast", "ig", "lymphocyte", "monocyte", "neutrophil", "platelet",
)  # fmt: skip
_PARTS = (("images", "labels"), *((f"{part}_images", f"{part}_labels") for part in ("train", "val", "test")))
_GREY, _COLOUR = 3, 4  # axes of an array of images
_CHANNELS = (1, 3)


class NpzSource:
    """An npz file with ``images`` and ``labels``, or with MedMNIST's ``train_images`` and its siblings.

    Labels are text or whole numbers. Numbers are named by an optional array ``class_names``, else as in
    BloodMNIST where all lie in 0..7, else by themselves. Rows count on through train, val and test.

    Args:
        file: the npz file.
        image: limits of one image.

    Raises:
        UsageError: if an array is missing, pickled, damaged or not of 8-bit images.
    """

    drawn = False
    skipped = 0

    def __init__(self, file: Path, image: Image) -> None:
        self.name = readable_name(file.stem)
        self._file = file
        self._image = image
        self._arrays = NpzFile(file)
        self._parts = [(images, labels) for images, labels in _PARTS if images in self._arrays]
        if not self._parts:
            message = (
                f'{file} has no array "images" or "train_images": save images and labels under these names.'
            )
            raise UsageError(message)
        self._counts = {images: self._count(images) for images, _ in self._parts}
        self._labels = self._read_labels()

    def __len__(self) -> int:
        """Count the rows of all image arrays."""
        return sum(self._counts.values())

    def fingerprint(self) -> str:
        """Digest the file's bytes."""
        return file_digest(self._file)

    def items(self, wanted: Wanted = everything) -> Iterator[Item]:
        """Read the images in the order of rows, one in memory at a time."""
        rows = (row for images, _ in self._parts for row in self._arrays.rows(images))
        name = readable_name(self._file.name)
        for index, (row, label) in enumerate(zip(rows, self._labels, strict=True)):
            path = f"{name}#{index}"
            picture = row[..., 0] if row.ndim == _GREY and row.shape[-1] == 1 else row
            yield Item(path, label, picture.astype(np.uint8, copy=False) if wanted(path, None) else None)

    def _count(self, name: str) -> int:
        header = self._arrays.header(name)
        shape = header.shape
        pictures = len(shape) == _GREY or (len(shape) == _COLOUR and shape[3] in _CHANNELS)
        if header.dtype != np.uint8 or not pictures or not prod(shape[1:]):
            reason = f"has shape {shape} and type {header.dtype}"
            self._arrays.refuse(name, reason, "save 8-bit images as (n, height, width, 3)")
        if header.row_bytes > self._image.max_bytes or shape[1] * shape[2] > self._image.max_pixels:
            reason = f"has images of {shape[1]:,} by {shape[2]:,} pixels, above the limits in params.yaml"
            self._arrays.refuse(name, reason, "raise image.max_pixels and image.max_bytes")
        return shape[0]

    def _read_labels(self) -> list[str | None]:
        for images, part in self._parts:
            rows = self._counts[images]
            if part in self._arrays and (count := self._arrays.header(part).shape[0]) != rows:
                reason = f"has {count:,} labels for {rows:,} images"
                self._arrays.refuse(part, reason, "save one for each image")
        given = {labels: self._arrays.values(labels) for _, labels in self._parts if labels in self._arrays}
        names = self._class_names({value for values in given.values() for value in values})
        labels: list[str | None] = []
        for images, part in self._parts:
            rows = self._counts[images]
            values = given.get(part)
            labels += [None] * rows if values is None else [names.get(value, str(value)) for value in values]
        if odd := sorted({label for label in labels if label is not None and not names_a_folder(label)}):
            message = f"{self._file} has a class {odd[0]!r}, which no folder can be called: rename it."
            raise UsageError(message)
        return labels

    def _class_names(self, values: set[int | str]) -> Mapping[int | str, str]:
        if "class_names" in self._arrays:
            names = [str(name) for name in self._arrays.values("class_names")]
            if any(isinstance(value, int) and not 0 <= value < len(names) for value in values):
                reason = f"names {len(names)} classes, but labels go beyond"
                self._arrays.refuse("class_names", reason, "name every class, from 0 upwards")
            return dict(enumerate(names))
        if not values <= set(range(len(BLOOD_CLASSES))):
            return {}
        if values and "images" in self._arrays:
            say(f"{self._file}: labels are taken for BloodMNIST's classes 0 to 7; class_names names others.")
        return dict(enumerate(BLOOD_CLASSES))
