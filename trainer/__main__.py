"""`python -m trainer`, and `torchrun -m trainer` for many GPUs."""

import sys

from trainer.cli import main

if __name__ == "__main__":
    sys.argv[0] = "trainer"
    main()
