"""Laws of folders in which work is done."""

import errno
import fcntl
from pathlib import Path

import pytest

from chairsgen.errors import InputError
from chairsgen.folder import disk_errors, locked


def test_a_file_system_without_locks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    said = r"--out .*: cannot be locked: Function not implemented; choose"
    with pytest.raises(InputError, match=said), locked(tmp_path / "out", "build"):
        pytest.fail("nobody else is kept out")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
        (OSError("Can't write data (No space left on device)"), "the disk is full"),
        (OSError(errno.EIO, "Input/output error", "/data/shard"), "/data/shard: Input/output error: choose"),
        (OSError("errno = 13, error message = 'Permission denied'"), "data: errno = 13, .*: choose"),
    ],
)
def test_what_the_system_says_is_one_line(error: OSError, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught, disk_errors(Path("data")):
        raise error
    assert "\n" not in str(caught.value)
