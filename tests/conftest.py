"""What all tests share: the same draws in every run, and the made inputs of :mod:`made` within reach."""

import sys
from pathlib import Path

from hypothesis import settings

settings.register_profile("laws", derandomize=True, database=None, deadline=None, max_examples=40)
settings.load_profile("laws")

_MAKERS = str(Path(__file__).parent / "chairsgen")
if _MAKERS not in sys.path:
    sys.path.append(_MAKERS)
