"""The public benchmarks, read as their own sites unpack them."""

from trainer.data.benchmarks.chairs import open_chairs, open_chairs2
from trainer.data.benchmarks.kitti import open_kitti2012, open_kitti2015
from trainer.data.benchmarks.middlebury import open_middlebury
from trainer.data.benchmarks.sintel import open_sintel
from trainer.data.benchmarks.things import open_things

__all__ = [
    "open_chairs",
    "open_chairs2",
    "open_kitti2012",
    "open_kitti2015",
    "open_middlebury",
    "open_sintel",
    "open_things",
]
