"""What becomes of a trained model: judged once, registered once, champion where it is better."""

import json
import shutil
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from giemsa.data.curated import write_curated, write_splits
from giemsa.errors import CheckFailedError
from giemsa.evaluation.cells import Cells
from giemsa.registry import promotion, registration
from giemsa.registry.connection import connect
from giemsa.registry.fingerprints import content_hash
from giemsa.registry.gate import Contender, Verdict, judge
from giemsa.registry.prediction import ResolvedModel
from giemsa.registry.promotion import history, move
from giemsa.registry.registration import Receipt, compare_models, settle
from giemsa.registry.versions import aliases, versions
from giemsa.settings import Image, Params, load_params
from giemsa.training.bundle import read_info, write_info, write_seen
from giemsa.workspace import Workspace

NAME = "blood-cell-classifier"
CELLS = 160
FIGURES = {"macro_f1": (0.9, 0.85, 0.95)}


@pytest.fixture
def project(
    workspace: Workspace, project_params: Path, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """160 test cells of the classes ig and platelet; how right a model is stands in its recipe."""
    shutil.copy(project_params, workspace.params)
    rows = [
        {
            "path": f"first/{index:03d}.png",
            "label": ("ig", "platelet")[index % 2],
            "group": str(index),
            "subject": None,
            "batch": "first",
            "batch_order": 1,
            "drawn": False,
            "sha256": f"{index:064x}",
            "image": picture,
        }
        for index in range(CELLS)
    ]
    write_curated(workspace.curated, rows, itemgetter("image"))
    write_splits(workspace.splits, pd.DataFrame(rows)[["path", "label", "group"]].assign(side="test"))
    monkeypatch.setattr(registration, "contender", scripted)
    return workspace


def scripted(model: ResolvedModel, name: str, read: Callable[[Image], Cells], *, seed: int) -> Contender:
    del seed
    info = read_info(model.bundle)
    cells = read(info.image)
    labels = cells.labels(info.classes)
    labels[[int(content, 16) < int(info.recipe) for content in cells.contents]] = 0
    probabilities = np.where(np.eye(8)[labels] > 0, 0.93, 0.01)
    accepted = np.zeros(len(labels), bool)
    return Contender(name, info.drawn, info.classes, probabilities, accepted, lambda rows: np.ones(len(rows)))


def trained(workspace: Workspace, tiny_bundle: Path, wrong: int, *, drawn: bool = False) -> Path:
    """A model that errs on ``wrong`` of the cells."""
    folder = workspace.root / f"model-{wrong}-{drawn}"
    shutil.copytree(tiny_bundle, folder, dirs_exist_ok=True)
    write_info(folder, read_info(folder).model_copy(update={"recipe": str(wrong), "drawn": drawn}))
    return folder


def settled(workspace: Workspace, bundle: Path, *, resamples: int = 200) -> Receipt:
    params: Params = load_params(workspace.params)
    evaluate = params.evaluate.model_copy(update={"resamples": resamples})
    return settle(workspace, bundle, FIGURES, run_id=None, register=params.register_, evaluate=evaluate)


def test_the_first_good_model_is_champion_with_everything_that_traces_it(
    project: Workspace, tiny_bundle: Path
) -> None:
    bundle = trained(project, tiny_bundle, 8)
    receipt = settled(project, bundle)
    assert (receipt.version, receipt.decision) == ("1", "champion")
    (version,) = versions(connect(project), NAME)
    wanted = {
        "dvc_data_hash",
        "dvc_splits_hash",
        "params_hash",
        "git_commit",
        "fingerprint",
        "model_id",
        "gate",
    }
    assert wanted <= set(version.tags)
    learnt_from = read_info(bundle).data
    assert version.tags["dvc_data_hash"] == learnt_from.curated != content_hash(project.curated)
    assert version.tags["dvc_splits_hash"] == learnt_from.splits
    assert aliases(connect(project), NAME) == {"champion": "1"}


def test_a_better_model_takes_the_place_and_a_worse_one_challenges(
    project: Workspace, tiny_bundle: Path
) -> None:
    settled(project, trained(project, tiny_bundle, 40))
    assert settled(project, trained(project, tiny_bundle, 2)).decision == "champion"
    worse = settled(project, trained(project, tiny_bundle, 30))
    assert (worse.version, worse.decision, worse.against) == ("3", "challenger", "version 2")
    assert aliases(connect(project), NAME) == {"champion": "2", "challenger": "3"}
    assert [(entry.action, entry.version) for entry in history(project, NAME)] == [
        ("promote", "1"),
        ("promote", "2"),
        ("challenge", "3"),
    ]
    assert history(project, NAME)[2].gate["conditions"][0]["name"] == "macro-F1 gain"


def test_settling_again_gives_the_same_receipt_and_changes_nothing(
    project: Workspace, tiny_bundle: Path
) -> None:
    settled(project, trained(project, tiny_bundle, 40))
    better = trained(project, tiny_bundle, 2)
    first = settled(project, better)
    assert settled(project, better) == first
    assert len(versions(connect(project), NAME)) == 2
    assert len(history(project, NAME)) == 2


def test_a_kill_between_registering_and_promoting_is_mended(
    project: Workspace, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = trained(project, tiny_bundle, 2)
    with monkeypatch.context() as patch:
        patch.setattr(promotion, "_set_aliases", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            settled(project, bundle)
    assert aliases(connect(project), NAME) == {}
    assert settled(project, bundle).decision == "champion"
    assert aliases(connect(project), NAME) == {"champion": "1"}
    assert len(versions(connect(project), NAME)) == len(history(project, NAME)) == 1


def test_a_rolled_back_model_does_not_come_back_by_itself(project: Workspace, tiny_bundle: Path) -> None:
    settled(project, trained(project, tiny_bundle, 40))
    better = trained(project, tiny_bundle, 2)
    settled(project, better)
    promotion.roll_back(project, NAME, "It misses blasts.")
    assert settled(project, better).decision == "challenger"
    again = settled(project, better, resamples=300)
    assert again.decision == "challenger"
    assert "It misses blasts." in again.reason
    assert aliases(connect(project), NAME)["champion"] == "1"


def test_what_a_person_promotes_again_is_a_champion_like_any_other(
    project: Workspace, tiny_bundle: Path
) -> None:
    settled(project, trained(project, tiny_bundle, 40))
    settled(project, trained(project, tiny_bundle, 20))
    promotion.roll_back(project, NAME, "To see it again.")
    move(project, NAME, action="promote", version="2", why="It was right.")
    settled(project, trained(project, tiny_bundle, 2))
    promotion.roll_back(project, NAME, "It misses blasts.")
    move(project, NAME, action="promote", version="1", why="By hand.")
    receipt = settled(project, trained(project, tiny_bundle, 20), resamples=300)
    assert (receipt.version, receipt.decision) == ("2", "champion")


def test_who_became_champion_during_the_judging_is_faced_too(
    project: Workspace, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(project, trained(project, tiny_bundle, 40))
    settled(project, trained(project, tiny_bundle, 2))
    promotion.roll_back(project, NAME, "To see it again.")

    def overtaken(*given: Any) -> Verdict:
        if given[1].name == "version 1":
            move(project, NAME, action="promote", version="2", why="A person was faster.")
        return judge(*given)

    monkeypatch.setattr(registration, "judge", overtaken)
    receipt = settled(project, trained(project, tiny_bundle, 20))
    assert (receipt.version, receipt.decision, receipt.against) == ("3", "challenger", "version 2")
    assert aliases(connect(project), NAME) == {"champion": "2", "challenger": "3"}


def test_a_champion_is_not_judged_by_cells_that_it_learned_from(
    project: Workspace, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    champion = trained(project, tiny_bundle, 40)
    write_seen(champion, (f"{index:064x}" for index in range(39)))
    settled(project, champion)
    receipt = settled(project, trained(project, tiny_bundle, 2))
    assert (receipt.version, receipt.decision) == ("2", "challenger")  # better on those 39 and one other
    assert next(each for each in receipt.conditions if each.name == "independent test cells").figure == 121
    assert "39 of 160 test cells were learned from" in capsys.readouterr().err


def test_a_champion_that_learned_from_every_test_cell_is_for_a_person_to_judge(
    project: Workspace, tiny_bundle: Path
) -> None:
    settled(project, trained(project, tiny_bundle, 40))
    taught = trained(project, tiny_bundle, 0)
    write_seen(taught, (f"{index:064x}" for index in range(CELLS)))
    receipt = settled(project, taught)
    assert receipt.decision == "challenger"
    assert "a person has to decide" in receipt.reason
    with pytest.raises(CheckFailedError, match="learned from every test cell"):
        compare_models(project, "1", str(taught), load_params(project.params).evaluate)


def test_a_model_that_says_the_same_adds_no_version(project: Workspace, tiny_bundle: Path) -> None:
    settled(project, trained(project, tiny_bundle, 2))
    twin = trained(project, tiny_bundle, 2)
    (twin / "history.csv").write_text("epoch\n")
    receipt = settled(project, twin)
    assert (receipt.version, receipt.decision) == ("1", "champion")
    assert "answers exactly as version 1" in receipt.reason
    assert len(versions(connect(project), NAME)) == 1


def test_other_limits_do_not_judge_the_champion_against_itself(project: Workspace, tiny_bundle: Path) -> None:
    bundle = trained(project, tiny_bundle, 2)
    settled(project, bundle)
    params = load_params(project.params)
    strict = params.register_.model_copy(update={"min_gain": 0.2})
    again = settle(project, bundle, FIGURES, run_id=None, register=strict, evaluate=params.evaluate)
    assert (again.version, again.decision) == ("1", "champion")


def test_real_cells_displace_a_drawn_champion(project: Workspace, tiny_bundle: Path) -> None:
    settled(project, trained(project, tiny_bundle, 0, drawn=True))
    receipt = settled(project, trained(project, tiny_bundle, 20))
    assert receipt.decision == "champion"
    assert "drawn" in receipt.reason


def test_the_receipt_holds_no_times_and_no_random_names(project: Workspace, tiny_bundle: Path) -> None:
    text = json.dumps(settled(project, trained(project, tiny_bundle, 2)).tags)
    assert "git_commit" not in text
    assert "model_id" not in text
