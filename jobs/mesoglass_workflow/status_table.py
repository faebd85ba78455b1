"""What has become of a workflow's stages: their own state, and what Slurm knows of their jobs, as a table."""

from . import slurm
from .errors import LauncherError
from .job_script import COLLECT, SLICES, STAGE
from .slurm_runner import JobFiles
from .stage_run import duration

HEADINGS = ("stage", "state", "job", "Slurm", "time", "what")


def status_table(workflow, state):
    """The table's lines; a note where Slurm gave no answer."""
    files = JobFiles(state)
    jobs = {stage.name: files.jobs_of(stage) for stage in workflow.stages}
    numbers = [number for parts in jobs.values() for number in parts.values()]
    note, tasks = "", {}
    if numbers:
        try:
            tasks = slurm.job_states(numbers)
        except LauncherError as error:
            note = f"Slurm was not asked: {error}"
    rows = [HEADINGS]
    for stage in workflow.stages:
        rows += _rows(stage, state, jobs[stage.name], tasks, known=bool(numbers) and not note)
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    shown = [column for column in range(len(HEADINGS)) if any(row[column] for row in rows[1:])]
    lines = ["  ".join(f"{row[column]:<{widths[column]}}" for column in shown).rstrip() for row in rows]
    return lines + ([note] if note else [])


def _rows(stage, state, jobs, tasks, known):
    rows = []
    number = jobs.get(COLLECT) or jobs.get(STAGE) or ""
    found = tasks.get(number, [])
    entry = state.entry(stage.name)
    complete = entry.get("state") == "done" and state.is_complete(stage)
    rows.append(_row(stage.name, entry, number, found[0] if found else None, known, complete))
    slices = state.slice_entries(stage.name)
    array = {task.job.partition("_")[2]: task for task in tasks.get(jobs.get(SLICES, ""), [])}
    for index in range(stage.slices if SLICES in jobs else 0):
        own = slices.get(index, {})
        task = array.get(str(index))
        # What went well is one line with the others; what did not is named.
        if complete or (own.get("state") == "done" and not (task and task.live)):
            continue
        rows.append(_row(f"  slice {index}", own, jobs[SLICES], task, known, False, f"_{index}"))
    return rows


def _row(name, entry, number, task, known, complete, suffix=""):
    found = entry.get("state", "")
    words = {"": "not started", "done": "complete" if complete or suffix else "out of date", "partial": "incomplete",
             "running": "running or interrupted", "outdated": "out of date"}.get(found, found)
    what = entry.get("message", "")
    if task is not None and task.live:
        words = {"PENDING": "waiting", "RUNNING": "running"}.get(task.state, task.state.lower())
        what = task.reason if task.state == "PENDING" else ""
    elif number and known and found in ("", "running", "outdated"):
        # The job has ended and its stage did not say how.
        state = task.state if task is not None else ""
        if state in ("COMPLETED", "") and found != "running":
            words = "not started"
        elif task is not None and task.reason == "DependencyNeverSatisfied":
            words, what = "not started", "what it needs has failed"
        elif state == "CANCELLED" and found == "":
            words, what = "not started", "cancelled"
        else:
            words = "failed"
            what = f"its job ended without a word{f' ({state})' if state else ''}: run again to continue"
    time = duration(entry["seconds"]) if "seconds" in entry else (task.elapsed if task is not None else "")
    if found == "done" and not complete and not suffix and not (task and task.live):
        what = "its inputs, options or outputs have changed: it would run again"
    return (name, words, f"{number}{suffix}" if number else "", task.state if task is not None else "", time, what)
