"""Flow as the servers of the public benchmarks take it.

* MPI-Sintel: ``clean/SCENE/frame0001.flo`` and the same in ``final``: the two folders that the site's bundler
  packs. Source: the README of the bundler that comes with the dataset.
* KITTI 2015: ``flow/000000_10.png`` in a zip. KITTI 2012: ``000000_10.png`` in a zip's root. Source: the readmes
  of their development kits.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from chairsgen.errors import InputError
from chairsgen.flowio import KITTI_STEPS, KITTI_ZERO, write_flo, write_kitti
from chairsgen.sample import Flow

_SPEC = re.compile(r"(?:sintel:.*:(?P<images>clean|final)|(?P<kitti>kitti201[25]):[^?]*)(?:\?.*)?", re.DOTALL)


class Submission:
    """A folder of flow on one benchmark's test set."""

    def __init__(self, folder: Path, spec: str) -> None:
        """Nothing is written yet.

        Args:
            folder: Where to; Sintel's two passes and other benchmarks may share it.
            spec: The dataset, such as ``sintel:DIR:clean?set=test``.

        Raises:
            InputError: No server is known for it.
        """
        found = _SPEC.fullmatch(spec)
        if not found:
            raise InputError(f"--submission: {spec}: only Sintel's and KITTI's servers are known")
        self._images, self._kitti = found["images"], found["kitti"]
        self._given, self.folder = folder, folder / (self._kitti or "sintel")

    def write(self, pair: str, flow: Flow) -> Path:
        """Writes a pair's flow.

        KITTI's files hold -512 to 511.98 px; what is longer is cut to that, as the development kit's writer does.

        Args:
            pair: Its name in the dataset: ``ambush_1/frame_0001``, or ``000000``.
            flow: In pixels.

        Raises:
            InputError: The flow is not finite, or the file cannot be written.
        """
        with self._writing():
            if self._images:
                scene, _, frame = pair.partition("/frame_")
                path = self.folder / self._images / scene / f"frame{frame}.flo"
                write_flo(path, flow)
            else:
                path = self.folder / ("flow" if self._kitti == "kitti2015" else "") / f"{pair}_10.png"
                most = KITTI_ZERO / KITTI_STEPS
                write_kitti(path, np.clip(flow, -most, most - 1 / KITTI_STEPS))
        return path

    def finish(self) -> str:
        """Packs what the server takes as a zip; says what to upload.

        Raises:
            InputError: The file cannot be written.
        """
        if self._images:
            return f"{self.folder}: pack it with MPI-Sintel's bundler, once both passes are there"
        with self._writing():
            return f"{shutil.make_archive(str(self.folder), 'zip', self.folder)}: upload it"

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"--submission {self._given}: cannot be written: {error.strerror}") from None
