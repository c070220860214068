"""The command line, as a user calls it."""

import subprocess
import sys
import time

import pytest

from trainer.cli import main


def _run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "trainer", *arguments], capture_output=True, text=True)


def test_help_does_not_wait_for_pytorch() -> None:
    code = "import sys, trainer.cli; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    # The best of some: others may be using the machine.
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert "models" in _run("--help").stdout
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5


def test_version() -> None:
    assert _run("--version").stdout.startswith("trainer ")


def test_models_are_listed_with_their_counts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["models"])
    assert leaving.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "parameters", "source"]
    assert any(line.split()[:2] == ["pwcnet", "9,374,274"] for line in lines)
    assert len(lines) == 10


@pytest.mark.parametrize("arguments", [[], ["modles"], ["models", "--nmae"], ["models", "x"]])
def test_a_mistaken_call_ends_in_one_line(arguments: list[str]) -> None:
    result = _run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_what_is_not_installed_is_named() -> None:
    code = "import sys; sys.modules['torch'] = None; sys.argv = ['trainer', 'models']; import trainer.cli"
    result = subprocess.run(
        [sys.executable, "-c", f"{code} as cli; cli.main()"], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert result.stderr == "trainer: torch is missing: pip install 'chairsgen[torch]'\n"
