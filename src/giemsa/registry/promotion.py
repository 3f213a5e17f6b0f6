"""Who is champion: aliases moved under a lock, and an append-only history of every move."""

import getpass
import hashlib
import json
import socket
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from giemsa.errors import UsageError
from giemsa.registry.connection import connect, locked
from giemsa.registry.versions import CHALLENGER, CHAMPION, aliases, find, versions
from giemsa.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_HISTORY = "history."


class OvertakenError(UsageError):
    """Another champion was made while this decision was being taken."""


@dataclass(frozen=True)
class Move:
    """One line of the history.

    Args:
        action: ``promote``, ``rollback`` or ``challenge``.
        version: the version that it is about.
        before: the champion before, empty where there was none.
        who: the person or machine account that did it.
        when: ISO 8601, UTC.
        why: the reason in one sentence.
        gate: the gate's verdict with every condition's figures; empty for a person's decision.
        event: names the decision, so that it is never entered twice.
    """

    action: str
    version: str
    before: str
    who: str
    when: str
    why: str
    gate: dict[str, Any]
    event: str


def move(
    workspace: Workspace,
    name: str,
    *,
    action: str,
    version: str,
    why: str,
    gate: dict[str, Any] | None = None,
    event: str = "",
    against: str | None = None,
) -> Move:
    """Set the alias that ``action`` speaks of, and enter it in the history.

    Args:
        workspace: the project, which knows MLflow's address.
        name: the registered model's name.
        action: ``promote`` and ``rollback`` make ``version`` champion, ``challenge`` makes it challenger.
        version: a version number.
        why: the reason in one sentence.
        gate: the gate's verdict.
        event: a decision that is already entered under this name is not carried out again.
        against: the champion that the decision was taken against, empty for none; None: whoever it is.

    Raises:
        OvertakenError: if the champion is another one by now.
        UsageError: if there is no such version.
    """
    client = connect(workspace)
    with locked(workspace):
        entries = _entries(client, name)
        done = next((entry for entry in entries if event and entry.event == event), None)
        if done and done != entries[-1]:
            return done
        if not done:
            find(f"{name}/{version}", workspace)
            standing = aliases(client, name).get(CHAMPION, "")
            if against not in (None, standing):
                message = f"The champion of {name} is another one by now: see who it is, and decide again."
                raise OvertakenError(message)
        # The history first: a process killed before the alias moves finds the last entry and ends the move.
        entry = done or _enter(
            client, name, entries, Move(action, version, "", _who(), _now(), why, gate or {}, event)
        )
        _set_aliases(client, name, entry)
        return entry


def history(workspace: Workspace, name: str) -> list[Move]:
    """Read every move, the oldest first."""
    return _entries(connect(workspace), name)


def roll_back(workspace: Workspace, name: str, why: str) -> Move:
    """Make the champion before the present one champion again: the latest whose version is still there.

    Raises:
        OvertakenError: if the champion is another one by now.
        UsageError: if there was none.
    """
    client = connect(workspace)
    champion = aliases(client, name).get(CHAMPION, "")
    there = {str(version.version) for version in versions(client, name)} - {champion}
    stood = [
        entry.before
        for entry in history(workspace, name)
        if entry.action == "promote" and entry.version == champion and entry.before in there
    ]
    if not stood:
        message = f'{name} had no champion before this one: "giemsa models promote VERSION" names another.'
        raise UsageError(message)
    return move(workspace, name, action="rollback", version=stood[-1], why=why, against=champion)


def withdrawn(workspace: Workspace, name: str, version: str) -> str | None:
    """Give the reason for which a person rolled ``version`` back, where that was the last word on it."""
    for entry in reversed(history(workspace, name)):
        if entry.action != "challenge" and version in (entry.version, entry.before):
            return entry.why if entry.action == "rollback" and entry.before == version else None
    return None


def _enter(client: "MlflowClient", name: str, entries: list[Move], entry: Move) -> Move:
    number = len(entries) + 1
    before = aliases(client, name).get(CHAMPION, "")
    entry = replace(entry, before=before, event=entry.event or f"{entry.action}-{number}")
    text = json.dumps(asdict(entry), sort_keys=True)
    # Two machines may count to the same number: the digest keeps their entries apart.
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    client.set_registered_model_tag(name, f"{_HISTORY}{number:06d}.{digest}", text)
    return entry


def _set_aliases(client: "MlflowClient", name: str, entry: Move) -> None:
    standing = aliases(client, name)
    alias = CHALLENGER if entry.action == "challenge" else CHAMPION
    client.set_registered_model_alias(name, alias, entry.version)
    if alias == CHAMPION and standing.get(CHALLENGER) == entry.version:
        client.delete_registered_model_alias(name, CHALLENGER)


def _entries(client: "MlflowClient", name: str) -> list[Move]:
    found = client.search_registered_models(f"name = '{name}'")
    tags = found[0].tags if found else {}
    return [Move(**json.loads(tags[key])) for key in sorted(tags) if key.startswith(_HISTORY)]


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
