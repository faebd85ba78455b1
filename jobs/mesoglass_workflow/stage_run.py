"""One stage's program from start to end, with what becomes of it kept in the results folder: here or in a job."""

import contextlib
import dataclasses
import json
import os
import shlex
import signal
import subprocess
import time

from .errors import EXIT_STOPPED_AT_CHECKPOINT, LauncherError, WorkflowError
from .programs import environment, last_message
from .workflow_file import slice_of, slices_collector

# A program that is asked for a checkpoint before it has come to listen ends by the signal itself; mpirun and srun tell it
# as an exit code.
KILLED_BY_THE_REQUEST = (-signal.SIGUSR2, 128 + signal.SIGUSR2)
# How much of a log's end is searched for the program's own words.
LOG_END_BYTES = 65536


def duration(seconds):
    """"3 s", "4 min 10 s", "2 h 5 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


def display(words):
    """A command as a person could type it."""
    return " ".join(shlex.quote(word) for word in words)


@dataclasses.dataclass(frozen=True)
class Ended:
    """What became of a stage: "done", "partial" (runs are missing), "stopped" or "failed", and why."""

    result: str
    message: str = ""


class StageRun:
    """Starts a stage, or one slice of it, or the collection of its slices; records its state when it has ended."""

    def __init__(self, stage, programs, state, restart=False, slice_index=None, collect=False):
        self.stage, self.programs, self.state, self.restart = stage, programs, state, restart
        self.name, self.command_stage = stage.name, stage
        if slice_index is not None:
            self.command_stage = slice_of(stage, slice_index)
            self.name = self.command_stage.name
        elif collect:
            self.command_stage = slices_collector(stage)
        self.log = state.log_path(self.name)
        self.resumed = False
        self.words = []
        self.process = None
        self._fingerprint = None
        self._start = None
        self._asked_to_stop = False

    def start(self):
        """Starts the program. Throws WorkflowError where the stage is being run already, an input is not there, or an
        output is somebody else's."""
        lock = self.state.take(self.name)
        try:
            self._launch(lock)
        finally:
            os.close(lock)

    def _launch(self, lock):
        self._refuse_foreign_outputs()
        # A slice and a collection stand for the whole stage: what decides their results is the same.
        self._fingerprint = self.state.fingerprint(self.stage)
        self.resumed = not self.restart and self.state.can_resume(self.name, self._fingerprint)
        self.words = self.programs.command(self.command_stage, [f"--summary={self.state.summary_path(self.name)}",
                                                                *self._fate_of_outputs()])
        for path in self.command_stage.outputs:
            (self.state.folder / path).parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab" if self.resumed else "wb") as stream:
            stream.write(f"$ {display(self.words)}\n".encode("utf-8", "surrogateescape"))
            stream.flush()
            self.process = subprocess.Popen(self.words, cwd=self.state.folder, stdin=subprocess.DEVNULL, stdout=stream,
                                            stderr=subprocess.STDOUT, env=environment(), start_new_session=True,
                                            pass_fds=[lock])
        self._start = time.monotonic()
        job = {"job": os.environ["SLURM_JOB_ID"]} if "SLURM_JOB_ID" in os.environ else {}
        self.state.record(self.name, state="running", fingerprint=self._fingerprint, process=self.process.pid, **job)

    def _refuse_foreign_outputs(self):
        if self.state.entry(self.stage.name) or self.state.slice_entries(self.stage.name):
            return
        for path in self.command_stage.outputs:
            if os.path.lexists(self.state.folder / path):
                raise WorkflowError(f"stage '{self.stage.name}': {self.state.folder / path} exists, but this workflow did "
                                    "not write it: move it away, or give another --folder")

    def _fate_of_outputs(self):
        if self.command_stage.program == "mg-ensemble" and self.command_stage is not self.stage and self.command_stage.outputs:
            return ["--overwrite"]  # A collection replaces an older one.
        if self.command_stage.program == "mg-ensemble" and not self.restart:
            # Runs of the same design are kept, others replaced: mg-ensemble tells them apart itself.
            return ["--resume", "--overwrite"]
        return ["--resume" if self.resumed else "--overwrite"]

    def seconds(self):
        """Since the start."""
        return time.monotonic() - self._start

    def poll(self):
        """None while the program runs, else what became of it, recorded."""
        code = self.process.poll()
        return None if code is None else self._ended(code)

    def wait(self):
        """Waits for the end; what became of it."""
        return self._ended(self.process.wait())

    def send(self, number, whole_group=False):
        """A signal to the program. mpirun and srun pass SIGUSR2 on to their ranks themselves; a second one through the
        group would do harm."""
        self._asked_to_stop = self._asked_to_stop or number == signal.SIGUSR2
        with contextlib.suppress(ProcessLookupError):
            if whole_group:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)

    def _ended(self, code):
        entry = {"fingerprint": self._fingerprint, "seconds": round(self.seconds(), 2), "exit_code": code}
        if code == EXIT_STOPPED_AT_CHECKPOINT:
            return self._record("stopped", entry, "stopped at a checkpoint")
        if self._asked_to_stop and code in KILLED_BY_THE_REQUEST:
            return self._record("stopped", entry, "stopped before it could begin")
        if code != 0:
            words = f"ended by signal {signal.Signals(-code).name}" if code < 0 else self._last_message()
            return self._record("failed", entry, words or f"exit code {code}")
        try:
            entry["outputs"] = self.state.outputs(self.command_stage)
        except LauncherError as error:
            return self._record("failed", entry, str(error))
        missing = self._missing_runs()
        if missing:
            return self._record("partial", entry, f"{missing} runs are missing: run again to compute them")
        return self._record("done", entry, "")

    def _record(self, result, entry, message):
        self.state.record(self.name, state=result, **entry, **({"message": message} if message else {}))
        return Ended(result, message)

    def _last_message(self):
        with open(self.log, "rb") as stream:
            stream.seek(max(0, self.log.stat().st_size - LOG_END_BYTES))
            return last_message(stream.read().decode("utf-8", "replace"))

    def _missing_runs(self):
        if self.command_stage.program != "mg-ensemble" or not self.command_stage.outputs:
            return 0
        try:
            results = json.loads(self.state.summary_path(self.name).read_text(encoding="utf-8"))["results"]
            return int(results["missing_runs"]["value"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0
