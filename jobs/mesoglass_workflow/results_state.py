"""What is complete in a results folder: fingerprints of stages, kept in small files."""

import fcntl
import glob
import hashlib
import json
import os
import pathlib
import socket
import time

from .errors import LauncherError, WorkflowError

STATE_FOLDER = ".mesoglass"
STATE_VERSION = 1
# As the programs' own provenance does: content up to 1 GiB, size and time beyond.
LARGEST_HASHED_BYTES = 1 << 30


def file_identity(path):
    """A text that changes when a file's content does; None where there is no file. A folder stands for all in it."""
    path = pathlib.Path(path)
    if path.is_dir():
        parts = [f"{item.relative_to(path)}={file_identity(item)}" for item in sorted(path.rglob("*")) if item.is_file()]
        return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
    try:
        status = path.stat()
        if status.st_size > LARGEST_HASHED_BYTES:
            return f"{status.st_size} bytes of {status.st_mtime_ns}"
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


class ResultsState:
    """State of one results folder: one small file a stage, so that stages may run in jobs of their own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.state_folder = self.folder / STATE_FOLDER

    def make_folder(self):
        """Makes the results folder. Throws WorkflowError."""
        try:
            (self.state_folder / "logs").mkdir(parents=True, exist_ok=True)
            probe = self.state_folder / f"writable.{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as cause:
            raise WorkflowError(f"{self.folder}: cannot be written ({cause.strerror}): give another --folder") from None

    def log_path(self, name):
        """The log of a stage."""
        return self.state_folder / "logs" / f"{name}.log"

    def summary_path(self, name):
        """The summary of a stage."""
        return self.state_folder / f"{name}.summary.json"

    def _entry_path(self, name):
        return self.state_folder / f"{name}.state.json"

    def entry(self, name):
        """What is known of a stage; empty where it never started. Throws WorkflowError."""
        path = self._entry_path(name)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["version"] > STATE_VERSION:
                raise WorkflowError(f"{path} was written by a newer mesoglass (state version {content['version']}): use that "
                                    "one, or another --folder")
            return content if content["stage"] == name else {}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as cause:
            raise WorkflowError(f"{path} cannot be read ({cause}): remove it (the stage then runs again), or give another "
                                "--folder") from None

    def record(self, name, **entry):
        """Replaces what is known of a stage, whole or not at all. Throws LauncherError."""
        entry = {**entry, "version": STATE_VERSION, "stage": name,
                 "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        path = self._entry_path(name)
        partial = path.with_suffix(".partial")
        try:
            with open(partial, "w", encoding="utf-8") as file:
                json.dump(entry, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
        except OSError as cause:
            raise LauncherError(f"{path}: cannot be written ({cause.strerror}): free space, then run again") from None

    def amend(self, name, **changes):
        """Changes some of what is known of a stage; the rest stays, so that it can still be gone on from."""
        self.record(name, **{**self.entry(name), **changes})

    def forget(self, name):
        """A stage that is to run anew: what it left stays its own, but is not gone on from."""
        for entry_name in (name, *(f"{name}[{number}]" for number in self.slice_entries(name))):
            if self.entry(entry_name):
                self.record(entry_name, state="outdated")

    def slice_entries(self, name):
        """slice number -> what is known of that slice of a stage. Throws WorkflowError."""
        found = {}
        for path in self.state_folder.glob(f"{glob.escape(name)}[[]*].state.json"):
            number = path.name[len(name) + 1:-len("].state.json")]
            if number.isdigit():
                found[int(number)] = self.entry(f"{name}[{number}]")
        return found

    def take(self, name):
        """Takes a stage for this process and what it starts; the descriptor to hand down and close. A program left
        behind by a killed launcher holds it until it ends. Throws WorkflowError."""
        lock = os.open(self.state_folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 100, 0).decode("ascii", "replace").strip()
            os.close(lock)
            raise WorkflowError(f"stage '{name}' is being run (process {holder or 'unknown'} or what it started) in "
                                f"{self.folder}: wait for it, or give another --folder") from None
        except OSError:
            pass  # A file system without locks: the stage runs unprotected.
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        return lock

    def fingerprint(self, stage):
        """Changes when a stage's program, options, content of inputs or list of outputs change (not its ranks: results
        do not depend on them). Throws WorkflowError where an input is not there."""
        inputs = {path: file_identity(self.folder / path) for path in stage.inputs}
        missing = [path for path, identity in inputs.items() if identity is None]
        if missing:
            raise WorkflowError(f"stage '{stage.name}': input {self.folder / missing[0]} is not there: mend 'inputs' in "
                                "the workflow file, or make the file")
        text = json.dumps([stage.program, list(stage.arguments), inputs, list(stage.outputs)], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()

    def is_complete(self, stage):
        """True where the stage ended well with these inputs and options, and its outputs are as it left them."""
        entry = self.entry(stage.name)
        if entry.get("state") != "done" or not all((self.folder / path).exists() for path in stage.inputs):
            return False
        return (entry.get("fingerprint") == self.fingerprint(stage)
                and entry.get("outputs") == {path: file_identity(self.folder / path) for path in stage.outputs})

    def can_resume(self, name, fingerprint):
        """True where an earlier start of a stage with the same inputs and options did not end."""
        entry = self.entry(name)
        return entry.get("state") in ("running", "stopped", "failed") and entry.get("fingerprint") == fingerprint

    def progress_mark(self, stage):
        """Changes when a stage that was stopped has got on: the content of its outputs and of what it keeps beside
        them (checkpoints, an ensemble's runs), but not of half-written files."""
        marks = []
        runs_folders = [argument.partition("=")[2] for argument in stage.arguments if argument.startswith("--runs=")]
        for output in [*stage.outputs, *runs_folders]:
            path = self.folder / output
            for item in sorted(path.parent.glob(f"{glob.escape(path.stem)}*")):
                files = sorted(item.rglob("*")) if item.is_dir() else [item]
                marks += [f"{file}={file_identity(file)}" for file in files
                          if file.is_file() and file.suffix != ".partial"]
        return hashlib.sha256("\n".join(marks).encode("utf-8", "surrogateescape")).hexdigest()

    def outputs(self, stage):
        """path -> identity of what a stage wrote; throws LauncherError where one is missing."""
        found = {path: file_identity(self.folder / path) for path in stage.outputs}
        missing = [path for path, identity in found.items() if identity is None]
        if missing:
            raise LauncherError(f"{stage.program} ended well but did not write {missing[0]}: mend 'outputs' in the workflow "
                                "file")
        return found
