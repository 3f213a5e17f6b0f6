"""Equal things have equal names, and data hashes are DVC's own."""

import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

import giemsa.registry
from giemsa.registry.fingerprints import content_hash, fingerprint, git_commit, source_hash


def test_hashes_are_those_of_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    folder = tmp_path / "data"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "2.bin").write_bytes(b"two")
    (folder / "b-1.bin").write_bytes(b"one")
    (folder / "ä.bin").write_bytes(b"")
    repo = Repo.init(str(tmp_path), no_scm=True)
    tracked = repo.add([str(folder)])[0].outs[0]
    assert content_hash(folder) == tracked.hash_info.value


def test_a_file_is_named_by_the_md5_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    assert content_hash(tmp_path / "a") == "5d41402abc4b2a76b9719d911017c592"


def test_a_fingerprint_ignores_order_and_sees_every_part() -> None:
    one = fingerprint(data="a", params={"seed": 1, "rate": 0.1})
    assert one == fingerprint(params={"rate": 0.1, "seed": 1}, data="a")
    assert one != fingerprint(data="b", params={"seed": 1, "rate": 0.1})
    assert one != fingerprint(data="a", params={"seed": 2, "rate": 0.1})


def test_changed_code_counts_as_other_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module.py").write_text("x = 1\n")
    monkeypatch.setattr(giemsa.registry, "__path__", [str(tmp_path)])
    before = source_hash([giemsa.registry])
    assert before == source_hash([giemsa.registry])
    (tmp_path / "module.py").write_text("x = 2\n")
    assert before != source_hash([giemsa.registry])


def test_a_changed_tracked_file_makes_the_commit_dirty(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )

    assert git_commit(tmp_path) == ("", False)
    git("init")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "first")
    commit, dirty = git_commit(tmp_path)
    assert (len(commit), dirty) == (40, False)
    (tmp_path / "a").write_text("2")
    assert git_commit(tmp_path) == (commit, True)
