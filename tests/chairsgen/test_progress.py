"""Laws of what is shown of work that goes on."""

import os
import pty
import subprocess
import sys
from pathlib import Path


def test_on_a_terminal_what_goes_to_a_file_goes_there(tmp_path: Path) -> None:
    code = (
        "from chairsgen.progress import progress\nwith progress('at work', 2, 'pairs'):\n print('a defect')"
    )
    terminal, shown = pty.openpty()
    with (tmp_path / "said").open("wb") as said:
        subprocess.run([sys.executable, "-c", code], check=True, stdout=said, stderr=shown)
    os.close(shown)
    assert (tmp_path / "said").read_text() == "a defect\n"
    assert b"at work" in os.read(terminal, 4096)
    os.close(terminal)
