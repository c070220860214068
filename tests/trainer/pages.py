"""What stands on a written page."""

import base64
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np


class Reader(HTMLParser):
    """The rows of all tables, and the pictures by their texts in the order of the page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.pictures: list[tuple[str, str]] = []
        self.titles: list[str] = []
        self._into: list[str] | None = None
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._into = self.rows[-1]
        if tag in ("h3", "h4"):
            self.titles.append("")
            self._into = self.titles
        if tag == "img":
            self.pictures.append((values["alt"] or "", values["src"] or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "h3", "h4"):
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] += data.strip()

    def row(self, name: str) -> list[str]:
        """The first row of that name."""
        return next(row for row in self.rows if row[0] == name)


def decoded(uri: str) -> np.ndarray:
    """A picture that stands in the page itself, RGB."""
    data = np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1]
