"""``python -m chairsgen``."""

from chairsgen.cli import main

if __name__ == "__main__":
    main()
