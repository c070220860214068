"""The type checker that checks every annotated call of a test run: ints are floats, as everywhere in Python."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
