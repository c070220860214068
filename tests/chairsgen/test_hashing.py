"""The hash of files: of one its sha256sum, of several of their contents and their order."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chairsgen.hashing import files_hash

contents = st.lists(st.binary(max_size=4), min_size=1, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(contents, contents)
def test_equal_contents_in_equal_order_and_no_others_have_equal_hashes(
    tmp_path: Path, one: list[bytes], other: list[bytes]
) -> None:
    hashes = []
    for name, contents in (("one", one), ("other", other)):
        paths = [tmp_path / f"{name}{number}" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        hashes.append(files_hash(paths))
    assert (hashes[0] == hashes[1]) == (one == other)


def test_the_hash_of_one_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert files_hash([tmp_path / "file"]) == hashlib.sha256(b"content").hexdigest()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files_hash([tmp_path / "absent"])
