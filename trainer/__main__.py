"""`python -m trainer`; on N GPUs `torchrun --nproc-per-node=N -m -- trainer` (`--`, or torchrun takes `--run`)."""

import sys

from trainer.cli import main

if __name__ == "__main__":
    sys.argv[0] = "trainer"
    main()
