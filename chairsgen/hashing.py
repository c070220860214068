"""One hash over files: what identifies a user's asset, and the code and data that textures are made by."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def files_hash(paths: Iterable[Path]) -> str:
    """sha256, in hex, over the contents of files in the order given; of a single file, its plain sha256.

    Raises:
        OSError: A file cannot be read.
    """
    each = []
    for path in paths:
        with path.open("rb") as file:
            each.append(hashlib.file_digest(file, "sha256").hexdigest())
    return each[0] if len(each) == 1 else hashlib.sha256("\n".join(each).encode()).hexdigest()
