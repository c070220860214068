"""Data: from datasets, named by a SPEC, to batches on the device."""

from trainer.data.loader import Loader, ordered, start_readers
from trainer.data.order import Part
from trainer.data.source import Pair, Source
from trainer.data.spec import open_training, open_validation

__all__ = ["Loader", "Pair", "Part", "Source", "open_training", "open_validation", "ordered", "start_readers"]
