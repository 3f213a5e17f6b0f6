"""Bring a trained model into the registry: judged, registered once, and champion only where it is better."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from giemsa.errors import CheckFailedError, UsageError
from giemsa.evaluation.cells import Cells, read_side
from giemsa.evaluation.comparison import Comparison, compare
from giemsa.progress import say
from giemsa.registry.connection import connect
from giemsa.registry.contenders import contender
from giemsa.registry.fingerprints import content_hash, fingerprint, git_commit
from giemsa.registry.gate import Condition, Contender, HeldOut, Verdict, judge
from giemsa.registry.prediction import ResolvedModel
from giemsa.registry.promotion import OvertakenError, move, withdrawn
from giemsa.registry.versions import (
    CHALLENGER,
    CHAMPION,
    aliases,
    champion,
    register_version,
    resolve,
    version_of,
)
from giemsa.settings import Evaluate, Image, Register, load_params
from giemsa.training.bundle import read_info, read_seen
from giemsa.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

Figures = Mapping[str, tuple[float, float, float]]

GATE = "gate"
FIGURES = "figures"


@dataclass(frozen=True)
class Receipt:
    """What became of a trained model.

    Args:
        model: the registered model's name.
        version: the version that the trained model is.
        decision: ``champion`` or ``challenger``, what the version is now.
        reason: why, in one sentence.
        against: whom it stood against.
        conditions: what it had to show, each with figures, limit and verdict.
        tags: hashes and facts by which the version can be traced back.
    """

    model: str
    version: str
    decision: str
    reason: str
    against: str
    conditions: tuple[Condition, ...]
    tags: Mapping[str, str]


def settle(
    workspace: Workspace,
    bundle: Path,
    figures: Figures,
    *,
    run_id: str | None,
    register: Register,
    evaluate: Evaluate,
) -> Receipt:
    """Judge a trained model against the champion, register it, and move the alias it earned.

    The verdict is kept with the version, so that a second call, after a kill too, repeats and finishes the
    first one instead of judging the model against itself. Where another champion was made meanwhile, the
    model faces that one, too.

    Args:
        workspace: the project.
        bundle: the trained model's folder.
        figures: what the evaluation measured, each as value, low and high, to be kept with the version.
        run_id: the training run it came from, where one is known.
        register: the gate's limits.
        evaluate: how figures are resampled.

    Raises:
        CheckFailedError: if the test cells are of a class that the model does not know.
        UsageError: if an earlier stage's output or the champion's files are missing, or MLflow is not there.
    """
    client = connect(workspace)
    tags = _tags(workspace, bundle)
    event = fingerprint(
        model=tags["fingerprint"],
        splits=content_hash(workspace.splits),
        register=register.model_dump(),
        evaluate=evaluate.model_dump(),
    )
    known = version_of(client, register.model, tags["fingerprint"])
    judged = _recorded(known, event)
    while True:
        if judged is None:
            standing = champion(client, register.model)
            before = str(standing.version) if standing else ""
            if standing and known and before == str(known.version):
                reason = f"Version {known.version} is champion already."
                return _receipt(client, known, Verdict(True, "", reason), tags)
            verdict, equal = _judged(workspace, bundle, standing, register, evaluate)
            if standing and equal:
                return _receipt(client, standing, verdict, tags)
            why = withdrawn(workspace, register.model, str(known.version)) if known else None
            if known and why is not None:
                reason = (
                    f'Version {known.version} was rolled back ("{why}"): only a person makes it champion '
                    f'again, with "giemsa models promote {known.version}".'
                )
                verdict = replace(verdict, promote=False, reason=reason)
            facts = {**tags, FIGURES: json.dumps(figures), **_git(workspace)}
            known = register_version(workspace, bundle, name=register.model, run_id=run_id, tags=facts)
            judged = _Recorded(verdict, before)
            gate = json.dumps({"event": event, "verdict": asdict(verdict), "before": before})
            client.set_model_version_tag(register.model, known.version, GATE, gate)
        assert known is not None
        try:
            move(
                workspace,
                register.model,
                action="promote" if judged.verdict.promote else "challenge",
                version=str(known.version),
                why=judged.verdict.reason,
                gate=asdict(judged.verdict),
                event=event,
                against=judged.before,
            )
            return _receipt(client, known, judged.verdict, tags)
        except OvertakenError:
            judged = None


def _judged(
    workspace: Workspace,
    bundle: Path,
    standing: "ModelVersion | None",
    register: Register,
    evaluate: Evaluate,
) -> tuple[Verdict, bool]:
    """Give the verdict, and whether the model says exactly what the champion says."""
    models = [("The new model", ResolvedModel(bundle, "", ""))]
    against = ""
    if standing:
        against = f"version {standing.version}"
        models.insert(0, (against, resolve(f"{standing.name}/{standing.version}", workspace)))
    cells, contenders = _lined_up(workspace, models, evaluate.seed)
    if not contenders:
        names = " or ".join(name for name, _ in models)
        reason = f"{names} learned from every test cell of today: a person has to decide."
        return Verdict(False, against, reason), False
    new, old = contenders[-1], contenders[0] if standing else None
    if old and old.classes == new.classes and _equal(old, new):
        reason = f"The new model answers exactly as {old.name}, which stays champion; no version was added."
        return Verdict(True, old.name, reason), True
    held_out = HeldOut(cells.labels(new.classes), cells.groups, new.classes)
    return judge(new, old, held_out, register, evaluate), False


def _lined_up(
    workspace: Workspace, models: Sequence[tuple[str, ResolvedModel]], seed: int
) -> tuple[Cells, list[Contender]]:
    """Have models, each under a name, score the test cells that none of them learned from.

    Returns:
        Those cells as the last model prepares them, and the models as contenders, none where no cell is left.
    """
    read = cache(partial(_unseen, workspace, [model.bundle for _, model in models]))
    cells = read(read_info(models[-1][1].bundle).image)
    if not cells.paths:
        return cells, []
    return cells, [contender(model, name, read, seed=seed) for name, model in models]


def _unseen(workspace: Workspace, bundles: Sequence[Path], image: Image) -> Cells:
    """Read the test cells that none of some models was trained or chosen by.

    Another seed of the split, or a batch that came in anew, may have put cells on the test side that an older
    model learned from: by them it would be judged too well.
    """
    cells = read_side(workspace, "test", image)
    left = cells.without(frozenset().union(*map(read_seen, bundles)))
    if seen := len(cells.paths) - len(left.paths):
        say(f"{seen:,} of {len(cells.paths):,} test cells were learned from by one of the models: left out.")
    return left


def _equal(one: Contender, other: Contender) -> bool:
    """Say whether two models answer exactly alike, and reject the same cells."""
    answers = ((each.probabilities, each.rejected) for each in (one, other))
    return all(np.array_equal(first, second) for first, second in zip(*answers, strict=True))


@dataclass(frozen=True)
class _Recorded:
    """A verdict, and the champion that it was given against, empty for none; None where that is unknown."""

    verdict: Verdict
    before: str | None


def _recorded(version: "ModelVersion | None", event: str) -> _Recorded | None:
    record = json.loads(version.tags.get(GATE, "{}")) if version else {}
    if record.get("event") != event:
        return None
    verdict = record["verdict"]
    conditions = tuple(Condition(**each) for each in verdict["conditions"])
    return _Recorded(Verdict(**{**verdict, "conditions": conditions}), record.get("before"))


def _tags(workspace: Workspace, bundle: Path) -> dict[str, str]:
    info = read_info(bundle)
    return {
        "fingerprint": content_hash(bundle),
        "dvc_data_hash": info.data.curated,
        "dvc_splits_hash": info.data.splits,
        "params_hash": fingerprint(params=load_params(workspace.params).model_dump()),
        "trained_model": info.name,
        "drawn": str(info.drawn).lower(),
        "pretrained": str(info.pretrained).lower(),
    }


def _git(workspace: Workspace) -> dict[str, str]:
    commit, changed = git_commit(workspace.root)
    return {"git_commit": commit or "none", "git_changed": str(changed).lower()}


def _receipt(
    client: "MlflowClient",
    version: "ModelVersion",
    verdict: Verdict,
    tags: Mapping[str, str],
) -> Receipt:
    """Tell what a version is now, which need not be what the verdict once made it."""
    number = str(version.version)
    stands = aliases(client, version.name).get(CHAMPION) == number
    since = ""
    if stands != verdict.promote:
        since = " A person made it champion." if stands else " Another version is champion by now."
    return Receipt(
        model=version.name,
        version=number,
        decision=CHAMPION if stands else CHALLENGER,
        reason=verdict.reason + since,
        against=verdict.against,
        conditions=verdict.conditions,
        tags={key: version.tags.get(key, own) for key, own in tags.items()},
    )


def compare_models(workspace: Workspace, a: str, b: str, evaluate: Evaluate) -> Comparison:
    """Score today's test cells with two models, and tell what the second gains over the first.

    Cells that one of the two learned from are left out.

    Args:
        workspace: the project.
        a: what a person calls the standing model, see :func:`giemsa.registry.versions.resolve`.
        b: the same of the other one.
        evaluate: how figures are resampled.

    Raises:
        CheckFailedError: if they learned from every test cell.
        UsageError: if there is no such model, or the two know different classes.
    """
    cells, contenders = _lined_up(
        workspace, [(name, resolve(name, workspace)) for name in (a, b)], evaluate.seed
    )
    if not contenders:
        message = f"{a} or {b} learned from every test cell of today: there is none to compare them by."
        raise CheckFailedError(message)
    first, second = contenders
    if first.classes != second.classes:
        message = f"{a} and {b} know different classes: only models of the same classes can be compared."
        raise UsageError(message)
    return compare(
        cells.labels(first.classes),
        cells.groups,
        first.probabilities,
        second.probabilities,
        classes=first.classes,
        resamples=evaluate.resamples,
        confidence=evaluate.confidence,
        seed=evaluate.seed,
    )
