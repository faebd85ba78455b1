"""Submits a workflow's stages as Slurm jobs, each of which waits for those that it needs."""

import dataclasses
import getpass
import json
import os

from . import job_script, slurm
from .errors import LauncherError, WorkflowError
from .job_script import COLLECT, SLICES, STAGE
from .results_state import STATE_FOLDER
from .stage_run import display
from .workflow_file import Stage

JOB_FOLDER = "slurm"


@dataclasses.dataclass(frozen=True)
class JobPlan:
    """One job of a stage: what its script wants to know when it runs."""

    stage: Stage
    part: str  # STAGE, SLICES or COLLECT
    launcher: tuple
    grace_seconds: int
    restarts: int

    @property
    def name(self):
        """Of its files: "[" stands in no stage's name."""
        return f"{self.stage.name}[slices]" if self.part == SLICES else self.stage.name


def parts_of(stage):
    """The jobs that a stage becomes."""
    return (SLICES, COLLECT) if stage.slices > 1 else (STAGE,)


class JobFiles:
    """FOLDER/.mesoglass/slurm: the plan and the number of every job."""

    def __init__(self, state):
        self.folder = state.state_folder / JOB_FOLDER

    def write_plan(self, plan):
        """Keeps what a job is to do: it depends on no later change of the workflow file."""
        self._write(f"{plan.name}.plan.json", dataclasses.asdict(plan))

    def read_plan(self, name):
        """Throws WorkflowError where there is none."""
        content = self._read(f"{name}.plan.json")
        if not content:
            raise WorkflowError(f"{self.folder / name}.plan.json is not there: a job script runs only in the folder of the "
                                "workflow that submitted it")
        stage = Stage(**{key: tuple(value) if isinstance(value, list) else value
                         for key, value in content.pop("stage").items()})
        return JobPlan(stage=stage, launcher=tuple(content.pop("launcher")), **content)

    def write_script(self, plan, script):
        """For people to read."""
        path = self.folder / f"{plan.name}.sbatch"
        path.write_text(script, encoding="utf-8", errors="surrogateescape")

    def write_job(self, name, number):
        """Keeps a job's number."""
        self._write(f"{name}.job.json", {"job": number})

    def job(self, name):
        """The number of a part's last job; "" where it never had one."""
        return self._read(f"{name}.job.json").get("job", "")

    def jobs_of(self, stage):
        """part -> number of the stage's last jobs, collection included whatever the number of slices is now."""
        named = {SLICES: f"{stage.name}[slices]", COLLECT if stage.slices > 1 else STAGE: stage.name}
        return {part: number for part, name in named.items() if (number := self.job(name))}

    def _write(self, name, content):
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"{name}.partial"
        partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
        partial.rename(self.folder / name)

    def _read(self, name):
        try:
            content = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as cause:
            raise WorkflowError(f"{self.folder / name} cannot be read ({cause}): remove it, and look with squeue whether its "
                                "job is still there") from None
        return content if isinstance(content, dict) else {}


class SlurmRunner:
    """One submission over the stages."""

    def __init__(self, workflow, programs, state, site, jobs_folder, say):
        self.workflow, self.programs, self.state, self.site, self.say = workflow, programs, state, site, say
        self.templates = jobs_folder / "templates"
        self.files = JobFiles(state)
        self.width = max(len(stage.name) for stage in workflow.stages)

    def plan(self, stage, part):
        """A job's plan."""
        # Slurm ends the job when the grace is over: be done before.
        grace = max(1, self.site.signal_seconds - min(15, self.site.signal_seconds // 4))
        return JobPlan(stage, part, tuple(self.site.mpi_launcher()), grace, self.site.restarts)

    def script(self, plan):
        """A job's script."""
        command = [str(self.programs.folder / "mesoglass"), "job", str(self.workflow.folder), plan.name]
        return job_script.job_script(plan.stage, plan.part, self.site, command, self.templates)

    def words(self, plan, after):
        """The command that submits it."""
        name = f"{plan.stage.name}{'.slice-%a' if plan.part == SLICES else ''}.job"
        return slurm.submit_words(self.workflow.folder, f"{STATE_FOLDER}/logs/{name}", after)

    def dry_run(self):
        """Shows every script and the command that would submit it."""
        jobs = {}
        for stage in self.workflow.stages:
            if self._skipped(stage, jobs):
                self._line(stage, "skipped: complete")
                continue
            for part in parts_of(stage):
                after = self._after(stage, part, jobs)
                jobs[stage.name] = [f"JOB-OF-{stage.name}"]
                plan = self.plan(stage, part)
                self._line(stage, f"would be submitted with\n$ {display(self.words(plan, after))} <<'END'\n"
                                  f"{self.script(plan)}END")
                if part == SLICES:
                    jobs[SLICES] = [f"SLICES-OF-{stage.name}"]

    def submit(self, restart):
        """Submits what is neither complete nor in the queue already; how many jobs. Throws LauncherError."""
        live = self._live_jobs()
        self._judge(live, restart)
        jobs, count = {}, 0
        for stage in self.workflow.stages:
            if stage.name in live:
                jobs[stage.name] = [live[stage.name]]
                self._line(stage, f"job {live[stage.name]} is in the queue already")
                continue
            if not restart and self._skipped(stage, jobs):
                self._line(stage, "skipped: complete")
                continue
            if restart:
                self.state.forget(stage.name)
            numbers = []
            for part in parts_of(stage):
                plan = self.plan(stage, part)
                script = self.script(plan)
                self.files.write_plan(plan)
                self.files.write_script(plan, script)
                number = slurm.submit(script, self.words(plan, self._after(stage, part, jobs)))
                self.files.write_job(plan.name, number)
                count += 1
                numbers.append(number)
                jobs[SLICES if part == SLICES else stage.name] = [number]
            waits = f", after {', '.join(name for name in stage.after if name in jobs)}" if any(
                name in jobs for name in stage.after) else ""
            what = f"job {numbers[0]}" if len(numbers) == 1 else (f"array {numbers[0]} of {stage.slices} slices, collected by "
                                                                  f"job {numbers[1]}")
            self._line(stage, f"submitted: {what}{waits}")
        return count

    def _skipped(self, stage, jobs):
        return not any(name in jobs for name in stage.after) and self.state.is_complete(stage)

    @staticmethod
    def _after(stage, part, jobs):
        needed = [number for name in stage.after for number in jobs.get(name, [])]
        if part == COLLECT:
            # Slices may die: what they have done is collected all the same.
            return [("afterany", jobs[SLICES])]
        return [("afterok", needed)]

    def _live_jobs(self):
        # stage -> the job that its dependents wait for, where any of the stage's jobs is in the queue.
        known = {stage.name: self.files.jobs_of(stage) for stage in self.workflow.stages}
        states = slurm.job_states([number for parts in known.values() for number in parts.values()])
        live = {}
        for name, parts in known.items():
            alive = [number for number in parts.values() if any(task.live for task in states[number])]
            if alive:
                live[name] = parts.get(COLLECT) or parts.get(STAGE) or alive[-1]
        return live

    def _judge(self, live, restart):
        # Everything that can be wrong, before the first job is submitted.
        for stage in self.workflow.stages:
            if stage.name in live:
                submitted = self.files.read_plan(stage.name).stage
                if restart or submitted != stage:
                    raise WorkflowError(f"stage '{stage.name}': job {live[stage.name]} is still in the queue"
                                        f"{'' if restart else ' with other options'}: wait for it, or end it with mesoglass "
                                        "cancel")
                continue
            if self.state.entry(stage.name) or self.state.slice_entries(stage.name):
                continue
            for path in stage.outputs:
                if os.path.lexists(self.workflow.folder / path):
                    raise WorkflowError(f"stage '{stage.name}': {self.workflow.folder / path} exists, but this workflow did "
                                        "not write it: move it away, or give another --folder")

    def _line(self, stage, text):
        self.say(f"{stage.name:<{self.width}}  {text}")


def cancel_jobs(workflow, state, say):
    """Cancels every job of a workflow that has not ended; how many. Throws LauncherError."""
    files = JobFiles(state)
    numbers = [number for stage in workflow.stages for number in files.jobs_of(stage).values()]
    states = slurm.job_states(numbers)
    live = [number for number in numbers if any(task.live for task in states[number])]
    if live:
        slurm.cancel(live)
        say(f"cancelled {len(live)} jobs of {getpass.getuser()}: {', '.join(live)}")
    return len(live)


def run_job(state, programs_of, name, say):
    """What a job script runs: one stage, one slice, or a collection. The exit code is the job's."""
    from .stage_job import StageJob
    plan = JobFiles(state).read_plan(name)
    index = None
    if plan.part == SLICES:
        try:
            index = int(os.environ["SLURM_ARRAY_TASK_ID"])
        except (KeyError, ValueError):
            raise LauncherError(f"{name} is a job array: submit it with mesoglass run --slurm") from None
    return StageJob(plan, index, programs_of(plan.launcher), state, say).run()
