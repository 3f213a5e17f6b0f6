"""Images scored a second, and the wait for a single one: giemsa's scorer beside its peers, on the same files.

    .venv/bin/python benchmarks/scoring.py MODEL_FOLDER FOLDER_OF_IMAGES [--count 1000] [--rounds 3]

All take turns, round by round, so that other work on the machine slows everyone alike; the best round counts.
``cold`` is the rate of the very first pass, which builds graphs and packs weights. Every row ends with the
largest difference of its probabilities to those of Keras, which sees a cell as it lies: the ensemble scores
what it doubts in all orientations, and files of other sizes are shrunk by their decoder.
"""

import argparse
import base64
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import httpx
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image as Pillow

from giemsa.data.sources import open_source
from giemsa.evaluation.scoring import Scorer
from giemsa.registry.packaging import package
from giemsa.registry.prediction import Predictor, ResolvedModel, probability_columns
from giemsa.serving.predicting import predict
from giemsa.training.bundle import load_network, read_info
from giemsa.training.calibration import softmax

Table = NDArray[np.float64]
BATCH = 32
CONNECTIONS = 4  # requests that MLflow's server has before it at any time
TARGETS = {"giemsa: arrays, network alone": 5.0, "giemsa predict": 3.0}
P50_MS, P99_MS = 5.0, 20.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    info = read_info(given.model)
    files = sorted(given.images.rglob("*.jpg"))[: given.count]
    model = ResolvedModel(given.model, "benchmark", info.data.curated)
    predictor = Predictor(model, pooled=False)
    print(f"{len(files):,} files, {info.family} with {info.parameters:,} parameters")
    with tempfile.TemporaryDirectory() as scratch:
        networks = Networks(given.model, Path(scratch) / "saved")
        views = networks.views(files)
        print("\nfrom arrays")
        race(arrays(networks, Scorer(given.model), views), len(files), given.rounds)
        print("\nfrom files")
        with served(predictor, Path(scratch) / "packaged") as address:
            contenders = from_files(networks, predictor, files, Path(scratch), address)
            race(contenders, len(files), given.rounds)
    latency(Predictor(model), [file.read_bytes() for file in files[:200]])


def race(contenders: Mapping[str, Callable[[], Table]], count: int, rounds: int) -> None:
    """Let all take turns; print rate, factor over the first one, CPU time, cold rate and difference."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    spent: dict[str, float] = {}
    tables: dict[str, Table] = {}
    for _ in range(rounds + 1):
        for name, work in contenders.items():
            begun, cpu = time.perf_counter(), time.process_time()
            tables[name] = work()
            seconds[name].append(time.perf_counter() - begun)
            spent[name] = time.process_time() - cpu
    first = next(iter(contenders))
    best = {name: min(times[1:]) for name, times in seconds.items()}
    print(f"{'':<32}{'images/s':>9}{'factor':>9}{'CPU ms':>8}{'cold/s':>8}  difference")
    for name, (cold, *_) in seconds.items():
        factor = best[first] / best[name]
        wanted = TARGETS.get(name)
        verdict = f"  {'holds' if factor >= wanted else 'MISSES'}: {wanted:g}x wanted" if wanted else ""
        print(
            f"{name:<32}{count / best[name]:>9,.0f}{factor:>8.2f}x{1000 * spent[name] / count:>8.2f}"
            f"{count / cold:>8,.0f}  {np.abs(tables[name] - tables[first]).max():.1e}{verdict}"
        )


class Networks:
    """The peers: the same network in Keras and as a SavedModel, in a script as one writes it.

    The script crops and shrinks as the network was trained, one picture after another, or in a ``tf.data``
    pipeline on all cores, whose own area filter gives slightly other pixels.

    Args:
        model: the trained model's folder.
        saved: where the SavedModel is written.
    """

    def __init__(self, model: Path, saved: Path) -> None:
        import keras
        import tensorflow as tf

        info = read_info(model)
        self._image, self._temperature = info.image, info.temperature
        self._keras: Any = load_network(model)
        # Keras's own export leaves open whether batch normalisation trains; said here, the answers are equal.
        archive = keras.export.ExportArchive()
        archive.track(self._keras)
        shape = tf.TensorSpec((None, info.image.size, info.image.size, 3), tf.float32)
        archive.add_endpoint("serve", lambda x: self._keras(x, training=False), input_signature=[shape])
        archive.write_out(saved, verbose=False)
        self._saved: Any = tf.saved_model.load(str(saved))

    def views(self, files: list[Path]) -> NDArray[np.uint8]:
        """Read pictures one after another."""
        return np.stack([self._view(file) for file in files])

    def keras(self, views: NDArray[np.uint8]) -> Table:
        """Score with ``keras.predict``."""
        return self._probabilities(self._keras.predict(views, batch_size=BATCH, verbose=0)["logits"])

    def saved(self, views: NDArray[np.uint8]) -> Table:
        """Score with a SavedModel in a loop."""
        import tensorflow as tf

        starts = range(0, len(views), BATCH)
        parts = (self._saved.serve(tf.constant(views[at : at + BATCH], tf.float32)) for at in starts)
        return self._probabilities(np.concatenate([part["logits"].numpy() for part in parts]))

    def piped(self, files: list[Path]) -> Table:
        """Score with ``keras.predict`` from a ``tf.data`` pipeline, which reads ahead on all cores."""
        import tensorflow as tf

        side, size = self._image.crop_px, self._image.size

        def load(path: Any) -> Any:  # noqa: ANN401 - tensors carry no types
            picture = tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method="INTEGER_ACCURATE")
            height, width = tf.shape(picture)[0], tf.shape(picture)[1]
            if height > side and width > side:
                top, left = (height - side) // 2, (width - side) // 2
                picture = picture[top : top + side, left : left + side]
            picture = tf.image.resize(picture, (size, size), "area")
            return tf.clip_by_value(tf.round(picture), 0, 255)

        paths = tf.data.Dataset.from_tensor_slices([str(file) for file in files])
        batches = paths.map(load, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE)
        return self._probabilities(self._keras.predict(batches, verbose=0)["logits"])

    def _view(self, file: Path) -> NDArray[np.uint8]:
        with Pillow.open(file) as picture:
            rgb = np.asarray(picture.convert("RGB"))
        side, (height, width) = self._image.crop_px, rgb.shape[:2]
        if min(height, width) > side:
            top, left = (height - side) // 2, (width - side) // 2
            rgb = rgb[top : top + side, left : left + side]
        return cv2.resize(rgb, (self._image.size, self._image.size), interpolation=cv2.INTER_AREA)

    def _probabilities(self, logits: NDArray[np.float32]) -> Table:
        return softmax(logits, self._temperature)


def arrays(networks: Networks, scorer: Scorer, views: NDArray[np.uint8]) -> dict[str, Callable[[], Table]]:
    """Give the ways from prepared pictures to probabilities."""
    temperature = scorer.info.temperature
    return {
        "keras.predict": lambda: networks.keras(views),
        "SavedModel in a loop": lambda: networks.saved(views),
        "giemsa: arrays, network alone": lambda: softmax(scorer.activations(views)[0], temperature),
        "giemsa: arrays, with rejection": lambda: scorer.score(views).probabilities,
    }


def from_files(
    networks: Networks, predictor: Predictor, files: list[Path], scratch: Path, address: str
) -> dict[str, Callable[[], Table]]:
    """Give the ways from files to probabilities."""
    copies = scratch / "files"
    copies.mkdir()
    for index, file in enumerate(files):
        (copies / f"{index:06d}.jpg").write_bytes(file.read_bytes())
    columns = probability_columns(predictor.classes)

    def giemsa() -> Table:
        predict(open_source(copies, predictor.scorer.image), predictor, scratch / "out.parquet")
        table = pq.read_table(scratch / "out.parquet", columns=columns)
        return np.stack([column.to_numpy() for column in table.columns], axis=1)

    return {
        "keras.predict": lambda: networks.keras(networks.views(files)),
        "keras.predict behind tf.data": lambda: networks.piped(files),
        "SavedModel in a loop": lambda: networks.saved(networks.views(files)),
        f"mlflow models serve, {CONNECTIONS} at once": lambda: asked(address, files, columns),
        "giemsa predict": giemsa,
    }


@contextmanager
def served(predictor: Predictor, packaged: Path) -> Iterator[str]:
    """Run ``mlflow models serve`` with a worker per core, and give its address."""
    package(predictor.model.bundle, packaged)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workers = len(os.sched_getaffinity(0))
    command = f"-m mlflow models serve -m {packaged} --env-manager local --port {port} --workers {workers}"
    # MLflow starts its server by the name of a program that lies beside Python.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    server = subprocess.Popen(
        [sys.executable, *command.split()],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PATH": path},
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                httpx.get(f"{address}/ping").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield f"{address}/invocations"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def asked(address: str, files: list[Path], columns: list[str]) -> Table:
    """Have MLflow's server judge the files, ``BATCH`` in a request."""

    def ask(some: list[Path]) -> list[list[float]]:
        images = [[base64.b64encode(file.read_bytes()).decode()] for file in some]
        payload = {"dataframe_split": {"columns": ["image"], "data": images}}
        rows = client.post(address, json=payload).raise_for_status().json()["predictions"]
        return [[row[name] for name in columns] for row in rows]

    parts = [files[at : at + BATCH] for at in range(0, len(files), BATCH)]
    with httpx.Client(timeout=120) as client, ThreadPoolExecutor(CONNECTIONS) as pool:
        return np.array([row for rows in pool.map(ask, parts) for row in rows])


def latency(predictor: Predictor, contents: list[bytes]) -> None:
    """Time single images, from bytes to a row and at the scorer alone."""
    views = [predictor.view(content) for content in contents]
    print("\none image at a time")
    waits("from bytes", lambda content: predictor.predict([content]), contents)
    waits("at the scorer", lambda one: predictor.scorer.score(np.asarray(one)[np.newaxis]), views)


def waits(name: str, work: Callable[[Any], object], inputs: list[Any]) -> None:
    """Time a piece of work on each input, after one pass to warm up, and print the percentiles."""
    taken = []
    for one in inputs * 2:
        begun = time.perf_counter()
        work(one)
        taken.append(1000 * (time.perf_counter() - begun))
    half, most, worst = np.percentile(taken[len(inputs) :], [50, 99, 100])
    verdict = "holds" if half <= P50_MS and most <= P99_MS else "MISSES"
    print(
        f"{name:<16}p50 {half:.1f} ms, p99 {most:.1f} ms, longest {worst:.1f} ms, the first ever "
        f"{taken[0]:.1f} ms  {verdict}: p50 {P50_MS:g} ms, p99 {P99_MS:g} ms wanted"
    )


if __name__ == "__main__":
    main()
