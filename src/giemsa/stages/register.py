"""Register the winner, and let it take the champion's place where it has shown that it is better."""

import json
from dataclasses import asdict
from typing import Any

from giemsa.errors import UsageError
from giemsa.registry.chronicle import write_chronicle
from giemsa.registry.connection import connect
from giemsa.registry.registration import settle
from giemsa.registry.training_runs import record_evaluation, run_of
from giemsa.settings import Evaluate, Register
from giemsa.training.bundle import read_info
from giemsa.workspace import Workspace, whole


def run(workspace: Workspace, *, register: Register, evaluate: Evaluate) -> None:
    """Write the receipt: which version the winner is, champion or challenger, and why.

    Raises:
        UsageError: if an earlier stage's output or the champion's files are missing, or MLflow is not there.
    """
    metrics = read_metrics(workspace)
    bundle = workspace.model(metrics["winner"])
    figures = {
        name: (value, *metrics["intervals"][metrics["winner"]][name])
        for name, value in metrics["models"][metrics["winner"]].items()
        if name in metrics["intervals"][metrics["winner"]]
    }
    training = run_of(connect(workspace), read_info(bundle))
    run_id = str(training.info.run_id) if training else None
    receipt = settle(workspace, bundle, figures, run_id=run_id, register=register, evaluate=evaluate)
    record_evaluation(workspace, metrics)
    write_chronicle(workspace, register.model)
    with whole(workspace.registration) as partial:
        text = json.dumps(asdict(receipt), indent=2, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")


def read_metrics(workspace: Workspace) -> dict[str, Any]:
    """Read what the evaluation measured, and which model won on the validation cells.

    Raises:
        UsageError: if nothing was evaluated yet.
    """
    path = workspace.evaluation / "metrics.json"
    try:
        metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        message = f'{path} cannot be read: run "giemsa run evaluate" first.'
        raise UsageError(message) from None
    return metrics
