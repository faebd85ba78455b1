"""Runs a workflow's stages on this machine, as many at a time as there are cores."""

import signal
import time

from .stage_run import StageRun, display, duration

POLL_SECONDS = 0.05
# After asking for a checkpoint, this long until a stage is ended.
GRACE_SECONDS = 30.0
GOOD = ("done", "complete", "partial")


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
        """Runs everything that is not complete; the results, stage name -> "done", "complete", "partial", "failed",
        "stopped", "waiting"."""
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
                blocking = [name for name in stage.after if self.results.get(name) not in GOOD]
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
                if any(self.results.get(name) not in GOOD for name in stage.after):
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
        item = StageRun(stage, self.programs, self.state, self.restart)
        item.start()
        self.running.append(item)
        ranks = f" on {stage.ranks} ranks" if stage.ranks > 1 else ""
        self.line(stage, f"{'continuing' if item.resumed else 'running'}: {stage.program}{ranks}")
        if self.show_commands:
            self.say(f"{'':<{self.width}}  $ {display(item.words)}")

    def _reap(self):
        for item in list(self.running):
            ended = item.poll()
            if ended is None:
                continue
            self.running.remove(item)
            self.results[item.stage.name] = ended.result
            taken = duration(item.seconds())
            self.line(item.stage, {"done": f"done in {taken}", "partial": f"done in {taken}, but {ended.message}",
                                   "stopped": f"stopped at a checkpoint after {taken}: run again to continue",
                                   "failed": f"failed: {ended.message} (log: {item.log})"}[ended.result])

    def _stop_all(self):
        # Programs answer SIGUSR2 with a checkpoint and exit code 75; what does not in time is ended.
        if not self.running:
            return
        self.say(f"stopping {len(self.running)} running stage(s) at a checkpoint, at most {GRACE_SECONDS:.0f} s ...")
        for item in self.running:
            item.send(signal.SIGUSR2)
        deadline = time.monotonic() + GRACE_SECONDS
        while self.running and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            self._reap()
        for item in self.running:
            item.send(signal.SIGKILL, whole_group=True)
        for item in list(self.running):
            item.process.wait()
        self._reap()
