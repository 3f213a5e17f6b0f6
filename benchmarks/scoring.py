"""Images scored a second, and the wait for a single one: giemsa's scorer beside its peers, on the same files.

    .venv/bin/python benchmarks/scoring.py MODEL_FOLDER FOLDER_OF_IMAGES [--count 1000]

Every row ends with the probabilities of the same images; the largest difference to Keras stands beside it.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import httpx
import numpy as np
from numpy.typing import NDArray

from giemsa.curation.reading import decode, view
from giemsa.data.sources import open_source
from giemsa.evaluation.calibration import softmax
from giemsa.evaluation.scoring import Scorer
from giemsa.registry.packaging import package
from giemsa.registry.prediction import Predictor, ResolvedModel, probability_columns
from giemsa.serving.predicting import predict
from giemsa.training.bundle import load_network, read_info

Table = NDArray[np.float64]
BATCH = 32


def timed(
    name: str, count: int, work: Callable[[], Table], reference: Table | None, base: float
) -> tuple[Table, float]:
    """Run once to warm up and twice to measure; print the better rate."""
    result = work()
    seconds = min(_seconds(work) for _ in range(2))
    rate = count / seconds
    difference = "" if reference is None else f"{np.abs(result - reference).max():.1e}"
    times = f"{rate / base:6.2f}x" if base else "  1.00x"
    print(f"{name:<44}{rate:>9,.0f}/s {times}  {difference}")
    return result, rate


def _seconds(work: Callable[[], Table]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    given = parser.parse_args()
    info = read_info(given.model)
    files = sorted(file for file in given.images.rglob("*.jpg"))[: given.count]
    predictor = Predictor(ResolvedModel(given.model, "benchmark", info.data.curated))
    network = load_network(given.model)
    views = np.stack([view(decode(file.read_bytes(), info.image).rgb, info.image) for file in files])
    print(f"{len(files):,} files, {info.family} with {info.parameters:,} parameters\n")
    with tempfile.TemporaryDirectory() as scratch:
        arrays(given.model, network, views, info.temperature, Path(scratch))
        from_files(files, predictor, network, info.temperature, Path(scratch))
        latency(predictor, [file.read_bytes() for file in files[:200]])


def arrays(
    model: Path,
    network: Any,  # noqa: ANN401 - Keras is not typed
    views: NDArray[np.uint8],
    temperature: float,
    scratch: Path,
) -> None:
    """Compare scoring of prepared pictures."""
    import tensorflow as tf

    scorer = Scorer(model)

    def keras() -> Table:
        return softmax(network.predict(views, batch_size=BATCH, verbose=0)["logits"], temperature)

    network.export(scratch / "saved", verbose=False)
    saved = tf.saved_model.load(str(scratch / "saved"))

    def loop() -> Table:
        parts = [
            saved.serve(tf.constant(views[at : at + BATCH], tf.float32)) for at in range(0, len(views), BATCH)
        ]
        return softmax(np.concatenate([part["logits"].numpy() for part in parts]), temperature)

    reference, base = timed("arrays: keras.predict", len(views), keras, None, 0)
    timed("arrays: SavedModel in a loop", len(views), loop, reference, base)
    timed(
        "arrays: giemsa's network alone",
        len(views),
        lambda: softmax(scorer.activations(views)[0], temperature),
        reference,
        base,
    )
    timed(
        "arrays: giemsa, with rejection",
        len(views),
        lambda: scorer.score(views).probabilities,
        reference,
        base,
    )


def from_files(
    files: list[Path],
    predictor: Predictor,
    network: Any,  # noqa: ANN401 - Keras is not typed
    temperature: float,
    scratch: Path,
) -> None:
    """Compare the way from files to probabilities."""
    image = predictor.scorer.image
    links = scratch / "files"
    links.mkdir()
    for index, file in enumerate(files):
        (links / f"{index:06d}.jpg").write_bytes(file.read_bytes())

    def keras() -> Table:
        views = np.stack([view(decode(file.read_bytes(), image).rgb, image) for file in files])
        return softmax(network.predict(views, batch_size=BATCH, verbose=0)["logits"], temperature)

    def giemsa() -> Table:
        import pyarrow.parquet as pq

        predict(open_source(links, image), predictor, scratch / "out.parquet")
        table = pq.read_table(scratch / "out.parquet", columns=probability_columns(predictor.classes))
        return np.stack([column.to_numpy() for column in table.columns], axis=1)

    reference, base = timed("files: keras.predict", len(files), keras, None, 0)
    timed("files: giemsa predict", len(files), giemsa, reference, base)
    package(predictor.model.bundle, scratch / "packaged")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f"-m mlflow models serve -m {scratch / 'packaged'} --env-manager local --port {port}"
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
        timed(
            "files: mlflow models serve", len(files), lambda: _served(port, files, predictor), reference, base
        )
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _served(port: int, files: list[Path], predictor: Predictor) -> Table:
    columns = probability_columns(predictor.classes)
    rows = []
    with httpx.Client(transport=httpx.HTTPTransport(retries=60), timeout=120) as client:
        for _ in range(600):
            try:
                client.get(f"http://127.0.0.1:{port}/ping").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        for at in range(0, len(files), BATCH):
            images = [[base64.b64encode(file.read_bytes()).decode()] for file in files[at : at + BATCH]]
            payload = {"dataframe_split": {"columns": ["image"], "data": images}}
            answer = client.post(f"http://127.0.0.1:{port}/invocations", json=payload).raise_for_status()
            rows += [[row[name] for name in columns] for row in answer.json()["predictions"]]
    return np.array(rows)


def latency(predictor: Predictor, contents: list[bytes]) -> None:
    """Time single images, from bytes to a row."""
    waits = []
    for content in contents * 2:
        begun = time.perf_counter()
        predictor.predict([content])
        waits.append(1000 * (time.perf_counter() - begun))
    half, most, worst = np.percentile(waits[len(contents) :], [50, 99, 100])
    print(f"\none image at a time: p50 {half:.1f} ms, p99 {most:.1f} ms, longest {worst:.1f} ms")


if __name__ == "__main__":
    main()
