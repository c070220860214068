"""What a file of `torch.save` holds, without ever running what it says."""

import pickle
import re
from pathlib import Path
from typing import Any

import torch

from chairsgen.errors import InputError


def read_torch(path: Path) -> Any:
    """Reads a file of tensors and plain values, in the present format (zip) or the former; tensors on the CPU.

    Raises:
        InputError: The file is missing, damaged, none of `torch.save`, or needs code to be run.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not head:
        raise InputError(f"{path}: empty (zero bytes): copy or make it again")
    if head.startswith(b"version https://git-lfs"):
        raise InputError(f"{path}: a git-LFS pointer, not the file itself: run `git lfs pull`")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damage ends in nearly any
        raise InputError(f"{path}: {_cause(error, head)}") from None


def _cause(error: Exception, head: bytes) -> str:
    foreign = re.search(r"GLOBAL ([\w.]+)", str(error))
    if isinstance(error, pickle.UnpicklingError) and foreign:
        return (
            f"holds more than tensors and plain values ({foreign[1]}): it is not unpickled, as that could run "
            "code; save the state dict alone"
        )
    if "TorchScript" in str(error):
        return "a TorchScript archive: save the state dict of the network that it was made from"
    if ".tar format" in str(error):
        return "in PyTorch's first format (tar), which may run code when read: save it with a newer version"
    if head.startswith((b"PK", b"\x80")):
        return "truncated or damaged, or not of torch.save: copy or make it again"
    return "no file of torch.save"
