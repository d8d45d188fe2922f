"""Errors that end a command with one line on stderr and an exit status."""


class CommandError(Exception):
    """Ends a command with one line on stderr and its exit status."""

    status = 1


class UsageError(CommandError):
    """Wrong use or input; the line says what is wrong and what to do."""

    status = 2
