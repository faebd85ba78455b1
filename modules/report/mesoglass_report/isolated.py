"""Runs a reader in a process of its own, because the HDF5 library itself can crash on a damaged file."""

import os
import pickle
import signal

from .errors import InputError, ReportError


def read_isolated(reader, label, path, *settings):
    """reader(label, path, *settings), or its ReportError; a crash becomes an InputError that names the file."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        # The child leaves through os._exit: nothing of the parent's clean-up may run twice.
        os.close(receiving)
        try:
            try:
                answer = (True, reader(label, path, *settings))
            except ReportError as error:
                answer = (False, error)
            with os.fdopen(sending, "wb") as pipe:
                pickle.dump(answer, pipe)
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(70)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        raise InputError(f"{path}: the HDF5 library crashed reading it ({signal.Signals(os.WTERMSIG(status)).name}): the file "
                         "is damaged; write it anew")
    if status != 0:
        raise ReportError(f"{path}: reading it failed for a reason that is this program's own fault (shown above): please "
                          "report it")
    good, answer = pickle.loads(content)
    if good:
        return answer
    raise answer
