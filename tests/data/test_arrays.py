"""Images from npz files."""

import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from giemsa.data.sources import open_source
from giemsa.errors import UsageError
from giemsa.settings import Image


@pytest.fixture
def pictures() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)


def save(file: Path, **arrays: NDArray[np.generic]) -> Path:
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file


def test_rows_come_in_order_with_bloodmnists_class_names(
    tmp_path: Path, image: Image, pictures: NDArray[np.uint8]
) -> None:
    labels = np.array([[0], [3], [7], [6], [1], [1]], dtype=np.uint8)
    source = open_source(save(tmp_path / "set.npz", images=pictures, labels=labels), image)
    items = list(source.items())
    assert [item.path for item in items] == [f"set.npz#{row}" for row in range(6)]
    assert [item.label for item in items] == [
        "basophil",
        "ig",
        "platelet",
        "neutrophil",
        "eosinophil",
        "eosinophil",
    ]
    assert all(
        np.array_equal(np.asarray(item.content), picture)
        for item, picture in zip(items, pictures, strict=True)
    )
    assert (source.name, len(source), source.drawn) == ("set", 6, False)


def test_medmnists_parts_count_on_through_train_val_and_test(
    tmp_path: Path, image: Image, pictures: NDArray[np.uint8]
) -> None:
    parts = {"test": pictures[3:], "val": pictures[2:3], "train": pictures[:2]}
    arrays = {f"{name}_images": part for name, part in parts.items()}
    labels = {f"{name}_labels": np.full((len(part), 1), len(part)) for name, part in parts.items()}
    items = list(open_source(save(tmp_path / "set.npz", **arrays, **labels), image).items())
    assert all(
        np.array_equal(np.asarray(item.content), picture)
        for item, picture in zip(items, pictures, strict=True)
    )
    assert [item.label for item in items] == ["erythroblast"] * 2 + ["eosinophil"] + ["ig"] * 3


def test_a_file_whose_name_is_no_unicode_names_its_rows(tmp_path: Path, image: Image) -> None:
    file = tmp_path / os.fsdecode(b"m\xe4rz.npz")
    source = open_source(save(file, images=np.zeros((1, 4, 4), np.uint8)), image)
    (item,) = source.items()
    assert (source.name, item.path) == ("m\\xe4rz", "m\\xe4rz.npz#0")


@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        (
            np.array([0, 1, 1, 0, 1, 0]),
            np.array(["blast", "other"]),
            ["blast", "other", "other", "blast", "other", "blast"],
        ),
        (np.array([3, 9, 3, 3, 3, 3]), None, ["3", "9", "3", "3", "3", "3"]),
        (np.array(["a", "b", "ä", "a", "a", "a"]), None, ["a", "b", "ä", "a", "a", "a"]),
        (np.array([b"a", b"b", b"c", b"a", b"a", b"a"]), None, ["a", "b", "c", "a", "a", "a"]),
    ],
)
def test_labels_are_named(
    tmp_path: Path,
    image: Image,
    pictures: NDArray[np.uint8],
    labels: NDArray[np.generic],
    names: NDArray[np.str_] | None,
    expected: list[str],
) -> None:
    arrays = {"images": pictures, "labels": labels} | ({} if names is None else {"class_names": names})
    assert [
        item.label for item in open_source(save(tmp_path / "set.npz", **arrays), image).items()
    ] == expected


def test_grey_images_without_labels_are_read(
    tmp_path: Path, image: Image, pictures: NDArray[np.uint8]
) -> None:
    for images in (pictures[..., 0], pictures[..., :1]):
        items = list(open_source(save(tmp_path / "grey.npz", images=images), image).items())
        assert {item.label for item in items} == {None}
        assert np.array_equal(np.stack([np.asarray(item.content) for item in items]), pictures[..., 0])


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"pictures": np.zeros((2, 4, 4, 3), np.uint8)}, 'no array "images"'),
        ({"images": np.zeros((2, 4, 4, 3), np.float32)}, "8-bit"),
        ({"images": np.zeros((2, 4, 4, 2), np.uint8)}, "8-bit"),
        ({"images": np.zeros((2, 4, 4, 4), np.uint8)}, "8-bit"),
        ({"images": np.zeros((2, 0, 4, 3), np.uint8)}, "8-bit"),
        ({"images": np.array([None, {}], dtype=object)}, "pickled"),
        ({"images": np.uint8(3)}, "single value"),
        ({"images": np.asfortranarray(np.zeros((2, 4, 4, 3), np.uint8))}, "ascontiguousarray"),
        ({"images": np.zeros((1, 2000, 2000), np.uint8)}, "above the limits"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros(3, int)}, "3 labels for 2 images"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros((2, 14), int)}, "one number or text"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros(2)}, "one number or text"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.array(["a", None], object)}, "pickled"),
        (
            {
                "images": np.zeros((2, 4, 4), np.uint8),
                "labels": np.array([0, 2]),
                "class_names": np.array(["a", "b"]),
            },
            "labels go beyond",
        ),
        *(
            ({"images": np.zeros((1, 4, 4), np.uint8), "labels": np.array([odd])}, "no folder can be called")
            for odd in ("../../escaped", "lymphocyte/atypical", ".hidden")
        ),
    ],
)
def test_other_arrays_are_refused_with_the_mend(
    tmp_path: Path, image: Image, arrays: dict[str, NDArray[np.generic]], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        open_source(save(tmp_path / "odd.npz", **arrays), image)


@pytest.mark.parametrize("code", [0xD800, 0x110000, 0x7FFFFFFF])
def test_text_that_is_no_unicode_is_refused(tmp_path: Path, image: Image, code: int) -> None:
    labels = np.array([code, 65], np.uint32).view("<U1")
    file = save(tmp_path / "odd.npz", images=np.zeros((2, 4, 4), np.uint8), labels=labels)
    with pytest.raises(UsageError, match="no Unicode"):
        open_source(file, image)


@pytest.mark.parametrize("shape", ["(4000000000, 96, 96, 3)", "(-2, -3, 4, 3)"])
def test_an_array_that_declares_more_or_less_than_nothing_is_refused(
    tmp_path: Path, image: Image, shape: str
) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(100)
    with zipfile.ZipFile(tmp_path / "liar.npz", "w") as archive:
        archive.writestr("images.npy", content)
    with pytest.raises(UsageError, match="declares"):
        open_source(tmp_path / "liar.npz", image)


def test_a_damaged_row_is_one_sentence(tmp_path: Path, image: Image, pictures: NDArray[np.uint8]) -> None:
    file = tmp_path / "set.npz"
    np.savez(file, images=pictures)
    content = bytearray(file.read_bytes())
    start = content.index(pictures[0].tobytes())
    content[start] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(UsageError, match="damaged"):
        list(open_source(file, image).items())


def test_rows_are_streamed(tmp_path: Path, image: Image) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (400, 64, 64, 3), dtype=np.uint8)
    source = open_source(save(tmp_path / "set.npz", images=noise), image)
    size = noise.nbytes
    del noise
    tracemalloc.start()
    try:
        assert sum(1 for _ in source.items()) == 400
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("named", [False, True])
def test_names_that_numbers_only_may_mean_are_said(
    tmp_path: Path,
    image: Image,
    pictures: NDArray[np.uint8],
    capsys: pytest.CaptureFixture[str],
    named: bool,  # noqa: FBT001
) -> None:
    names = {"class_names": np.array(["blast", "other"])} if named else {}
    labels = np.arange(len(pictures)) % 2
    open_source(save(tmp_path / "a.npz", images=pictures, labels=labels, **names), image)
    assert ("taken for BloodMNIST's classes" in capsys.readouterr().err) != named
