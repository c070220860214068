"""Laws of folders in which work is done."""

import errno
import fcntl
import shutil
from pathlib import Path

import pytest

from chairsgen.aside import aside_name
from chairsgen.errors import InputError, WorkerDied
from chairsgen.folder import check_disk, disk_errors, locked, telling_what_is_kept


def test_a_file_system_without_locks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    said = r"--out .*: cannot be locked: Function not implemented; choose"
    with pytest.raises(InputError, match=said), locked(tmp_path / "out", "build"):
        pytest.fail("nobody else is kept out")


def test_of_what_is_half_written_only_ours_is_cleared(tmp_path: Path) -> None:
    theirs = {tmp_path / ".film.part", tmp_path / ".film.mkv.1234.part", tmp_path / "film"}
    for path in (*theirs, aside_name(tmp_path / "shard-00000.h5")):
        path.touch()
    with locked(tmp_path, "build"):
        assert set(tmp_path.iterdir()) == theirs
        aside_name(tmp_path / "manifest.json").touch()
    assert set(tmp_path.iterdir()) == theirs


HDF5 = """Can't write data (time = Sun Nov 22 10:00:00 2026
, errno = 28, error message = 'No space left on device', offset = 0)"""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "data: Disk quota exceeded: make room"),
        (
            OSError(errno.EIO, "Input/output error", "/data/shard"),
            "/data/shard: Input/output error: make room",
        ),
        (OSError(errno.ENOSPC, HDF5), "data: No space left on device: make room"),
        (OSError(HDF5), "data: No space left on device: make room"),
        (OSError("image file is truncated"), "data: image file is truncated: make room"),
    ],
)
def test_what_the_system_says_is_one_line(error: OSError, said: str) -> None:
    with pytest.raises(InputError) as caught, disk_errors(Path("data"), "make room"):
        raise error
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("stop", "said"),
    [(KeyboardInterrupt(), "all is kept"), (WorkerDied("a worker died"), "a worker died: all is kept")],
)
def test_who_stops_says_what_is_kept(stop: BaseException, said: str) -> None:
    with pytest.raises(type(stop)) as caught, telling_what_is_kept(lambda: "all is kept"):
        raise stop
    assert str(caught.value) == said


def test_what_is_written_in_one_place_must_fit_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 10_000_000
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(free, 0, free))
    check_disk([(tmp_path, 6_000_000), (tmp_path, 4_000_000)])
    with pytest.raises(InputError, match=r"about 0.0 GB are needed.*free some space"):
        check_disk([(tmp_path, 6_000_000), (tmp_path, 4_000_001)])
