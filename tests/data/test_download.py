"""BloodMNIST from a server that is not there, lies, or serves."""

import hashlib
import io
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from giemsa.data import download
from giemsa.data.download import bloodmnist
from giemsa.data.sources import open_source
from giemsa.errors import CheckFailedError, UsageError
from giemsa.settings import Image


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Path:
    (tmp_path / "served").mkdir()
    return tmp_path / "served"


@pytest.fixture
def address(served: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=served)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIEMSA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def published(monkeypatch: pytest.MonkeyPatch, size: int) -> bytes:
    buffer = io.BytesIO()
    parts = {"train": 3, "val": 1, "test": 2}
    images = {f"{part}_images": np.full((rows, 4, 4, 3), rows, np.uint8) for part, rows in parts.items()}
    labels = {f"{part}_labels": np.full((rows, 1), 7, np.uint8) for part, rows in parts.items()}
    np.savez(buffer, **images, **labels)  # type: ignore[arg-type]
    monkeypatch.setitem(download.MD5, size, hashlib.md5(buffer.getvalue(), usedforsecurity=False).hexdigest())
    return buffer.getvalue()


def test_the_file_is_fetched_once_and_read(
    served: Path, address: str, monkeypatch: pytest.MonkeyPatch, image: Image
) -> None:
    (served / "bloodmnist_64.npz").write_bytes(published(monkeypatch, 64))
    file = bloodmnist("bloodmnist:64", address)
    (served / "bloodmnist_64.npz").unlink()
    assert bloodmnist("bloodmnist:64", address) == file
    source = open_source("bloodmnist:64", image)
    assert [item.label for item in source.items()] == ["platelet"] * 6
    assert source.name == "bloodmnist_64"


def test_without_a_size_the_smallest_is_meant(
    served: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (served / "bloodmnist.npz").write_bytes(published(monkeypatch, 28))
    assert bloodmnist("bloodmnist", address).name == "bloodmnist.npz"


def test_another_file_is_refused_and_not_kept(served: Path, address: str, cache: Path) -> None:
    (served / "bloodmnist.npz").write_bytes(b"something else")
    with pytest.raises(CheckFailedError, match="MD5 differs"):
        bloodmnist("bloodmnist", address)
    assert not (cache / "bloodmnist.npz").exists()


def test_offline_is_one_sentence_with_the_mend(cache: Path) -> None:
    with pytest.raises(CheckFailedError, match="go online") as failure:
        bloodmnist("bloodmnist:128", "http://127.0.0.1:9")
    assert str(cache) in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_missing_file_is_one_sentence(address: str) -> None:
    with pytest.raises(CheckFailedError, match=r"bloodmnist_224\.npz cannot be downloaded"):
        bloodmnist("bloodmnist:224", address)


@pytest.mark.parametrize("name", ["bloodmnist:96", "bloodmnist:x"])
def test_only_published_sizes_are_on_offer(name: str, image: Image) -> None:
    with pytest.raises(UsageError, match=":28, :64, :128 or :224"):
        open_source(name, image)
