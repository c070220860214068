"""`python -m trainer`, and `torchrun -m trainer` for many GPUs."""

from trainer.cli import main

if __name__ == "__main__":
    main()
