"""``python -m chairsgen``."""

import sys

from chairsgen.cli import main

if __name__ == "__main__":
    sys.argv[0] = "chairsgen"
    main()
