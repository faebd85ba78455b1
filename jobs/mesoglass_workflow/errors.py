"""Errors that end the launcher: one message and one exit code."""

EXIT_SUCCESS = 0
EXIT_FAILURE = 1
EXIT_BAD_INPUT = 2
EXIT_STOPPED_AT_CHECKPOINT = 75


class LauncherError(Exception):
    """A message reads "<problem> (<why>): <what to do>" and names file and value."""

    exit_code = EXIT_FAILURE


class WorkflowError(LauncherError):
    """The user can mend it: usage, workflow file or input."""

    exit_code = EXIT_BAD_INPUT
