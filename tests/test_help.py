"""What `--help` says of every command."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from chairsgen import cli as chairsgen
from trainer import cli as trainer

COMMANDS = [
    *((chairsgen.main, name) for name in ("build", "verify", "stats", "view", "export", "recipes")),
    *((trainer.main, name) for name in ("train", "models", "evaluate", "predict", "methods", "report")),
    *((trainer.main, name) for name in ("export", "ablate", "search")),
]


def said(main: Callable[..., Any], arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("main", "command"), COMMANDS)
def test_help_tells_what_every_option_is_and_defaults_once(
    main: Callable[..., Any], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    usage, _, text = said(main, [command, "--help"], capsys).partition("options:")
    assert not re.search(r"default: (None|False|\[\]|\(\))", text)
    assert not re.search(r"\(default: [^)]*\) \(default", text)
    for option in re.findall(r"\[?(--[a-z-]+)", usage):
        _, _, help_ = text.partition(f" {option} ")
        assert re.match(r"(\{\S+\} |[A-Z]\S* |[HW] )*[a-z`0-9]", help_), option


@pytest.mark.parametrize("main", [chairsgen.main, trainer.main])
def test_all_commands_are_listed(main: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    text = said(main, ["--help"], capsys)
    for one, command in COMMANDS:
        assert (f" {command} " in text.partition("commands:")[2]) == (one is main or command == "export")
