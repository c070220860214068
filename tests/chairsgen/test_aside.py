"""Laws of writing aside: what bears a file's name is whole, and whose half a file is can be told."""

import errno
import resource
from pathlib import Path

import pytest

from chairsgen.aside import ASIDE, aside_name, write_aside


def test_a_file_written_aside_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    write_aside(path, b"old")
    write_aside(path, b"new", b"er")
    assert path.read_bytes() == b"newer"
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_midway_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_aside(path, b"old")
    with pytest.raises(TypeError):
        write_aside(path, b"new", "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_names_the_file(tmp_path: Path) -> None:
    path, limits = tmp_path / "file", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"too large: '.*/file'") as caught:
            write_aside(path, bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert not list(tmp_path.iterdir())


def test_names_are_given_once_and_known_again(tmp_path: Path) -> None:
    names = {aside_name(tmp_path / "file") for _ in range(100)}
    assert len(names) == 100
    for path in (*names, tmp_path / ".film.part", tmp_path / ".film.1234.part", tmp_path / "file"):
        path.touch()
    assert set(tmp_path.glob(ASIDE)) == names
