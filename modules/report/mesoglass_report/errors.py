"""Errors that end the program: one message and one exit code."""

EXIT_SUCCESS = 0
EXIT_FAILURE = 1
EXIT_BAD_INPUT = 2


class ReportError(Exception):
    """A message reads "<problem> (<why>): <what to do>" and names file and value."""

    exit_code = EXIT_FAILURE


class InputError(ReportError):
    """The user can mend it: usage, file or parameter."""

    exit_code = EXIT_BAD_INPUT
