"""Inside a Slurm job: runs the stage, turns Slurm's warning into a checkpoint, and asks for a restart."""

import os
import signal
import time

from . import slurm
from .errors import EXIT_FAILURE, EXIT_STOPPED_AT_CHECKPOINT, EXIT_SUCCESS, LauncherError
from .job_script import COLLECT
from .stage_run import StageRun, display, duration

POLL_SECONDS = 0.1
# Slurm ends a job that goes back into the queue by itself; this long it is waited for.
REQUEUE_SECONDS = 60
MOST_BARREN_STARTS = 2


class StageJob:
    """One job's stage; `say` takes each line for the job's log."""

    def __init__(self, plan, slice_index, programs, state, say):
        self.plan, self.state, self.say = plan, state, say
        self.stage_run = StageRun(plan.stage, programs, state, slice_index=slice_index, collect=plan.part == COLLECT)
        self.signals = []

    def run(self):
        """The exit code of the job: 0 also where the stage was complete already."""
        for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _frame: self.signals.append(number))
        stage = self.plan.stage
        restarts = int(os.environ.get("SLURM_RESTART_COUNT") or 0)
        self.say(f"{self.stage_run.name}: job {os.environ.get('SLURM_JOB_ID', '?')} on "
                 f"{os.environ.get('SLURM_JOB_NODELIST', 'this machine')}"
                 + (f", restart {restarts}" if restarts else ""))
        if self.state.is_complete(stage):
            self.say("complete already")
            return EXIT_SUCCESS
        before = self.state.progress_mark(stage)
        barren = self.state.entry(self.stage_run.name).get("barren_starts", 0)
        try:
            self.stage_run.start()
        except LauncherError as error:
            # A job's own log is easily overlooked: 'status' tells it too.
            self.state.amend(self.stage_run.name, state="failed", message=str(error))
            raise
        self.say(f"{'continuing' if self.stage_run.resumed else 'running'}: {display(self.stage_run.words)}")
        ended = self._watch()
        self.say(f"{ended.result} after {duration(self.stage_run.seconds())}" + (f": {ended.message}" if ended.message else ""))
        if ended.result == "stopped":
            return self._stopped(before, barren, restarts)
        return EXIT_FAILURE if ended.result == "failed" else EXIT_SUCCESS

    def _watch(self):
        # One request for a checkpoint, then the grace, then the end.
        deadline = None
        while True:
            ended = self.stage_run.poll()
            if ended is not None:
                return ended
            if self.signals and deadline is None:
                self.say(f"asked to stop by {signal.Signals(self.signals[0]).name}: at most {self.plan.grace_seconds} s for a "
                         "checkpoint")
                self.stage_run.send(signal.SIGUSR2)
                deadline = time.monotonic() + self.plan.grace_seconds
            if deadline is not None and time.monotonic() > deadline:
                self.stage_run.send(signal.SIGKILL, whole_group=True)
            time.sleep(POLL_SECONDS)

    def _stopped(self, before, barren, restarts):
        if signal.SIGTERM in self.signals or signal.SIGINT in self.signals:
            return EXIT_STOPPED_AT_CHECKPOINT  # Cancelled by a person: it stays where it is.
        # Slurm may warn a minute early, even at the very start: one start in vain says nothing yet.
        barren = barren + 1 if self.state.progress_mark(self.plan.stage) == before else 0
        self.state.amend(self.stage_run.name, barren_starts=barren)
        if barren >= MOST_BARREN_STARTS:
            return self._give_up(f"stopped {barren} times in a row without having got any further: give it more time ('time' in the site settings or "
                                 "of the stage); programs without checkpoints must end in one go")
        if restarts >= self.plan.restarts:
            return self._give_up(f"stopped after {restarts} restarts: raise 'restarts' in the site settings, or run again")
        array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
        slurm.requeue(f"{array}_{task}" if array else os.environ["SLURM_JOB_ID"])
        time.sleep(REQUEUE_SECONDS)
        return EXIT_STOPPED_AT_CHECKPOINT

    def _give_up(self, message):
        self.state.amend(self.stage_run.name, state="failed", message=message, barren_starts=0)
        self.say(f"failed: {message}")
        return EXIT_FAILURE
