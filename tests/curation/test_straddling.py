from giemsa.curation.groups import Group, Member
from giemsa.curation.straddling import Straddle, straddling


def group(*paths: str) -> Group:
    members = tuple(Member(path, "ig", "kept", "", 0, 1.0) for path in paths)
    return Group("exact", conflict=False, junk=False, keep=paths[0], members=members)


def test_copies_in_one_batch_and_on_one_side_are_no_matter() -> None:
    assert list(straddling([group("a/ig/1", "a/ig/2")], {"a/ig/1": "train", "a/ig/2": "train"})) == []


def test_copies_in_two_batches_are_told_with_the_side_of_the_kept_one() -> None:
    (found,) = straddling([group("a/ig/1", "b/ig/1")], {"a/ig/1": "test"})
    assert found == Straddle(("a/ig/1", "b/ig/1"), ("a", "b"), ("test",))


def test_copies_on_two_sides_come_first() -> None:
    sides = {"c/ig/1": "train", "c/ig/2": "test"}
    found = list(straddling([group("a/ig/1", "b/ig/1"), group("c/ig/1", "c/ig/2")], sides))
    assert [each.sides for each in found] == [("test", "train"), ()]
