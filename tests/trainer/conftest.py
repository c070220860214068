"""What the trainer's tests share."""

from collections.abc import Iterator

import jaxtyping
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
