"""Time to a validation accuracy: giemsa's data path and loop beside a plain Keras script, on the same cells.

    .venv/bin/python benchmarks/training.py FOLDER [--epochs 8] [--weights FOLDER]

FOLDER holds a folder per class. Both sides fine-tune the same pretrained MobileNetV3 on nine tenths of the
cells, each in a process of its own, one after the other. The plain script is that of Keras's guides:
``image_dataset_from_directory``, augmentation layers, ``compile`` and ``fit``. Printed are the seconds until
giemsa first reaches the best accuracy that the plain script reaches; what is read and computed before the
first step counts too.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from giemsa.settings import load_params

ROOT = Path(__file__).parents[1]
PARAMS = load_params(ROOT / "params.yaml")
SIDE = PARAMS.image.size


def plain(folder: Path, epochs: int, weights: Path) -> None:
    """Fine-tune as Keras's guides do; print the seconds and the accuracy after each epoch."""
    import keras
    import tensorflow as tf

    from giemsa.training.fine_tuning import pretrain
    from giemsa.training.networks import mobilenet

    keras.utils.set_random_seed(PARAMS.fine_tune.seed)
    train, validation = keras.utils.image_dataset_from_directory(
        folder,
        validation_split=0.1,
        subset="both",
        seed=1,
        image_size=(SIDE, SIDE),
        batch_size=64,
        verbose=False,
    )
    settings = PARAMS.fine_tune
    classes = len(train.class_names)
    network = mobilenet(
        classes, backbone=settings.backbone, enlarged=settings.enlarged_px, dropout=settings.dropout
    )
    pretrain(network, settings.backbone, weights)
    layers = keras.layers
    augment = keras.Sequential(
        [
            layers.RandomFlip("horizontal_and_vertical"),
            layers.RandomRotation(0.5),
            layers.RandomZoom(0.2),
            layers.RandomTranslation(0.08, 0.08),
            layers.RandomColorJitter((0, 255), 0.2, 0.3, 0.3, 0.05),
            layers.RandomGaussianBlur(0.3, 3, 1.0, (0, 255)),
        ]
    )
    image = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(image, network(augment(image))["logits"])
    model.compile(
        keras.optimizers.AdamW(1e-4),  # the guides fine-tune gently; at 1e-3 this network falls to guessing
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    begun = time.perf_counter()
    told = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda _, logs: print(json.dumps([time.perf_counter() - begun, logs["val_accuracy"]]))
    )
    cached = train.cache().shuffle(10_000, seed=1).prefetch(tf.data.AUTOTUNE)
    model.fit(cached, validation_data=validation.cache(), epochs=epochs, verbose=0, callbacks=[told])


def ours(folder: Path, epochs: int, weights: Path) -> None:
    """Fine-tune as the stage does; print the seconds and the accuracy after each epoch."""
    begun = time.perf_counter()
    from ablation import read_sides

    from giemsa.training.fine_tuning import fit_head, pretrain
    from giemsa.training.fitting import Fit, Phase
    from giemsa.training.learner import make_reproducible
    from giemsa.training.networks import mobilenet

    settings = PARAMS.fine_tune
    make_reproducible(settings.seed)
    sides = read_sides(str(folder), PARAMS)
    network = mobilenet(
        sides.train.classes,
        backbone=settings.backbone,
        enlarged=settings.enlarged_px,
        dropout=settings.dropout,
    )
    pretrain(network, settings.backbone, weights)
    fit_head(network, sides.train, sides.validation, settings, lambda _: None)
    fit = Fit(
        network,
        sides.train,
        sides.validation,
        settings,
        lambda epoch: print(json.dumps([time.perf_counter() - begun, epoch.val_accuracy])),
    )
    fit.run([Phase("all", epochs, SIDE)])


def _measured(side: str, arguments: Sequence[str]) -> list[tuple[float, float]]:
    command = [sys.executable, __file__, *arguments, "--side", side]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [tuple(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("[")]


def main() -> None:
    """Measure both sides and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--weights", type=Path, default=ROOT / "weights")
    parser.add_argument("--side", choices=("plain", "ours"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        {"plain": plain, "ours": ours}[options.side](options.folder, options.epochs, options.weights)
        return
    rows = {side: _measured(side, sys.argv[1:]) for side in ("plain", "ours")}
    target = max(accuracy for _, accuracy in rows["plain"])
    first = {side: next((s for s, a in row if a >= target), float("nan")) for side, row in rows.items()}
    for side, row in rows.items():
        best = max(accuracy for _, accuracy in row)
        print(f"{side:<6} {len(row)} epochs in {row[-1][0]:.0f} s, best {best:.2%}; ", end="")
        print(f"{target:.2%} after {first[side]:.0f} s")
    print(f"giemsa needs {first['plain'] / first['ours']:.2f} times less time to the same accuracy")


if __name__ == "__main__":
    main()
