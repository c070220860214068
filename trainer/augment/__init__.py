"""Augmentation: its ranges, drawing a pair's in NumPy, applying a batch's on the device."""

from trainer.augment.apply import Draws, augment, stack
from trainer.augment.config import PRESETS, Augmentation
from trainer.augment.drawing import Draw, check_crop, draw

__all__ = ["PRESETS", "Augmentation", "Draw", "Draws", "augment", "check_crop", "draw", "stack"]
