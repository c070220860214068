"""A static page to leaf through a dataset: opens from disk, needs no server and no network.

``index.html``, ``page.css`` and ``page.js``; under ``pairs/``, a folder a pair with its pictures and its
``pair.js``. A page opened from disk may load scripts but not fetch files, so that data comes as scripts.
"""

from chairsgen.page.write import write_page

__all__ = ["write_page"]
