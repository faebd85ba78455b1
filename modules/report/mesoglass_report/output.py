"""The report's folder appears whole or not at all; so does the summary."""

import contextlib
import json
import os
import pathlib
import shutil

from .errors import InputError, ReportError

PAGE_NAME = "report.html"
# What this program puts into its folder; a folder that holds anything else is not replaced.
OWN_NAMES = {PAGE_NAME, "figures"}


class OutputFolder:
    """Reserves FOLDER: checks before any work that it can be written; write into `partial`, then commit()."""

    def __init__(self, path, overwrite):
        self.final = pathlib.Path(path)
        if self.final.name in ("", ".", ".."):
            raise InputError(f"--output = '{path}' names no new folder: give a name such as report")
        self.partial = self.final.with_name(self.final.name + ".partial")
        self.overwrite = overwrite

    def check(self):
        """Throws InputError where the folder exists, is foreign, or its parent cannot be written."""
        parent = self.final.parent
        if not parent.is_dir():
            raise InputError(f"{self.final}: cannot be written ({parent} is no folder): make it, or give another "
                             "--output")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise InputError(f"{self.final}: cannot be written (no permission in {parent}): give another --output")
        if os.path.lexists(self.final):
            if not self.overwrite:
                raise InputError(f"{self.final} exists: give --overwrite to replace it, or another --output")
            foreign = sorted(set(os.listdir(self.final)) - OWN_NAMES) if self.final.is_dir() else [self.final.name]
            if foreign:
                raise InputError(f"{self.final} holds '{foreign[0]}', which mg-report did not write: it is not "
                                 "replaced; give another --output")

    @contextlib.contextmanager
    def writing(self):
        """The partial folder, renamed at the end, removed on any error."""
        self.check()
        try:
            shutil.rmtree(self.partial, ignore_errors=True)
            self.partial.mkdir()
            yield self.partial
            old = self.final.with_name(self.final.name + ".old")
            if self.final.exists():
                shutil.rmtree(old, ignore_errors=True)
                self.final.rename(old)
            self.partial.rename(self.final)
            shutil.rmtree(old, ignore_errors=True)
        except OSError as cause:
            kind = ReportError if self.partial.exists() else InputError
            raise kind(f"{self.final}: writing failed ({cause.strerror or cause}): free space or give another "
                       "--output") from None
        finally:
            shutil.rmtree(self.partial, ignore_errors=True)


def write_file(path, content):
    """Bytes to a file, flushed to the disk."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_summary(path, program, version, results):
    """The headline numbers as JSON, whole or not at all."""
    path = pathlib.Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        write_file(partial, (json.dumps({"program": program, "version": version, "results": results}, indent=2,
                                        ensure_ascii=False) + "\n").encode())
        partial.rename(path)
    except OSError as cause:
        raise InputError(f"{path}: the summary cannot be written ({cause.strerror or cause}): give another "
                         "--summary") from None
