"""Damaged archives: whatever the damage, they are read, listed or refused, and nothing else happens."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giemsa.data.sources import open_source
from giemsa.errors import UsageError
from giemsa.settings import Image

ROWS = np.random.default_rng(4).integers(0, 256, (3, 6, 5, 3), dtype=np.uint8)


def a_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ig/a.png", ROWS.tobytes())
        archive.writestr("monocyte/b.png", bytes(90))
        archive.writestr("metadata.csv", "path,subject\nig/a.png,P1\n")
    return buffer.getvalue()


def an_npz(*, compressed: bool) -> bytes:
    buffer = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(
        buffer, images=ROWS, labels=np.array([[0], [1], [7]], np.uint8), class_names=np.array(["a", "b"] * 4)
    )
    return buffer.getvalue()


WHOLE = {"a.zip": [a_zip()], "a.npz": [an_npz(compressed=True), an_npz(compressed=False)]}


@pytest.mark.parametrize(("name", "content"), [(name, one) for name, many in WHOLE.items() for one in many])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(data=st.data())
def test_damage_is_listed_or_refused(
    tmp_path: Path, image: Image, name: str, content: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.sampled_from([len(content)] * 3 + [len(content) // 2]))
    file = tmp_path / name
    file.write_bytes(damaged[:end])
    refusal, items = None, []
    try:
        items = list(open_source(file, image).items())
    except UsageError as error:
        refusal = str(error)
    assert refusal is None or (name in refusal and "\n" not in refusal)
    assert all((item.content is None) == (item.problem is not None) for item in items)
