"""The page that compares runs: how they learned, how good they are, where they fail."""

from trainer.report.write import write_report

__all__ = ["write_report"]
