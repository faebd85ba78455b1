"""The launcher's commands: run and status."""

import argparse
import os
import pathlib
import shlex
import sys

from .errors import (EXIT_FAILURE, EXIT_STOPPED_AT_CHECKPOINT, EXIT_SUCCESS, LauncherError,
                     WorkflowError)
from .local_runner import LocalRunner, display, duration
from .programs import Programs
from .results_state import ResultsState
from .workflow_file import nearest, read_workflow

NAME = "mesoglass"


class _Parser(argparse.ArgumentParser):
    """Argparse with this project's messages: one line, the nearest name, exit code 2."""

    def error(self, message):
        unknown, known = message.partition("unrecognized arguments: ")[2].split(), self._known_words()
        if unknown:
            message = f"unknown option '{unknown[0]}' (command line)"
        elif "invalid choice: " in message:
            unknown = [message.split("'")[1]]
            message = f"unknown command '{unknown[0]}'"
        raise WorkflowError(f"{message}{nearest(unknown[0].split('=')[0], known) if unknown else ''}: {self.prog} --help "
                            "lists them all")

    def _known_words(self):
        words = []
        for action in self._actions:
            words += action.option_strings
            if isinstance(action, argparse._SubParsersAction):
                for name, parser in action.choices.items():
                    words += [name, *parser._known_words()]
        return words


def _parser(version):
    parser = _Parser(prog=NAME, description="Chains the mesoglass programs: from a scan to a report.",
                     allow_abbrev=False)
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    run = commands.add_parser("run", allow_abbrev=False, help="run a workflow; what is complete is skipped",
                              description="Runs every stage of a workflow that is not complete with the same program "
                                          "options and the same content of its inputs, and continues what was "
                                          "interrupted.")
    run.add_argument("workflow", metavar="FILE.workflow")
    where = run.add_mutually_exclusive_group()
    where.add_argument("--local", action="store_true", help="run here (default)")
    where.add_argument("--slurm", action="store_true", help="not there yet")
    run.add_argument("--folder", metavar="FOLDER", help="results folder (default: the workflow file's)")
    run.add_argument("--dry-run", action="store_true",
                     help="check the file, dry-run the stages that need no other's outputs, show what would run")
    run.add_argument("--resume", action="store_true", help="skip complete stages and continue others (the default)")
    run.add_argument("--restart", action="store_true", help="run every stage anew, replacing its outputs")
    run.add_argument("--ranks", type=int, metavar="N", help="MPI ranks of every stage, instead of the file's")
    run.add_argument("--cores", type=int, metavar="N", default=len(os.sched_getaffinity(0)),
                     help="cores to keep busy; stages that do not need each other run side by side (default: all)")
    run.add_argument("--launcher", default="mpirun -n", metavar="WORDS",
                     help="words before the number of ranks (default: 'mpirun -n'); split at blanks, no shell")
    run.add_argument("--commands", action="store_true", help="show each stage's command")
    status = commands.add_parser("status", allow_abbrev=False, help="show what is complete, running or failed")
    status.add_argument("workflow", metavar="FILE.workflow")
    status.add_argument("--folder", metavar="FOLDER", help="results folder (default: the workflow file's)")
    return parser


def _say(text):
    print(text, flush=True)


def _number(options, name):
    value = getattr(options, name)
    if value is not None and not 1 <= value <= 1_000_000:
        raise WorkflowError(f"--{name} = {value} is out of range: allowed is 1 to 1000000")
    return value


def _dry_run(workflow, programs, state):
    for stage in workflow.stages:
        _say(f"{stage.name}: {'skipped: complete' if state.is_complete(stage) else 'would run'}"
             + (f", after {', '.join(stage.after)}" if stage.after else ""))
        _say(f"    $ {display(programs.command(stage))}")
        message = "" if stage.after else programs.check(stage)
        if message:
            raise WorkflowError(f"stage '{stage.name}': {message}")


def _run(options, bin_folder, jobs_folder):
    import dataclasses
    ranks, cores = _number(options, "ranks"), _number(options, "cores")
    workflow = read_workflow(options.workflow, options.folder)
    if ranks:
        workflow = dataclasses.replace(
            workflow, stages=tuple(dataclasses.replace(stage, ranks=ranks) for stage in workflow.stages))
    programs = Programs(bin_folder, shlex.split(options.launcher) or ["mpirun", "-n"])
    for stage in workflow.stages:
        programs.command(stage)
    state = ResultsState(workflow.folder)
    if options.slurm:
        raise LauncherError("--slurm is not there yet: run with --local, inside an allocation if need be")
    if options.dry_run:
        _dry_run(workflow, programs, state)
        return EXIT_SUCCESS
    state.make_folder()
    _say(f"{workflow.title}: {len(workflow.stages)} stages, results in {workflow.folder}")
    results = LocalRunner(workflow, programs, state, cores, _say, options.commands, options.restart).run()
    failed = [name for name, result in results.items() if result == "failed"]
    if failed:
        raise LauncherError(f"{len(failed)} of {len(results)} stages failed ({', '.join(failed)}): mend the cause named "
                            "above and run again; what is complete is kept")
    if any(result in ("stopped", "waiting") for result in results.values()):
        _say("not finished: run again to continue")
        return EXIT_STOPPED_AT_CHECKPOINT
    _say("all stages complete:")
    for path in workflow.stages[-1].outputs:
        _say(f"  {workflow.folder / path}")
    return EXIT_SUCCESS


def _status(options):
    workflow = read_workflow(options.workflow, options.folder)
    state = ResultsState(workflow.folder)
    width = max(len(stage.name) for stage in workflow.stages)
    for stage in workflow.stages:
        entry = state.entry(stage.name)
        found = entry.get("state", "not started")
        text = {"done": "complete", "running": "running or interrupted"}.get(found, found)
        if found == "done":
            text = "complete" if state.is_complete(stage) else "out of date: would run again"
        if "seconds" in entry:
            text += f", {duration(entry['seconds'])}"
        if entry.get("message"):
            text += f": {entry['message']}"
        if "time" in entry:
            text += f" ({entry['time']})"
        _say(f"{stage.name:<{width}}  {text}")
    return EXIT_SUCCESS


def main(words, version, bin_folder, jobs_folder):
    """The exit code."""
    try:
        parser = _parser(version)
        options = parser.parse_args(words)
        if options.command is None:
            parser.error("no command given (run or status)")
        if options.command == "run":
            return _run(options, pathlib.Path(bin_folder), pathlib.Path(jobs_folder))
        return _status(options)
    except LauncherError as error:
        print(f"{NAME}: error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return EXIT_FAILURE
