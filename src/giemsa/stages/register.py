"""Register the winner, and let it take the champion's place where it has shown that it is better."""

import json
from dataclasses import asdict

from giemsa.errors import UsageError
from giemsa.registry.connection import connect
from giemsa.registry.registration import settle
from giemsa.registry.tracking import run_of
from giemsa.settings import Evaluate, Register
from giemsa.training.bundle import read_info
from giemsa.workspace import Workspace, whole


def run(workspace: Workspace, *, register: Register, evaluate: Evaluate) -> None:
    """Write the receipt: which version the winner is, champion or challenger, and why.

    Raises:
        UsageError: if an earlier stage's output or the champion's files are missing, or MLflow is not there.
    """
    bundle = workspace.model(winner(workspace))
    training = run_of(connect(workspace), read_info(bundle))
    receipt = settle(workspace, bundle, run_id=training, register=register, evaluate=evaluate)
    with whole(workspace.registration) as partial:
        text = json.dumps(asdict(receipt), indent=2, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")


def winner(workspace: Workspace) -> str:
    """Name the model that the evaluation chose on the validation cells.

    Raises:
        UsageError: if nothing was evaluated yet.
    """
    path = workspace.evaluation / "metrics.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["winner"])
    except (OSError, ValueError, KeyError):
        message = f'{path} names no winner: run "giemsa run evaluate" first.'
        raise UsageError(message) from None
