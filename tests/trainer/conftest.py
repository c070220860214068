"""What the trainer's tests share."""

from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import moving
import pytest
import torch

# Tensors here are small: more threads would wait for each other, above all where tests run side by side.
torch.set_num_threads(1)


@pytest.fixture
def untyped() -> Iterator[None]:
    """Without the test run's checks of types and shapes, which cannot be compiled."""
    jaxtyping.config.update("jaxtyping_disable", True)
    torch.compiler.reset()
    yield
    torch.compiler.reset()
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pairs to learn from, two to be judged on."""
    return moving.dataset(tmp_path_factory.mktemp("data") / "chairs", 10, size=(32, 48), val=(3, 8))
