"""Slurm's commands, called without a shell: submit, ask, cancel, put back into the queue."""

import dataclasses
import getpass
import re
import shutil
import subprocess

from .errors import LauncherError, WorkflowError

# States of jobs that have not ended (Slurm's long names).
LIVE_STATES = ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD",
               "RESIZING", "SIGNALING", "STAGE_OUT", "SPECIAL_EXIT", "RESV_DEL_HOLD")
# Waiting for an answer of a busy controller.
COMMAND_SECONDS = 300


@dataclasses.dataclass(frozen=True)
class JobState:
    """What Slurm tells of a job, or of one task of an array."""

    job: str  # "12" or "12_3"
    state: str  # Slurm's long name, "" = not known any more
    reason: str = ""
    elapsed: str = ""

    @property
    def live(self):
        """True while it waits or runs."""
        return self.state in LIVE_STATES


def _call(words, text=None):
    try:
        return subprocess.run(words, input=text, capture_output=True, text=True, check=False,
                              timeout=COMMAND_SECONDS, stdin=subprocess.DEVNULL if text is None else None)
    except FileNotFoundError:
        raise WorkflowError(f"'{words[0]}' is not found: --slurm wants Slurm's commands on this machine; run with --local "
                            "otherwise") from None
    except subprocess.TimeoutExpired:
        raise LauncherError(f"{words[0]} gave no answer for {COMMAND_SECONDS} s: is Slurm's controller up?") from None


def submit_words(folder, log, after):
    """The words of sbatch, which reads the script from its standard input. What may hold any character (the folder, and
    `log` in it, where %a is an array's task) or is known only now (dependencies) stands here and not in the script.
    `after` is (kind, jobs) with kind afterok or afterany. Throws WorkflowError where Slurm cannot write the log."""
    if "\\" in str(folder):
        raise WorkflowError(f"{folder}: Slurm cannot write a job's log into a folder whose name holds a backslash: give "
                            "another --folder")
    words = ["sbatch", "--parsable", f"--chdir={folder}", f"--output={str(folder).replace('%', '%%')}/{log}"]
    dependencies = [f"{kind}:{':'.join(jobs)}" for kind, jobs in after if jobs]
    return words + ([f"--dependency={','.join(dependencies)}"] if dependencies else [])


def submit(script, words):
    """Submits a script with the words of submit_words; the job's number. Throws LauncherError with Slurm's own words."""
    result = _call(words, text=script)
    number = result.stdout.strip().partition(";")[0]
    if result.returncode != 0 or not number.isdigit():
        raise LauncherError(f"sbatch refused a job ({' '.join(result.stderr.split()) or 'no words'}): mend the site settings "
                            "(partition, account, time, ...) or the workflow's ranks")
    return number


def job_states(numbers):
    """number -> states of that job's tasks (one where it is no array), from the queue and, for what has left it, from
    the accounting, if the site has one. A job that nobody knows any more has none."""
    found = {number: {} for number in numbers}
    if not numbers:
        return {}
    queue = _call(["squeue", "--noheader", "--array", "--states=all", f"--user={getpass.getuser()}",
                   "--format=%F|%i|%T|%r|%M"])
    if queue.returncode != 0:
        raise LauncherError(f"squeue failed ({' '.join(queue.stderr.split())}): is Slurm's controller up?")
    for line in queue.stdout.splitlines():
        parent, job, state, reason, elapsed = (line.split("|") + [""] * 5)[:5]
        if parent in found:
            found[parent][job] = JobState(job, state, "" if reason == "None" else reason, elapsed)
    gone = [number for number in numbers if not found[number]]
    if gone and shutil.which("sacct"):
        accounts = _call(["sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={','.join(gone)}",
                          "--format=JobID,State,Elapsed"])
        for line in accounts.stdout.splitlines() if accounts.returncode == 0 else []:
            job, state, elapsed = (line.split("|") + [""] * 3)[:3]
            parent = re.split(r"[_.]", job)[0]
            if parent in found and state:
                # "CANCELLED by 1000"
                found[parent][job] = JobState(job, state.split()[0], "", elapsed)
    return {number: list(tasks.values()) for number, tasks in found.items()}


def cancel(numbers):
    """Takes jobs out of the queue and ends those that run. Throws LauncherError."""
    result = _call(["scancel", *numbers])
    if result.returncode != 0:
        raise LauncherError(f"scancel failed ({' '.join(result.stderr.split())}): try again, or ask the site")


def requeue(job):
    """Puts a job, or one task of an array, back into the queue; it ends soon after. Throws LauncherError."""
    result = _call(["scontrol", "requeue", job])
    if result.returncode != 0:
        raise LauncherError(f"scontrol requeue {job} failed ({' '.join(result.stderr.split())}): run mesoglass again")
