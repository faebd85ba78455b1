"""Runs a workflow's stages on this machine, as many at a time as there are cores."""

import os
import signal
import subprocess
import time

from .errors import (EXIT_STOPPED_AT_CHECKPOINT, LauncherError, WorkflowError)
from .programs import environment, last_message

POLL_SECONDS = 0.05
# After asking for a checkpoint, this long until a stage is ended.
GRACE_SECONDS = 30.0


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


class _Running:
    def __init__(self, stage, process, fingerprint, log):
        self.stage, self.process, self.fingerprint, self.log = stage, process, fingerprint, log
        self.start = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.start


class LocalRunner:
    """One run over the stages; `say` takes each line for the person who watches."""

    def __init__(self, workflow, programs, state, cores, say, show_commands=False, restart=False):
        self.workflow, self.programs, self.state = workflow, programs, state
        self.cores, self.say, self.show_commands, self.restart = cores, say, show_commands, restart
        self.results = {}
        self.running = []
        self.stop_requested = None
        self.width = max(len(stage.name) for stage in workflow.stages)

    def line(self, stage, text):
        """One line about a stage."""
        self.say(f"{stage.name:<{self.width}}  {text}")

    def run(self):
        """Runs everything that is not complete; the results, stage name -> "done", "complete", "failed", "stopped",
        "waiting"."""
        old = {number: signal.signal(number, self._request_stop) for number in (signal.SIGINT, signal.SIGTERM,
                                                                                signal.SIGUSR2)}
        try:
            while True:
                self._start_ready()
                if not self.running:
                    break
                time.sleep(POLL_SECONDS)
                self._reap()
                if self.stop_requested is not None:
                    self._stop_all()
                    break
        except BaseException:
            self._stop_all()
            raise
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)
        for stage in self.workflow.stages:
            if stage.name not in self.results:
                blocking = [name for name in stage.after if self.results.get(name) in ("failed", "stopped", "waiting")]
                why = f"not started: waits for {blocking[0]}" if blocking else "not started"
                self.line(stage, why)
                self.results[stage.name] = "waiting"
        return self.results

    def _request_stop(self, number, _frame):
        self.stop_requested = number

    def _start_ready(self):
        started = True
        while started and self.stop_requested is None:
            started = False
            for stage in self.workflow.stages:
                if stage.name in self.results or any(item.stage is stage for item in self.running):
                    continue
                if any(self.results.get(name) not in ("done", "complete") for name in stage.after):
                    continue
                used = sum(item.stage.ranks for item in self.running)
                if self.running and used + stage.ranks > self.cores:
                    continue
                self._start(stage)
                started = True

    def _start(self, stage):
        if not self.restart and self.state.is_complete(stage):
            self.results[stage.name] = "complete"
            self.line(stage, "skipped: complete")
            return
        lock = self.state.take(stage)
        try:
            self._launch(stage, lock)
        finally:
            os.close(lock)

    def _launch(self, stage, lock):
        known = bool(self.state.entry(stage.name))
        resume = not self.restart and self.state.can_resume(stage)
        foreign = [path for path in stage.outputs if os.path.lexists(self.state.folder / path)] if not known else []
        if foreign:
            raise WorkflowError(f"stage '{stage.name}': {self.state.folder / foreign[0]} exists, but this workflow did not "
                                "write it: move it away, or give another --folder")
        fingerprint = self.state.fingerprint(stage)
        extra = [f"--summary={self.state.summary_path(stage.name)}", "--resume" if resume else "--overwrite"]
        command = self.programs.command(stage, extra)
        for path in stage.outputs:
            (self.state.folder / path).parent.mkdir(parents=True, exist_ok=True)
        log = self.state.log_path(stage.name)
        with open(log, "ab" if resume else "wb") as stream:
            stream.write(f"$ {display(command)}\n".encode("utf-8", "surrogateescape"))
            stream.flush()
            process = subprocess.Popen(command, cwd=self.state.folder, stdin=subprocess.DEVNULL, stdout=stream,
                                       stderr=subprocess.STDOUT, env=environment(), start_new_session=True,
                                       pass_fds=[lock])
        self.state.record(stage.name, state="running", fingerprint=fingerprint, process=process.pid)
        self.running.append(_Running(stage, process, fingerprint, log))
        ranks = f" on {stage.ranks} ranks" if stage.ranks > 1 else ""
        self.line(stage, f"{'continuing' if resume else 'running'}: {stage.program}{ranks}")
        if self.show_commands:
            self.say(f"{'':<{self.width}}  $ {display(command)}")

    def _reap(self):
        for item in list(self.running):
            code = item.process.poll()
            if code is None:
                continue
            self.running.remove(item)
            self._ended(item, code)

    def _ended(self, item, code):
        stage, seconds = item.stage, item.seconds()
        entry = {"fingerprint": item.fingerprint, "seconds": round(seconds, 2), "exit_code": code}
        if code == 0:
            try:
                outputs = self.state.outputs(stage)
            except LauncherError as error:
                self._failed(stage, entry, str(error), item.log)
                return
            self.state.record(stage.name, state="done", outputs=outputs, **entry)
            self.results[stage.name] = "done"
            self.line(stage, f"done in {duration(seconds)}")
        elif code == EXIT_STOPPED_AT_CHECKPOINT:
            self.state.record(stage.name, state="stopped", message="stopped at a checkpoint", **entry)
            self.results[stage.name] = "stopped"
            self.line(stage, f"stopped at a checkpoint after {duration(seconds)}: run again to continue")
        else:
            with open(item.log, "rb") as stream:
                stream.seek(max(0, item.log.stat().st_size - 65536))
                words = last_message(stream.read().decode("utf-8", "replace"))
            if code < 0:
                words = f"ended by signal {signal.Signals(-code).name}"
            self._failed(stage, entry, words or f"exit code {code}", item.log)

    def _failed(self, stage, entry, message, log):
        self.state.record(stage.name, state="failed", message=message, **entry)
        self.results[stage.name] = "failed"
        self.line(stage, f"failed: {message} (log: {log})")

    def _stop_all(self):
        # Programs answer SIGUSR2 with a checkpoint and exit code 75; what does not in time is ended.
        if not self.running:
            return
        self.say(f"stopping {len(self.running)} running stage(s) at a checkpoint, at most {GRACE_SECONDS:.0f} s ...")
        for item in self.running:
            _send(item.process, signal.SIGUSR2)
        deadline = time.monotonic() + GRACE_SECONDS
        while self.running and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            self._reap()
        for item in self.running:
            _send(item.process, signal.SIGKILL, whole_group=True)
        for item in list(self.running):
            item.process.wait()
        self._reap()


def _send(process, number, whole_group=False):
    # mpirun passes SIGUSR2 on to its ranks itself; a second one through the group would do harm.
    try:
        if whole_group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
    except ProcessLookupError:
        pass


def display(words):
    """A command as a person could type it."""
    import shlex
    return " ".join(shlex.quote(word) for word in words)
