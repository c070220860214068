"""Studies: which parameter matters, and which values are best; ``trainer ablate`` and ``trainer search``."""
