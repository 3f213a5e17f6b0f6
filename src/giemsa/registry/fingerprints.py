"""Name things by what they hold: data by DVC's own hashes, work by a fingerprint of all that goes into it."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

_BLOCK = 1 << 20


def content_hash(path: Path) -> str:
    """Hash a file or folder exactly as DVC does, so that the hash finds the data version in ``dvc.lock``.

    Args:
        path: a file (MD5 of its bytes) or a folder (MD5 of the listing, with the suffix ``.dir``).

    Raises:
        FileNotFoundError: if there is nothing at ``path``.
    """
    if not path.is_dir():
        return _md5(path)
    listing = [
        {"md5": _md5(file), "relpath": file.relative_to(path).as_posix()}
        for file in path.rglob("*")
        if file.is_file()
    ]
    listing.sort(key=lambda entry: entry["relpath"])
    text = json.dumps(listing, sort_keys=True).encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir"


def source_hash(packages: Iterable[ModuleType]) -> str:
    """Hash the Python sources of ``packages``, so that changed code counts as other work."""
    digest = hashlib.sha256()
    for package in packages:
        for folder in map(Path, package.__path__):
            for file in sorted(folder.rglob("*.py")):
                digest.update(f"{package.__name__}/{file.relative_to(folder).as_posix()}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def fingerprint(**parts: str | Mapping[str, object]) -> str:
    """Name a piece of work by everything that decides its outcome.

    Args:
        parts: what goes in, by name: hashes of data and code, and parameters as JSON-able mappings.

    Returns:
        32 hexadecimal digits; equal parts give equal fingerprints, in any order.
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def git_commit(folder: Path) -> tuple[str, bool]:
    """Tell the commit that ``folder`` stands on, and whether files differ from it.

    Returns:
        The commit's hash, empty where there is none, and whether tracked files were changed.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    return commit, bool(commit and _git(folder, "status", "--porcelain", "--untracked-files=no"))


def commit_holding(folder: Path, file: str, texts: Sequence[str]) -> str:
    """Find the oldest commit whose ``file`` in ``folder`` holds each of ``texts``; empty where none does."""
    for commit in reversed(_git(folder, "log", "-S", texts[-1], "--format=%h", "--", file).split()):
        held = _git(folder, "show", f"{commit}:./{file}")
        if all(text in held for text in texts):
            return commit
    return ""


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
