"""Finding the user's meshes and photographs: the same rules for both, and every mistake named in one line."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chairsgen import meshes
from chairsgen.errors import InputError
from chairsgen.photos import files

Find = Callable[[Sequence[Path]], list[Path]]
both = pytest.mark.parametrize(
    ("find", "what", "ending"), [(meshes.find, "mesh", "glb"), (files.find, "photograph", "png")]
)


@both
def test_find_is_recursive_sorted_and_skips_hidden(
    find: Find, what: str, ending: str, tmp_path: Path
) -> None:
    for stem in ("b", "a", "sub/c", "sub/.hidden", ".git/d", "._a"):
        (tmp_path / stem).parent.mkdir(exist_ok=True)
        (tmp_path / f"{stem}.{ending.upper() if stem == 'b' else ending}").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / f"folder.{ending}").mkdir()
    names = [tmp_path / f"a.{ending}", tmp_path / f"b.{ending.upper()}", tmp_path / f"sub/c.{ending}"]
    assert find([tmp_path, names[0]]) == names
    assert find([names[1], tmp_path]) == [names[1], names[0], names[2]]


@both
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent", "no such {what} or folder: .*absent"),
        ("empty", "no {what} in the folder .*empty: put files that end in .*{ending}"),
        ("notes.txt", r"not a {what} by its name: .*notes\.txt: .*{ending}"),
        ("n" * 300, "n: cannot be looked at: File name too long"),
        (None, "no {what} given: .*{ending}"),
    ],
)
def test_find_refuses(
    find: Find, what: str, ending: str, name: str | None, said: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=said.format(what=what, ending=ending)) as caught:
        find([tmp_path / name] if name else [])
    assert "\n" not in str(caught.value)


@both
def test_what_may_not_be_looked_at_is_named(
    find: Find, what: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(InputError, match=f"{tmp_path.name}: cannot be looked at: Permission denied"):
        find([tmp_path])
