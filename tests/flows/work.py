"""The stages of the fake project: quick, and held up where a test wants to strike."""

import json
import subprocess
import sys
import time
from pathlib import Path

HELD_S = 60.0
BYTES = 2_000_000


def deduplicate() -> None:
    reports = Path("reports/duplicates")
    reports.mkdir(parents=True)
    text = Path("images.txt").read_text()
    (reports / "summary.json").write_text(json.dumps({"images": len(text), "kept": len(set(text))}))
    (reports / "classes.png").write_bytes(Path("classes.png").read_bytes())


def train() -> None:
    Path("models").mkdir(exist_ok=True)
    sys.stdout.write("training on fake cells\n")
    hold = Path("hold")
    if hold.exists():
        # A child, as a pool of workers would be: it must not outlive its parent.
        subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({HELD_S})"])
        Path("held").touch()
    until = time.monotonic() + HELD_S
    while hold.exists() and time.monotonic() < until:
        time.sleep(0.05)
    partial = Path("models/.network.partial")
    try:
        partial.write_bytes(Path("images.txt").read_bytes() * BYTES)
    except OSError as error:
        partial.unlink()
        sys.exit(f"models/network cannot be written ({error.strerror}): free some space and run again.")
    partial.rename("models/network")


def register() -> None:
    condition = {"name": "macro-F1", "figure": 0.97, "limit": 0.0, "passed": True, "meaning": "a gain"}
    receipt = {
        "model": "blood-cell-classifier",
        "version": "1",
        "decision": "champion",
        "reason": "It is better than the majority-class guesser.",
        "against": "the majority-class guesser",
        "conditions": [condition],
    }
    Path("reports/registration.json").write_text(json.dumps(receipt))


if __name__ == "__main__":
    {"deduplicate": deduplicate, "train": train, "register": register}[sys.argv[1]]()
