"""What can go wrong other than by a mistake in the code."""


class InputError(ValueError):
    """The call or its input is wrong: one line that says what, which, and what to do.

    The command line prints it and exits with 2.
    """


class UnusableAsset(ValueError):
    """A mesh or a photograph that cannot be used; the message is the cause, without the file's name.

    The catalogue skips such a file, prints its name with the cause, and records both in the manifest.
    """


class WorkerDied(RuntimeError):
    """A worker process ended without an answer: killed, or out of memory."""
