"""The launcher's commands: run, status, cancel, scaling, and job, which job scripts call."""

import argparse
import dataclasses
import os
import pathlib
import shlex
import sys

from . import slurm
from .errors import (EXIT_FAILURE, EXIT_STOPPED_AT_CHECKPOINT, EXIT_SUCCESS, LauncherError,
                     WorkflowError)
from .job_script import scaling_script
from .local_runner import LocalRunner
from .programs import Programs
from .results_state import ResultsState
from .scaling_study import KINDS, SUBJECTS, ScalingStudy
from .site_settings import find_site_file, read_site_settings
from .slurm_runner import SlurmRunner, cancel_jobs, run_job
from .stage_run import display
from .status_table import status_table
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
    where.add_argument("--slurm", action="store_true", help="submit each stage as a job that waits for those it needs")
    run.add_argument("--site", metavar="FILE", help="site settings for --slurm (default: $MESOGLASS_SITE, "
                     "~/.config/mesoglass/site.toml, the installed site.toml)")
    run.add_argument("--folder", metavar="FOLDER", help="results folder (default: the workflow file's)")
    run.add_argument("--dry-run", action="store_true",
                     help="check the file, dry-run the stages that need no other's outputs, show what would run")
    run.add_argument("--resume", action="store_true", help="skip complete stages and continue others (the default)")
    run.add_argument("--restart", action="store_true", help="run every stage anew, replacing its outputs")
    run.add_argument("--ranks", type=int, metavar="N", help="MPI ranks of every stage, instead of the file's")
    run.add_argument("--cores", type=int, metavar="N",
                     help="cores to keep busy; stages that do not need each other run side by side (default: all)")
    run.add_argument("--launcher", metavar="WORDS",
                     help="words before the number of ranks (default: 'mpirun -n'); split at blanks, no shell; under --slurm "
                     "the site settings name it")
    run.add_argument("--commands", action="store_true", help="show each stage's command")
    for name, text in (("status", "show what is complete, running, in Slurm's queue or failed"),
                       ("cancel", "take a workflow's jobs out of Slurm's queue")):
        command = commands.add_parser(name, allow_abbrev=False, help=text, description=text)
        command.add_argument("workflow", metavar="FILE.workflow")
        command.add_argument("--folder", metavar="FOLDER", help="results folder (default: the workflow file's)")
    scaling = commands.add_parser("scaling", allow_abbrev=False, help="strong and weak scaling on this machine or cluster",
                                  description="Runs the analysis of a synthetic scan and a deformation on several numbers of "
                                              "ranks, with the same work for all ranks together (strong) and for each "
                                              "(weak), and writes table and plot with speed-up and efficiency.")
    scaling.add_argument("--ranks", default="1,2", metavar="N,N", help="numbers of ranks, the first is the reference "
                         "(default: 1,2)")
    scaling.add_argument("--of", default=",".join(SUBJECTS), metavar="WHAT", help="analysis, deformation or both (default)")
    scaling.add_argument("--kind", default=",".join(KINDS), metavar="KIND", help="strong, weak or both (default)")
    scaling.add_argument("--size", type=int, default=1, metavar="N",
                         help="work in units of a small test: 512 patterns, 4096 voxels (default: 1)")
    scaling.add_argument("--repeats", type=int, default=3, metavar="N", help="the fastest of so many runs counts (default: 3)")
    scaling.add_argument("--output", default="scaling", metavar="FOLDER", help="where table and plot go (default: scaling)")
    scaling.add_argument("--launcher", metavar="WORDS", help="words before the number of ranks (default: 'mpirun -n')")
    scaling.add_argument("--slurm", action="store_true", help="submit it as one job that has its nodes to itself")
    scaling.add_argument("--site", metavar="FILE", help="site settings for --slurm")
    scaling.add_argument("--dry-run", action="store_true", help="with --slurm: show the script")
    job = commands.add_parser("job", allow_abbrev=False, help="what a job script calls: run one stage inside a Slurm job")
    job.add_argument("folder", metavar="FOLDER")
    job.add_argument("stage", metavar="STAGE")
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
    ranks, cores = _number(options, "ranks"), _number(options, "cores")
    if options.slurm and (cores or options.launcher):
        raise WorkflowError(f"{'--cores' if cores else '--launcher'} is for --local: under --slurm the site settings say it")
    workflow = read_workflow(options.workflow, options.folder)
    if ranks:
        workflow = dataclasses.replace(
            workflow, stages=tuple(dataclasses.replace(stage, ranks=ranks) for stage in workflow.stages))
    programs = Programs(bin_folder, shlex.split(options.launcher or "") or ["mpirun", "-n"])
    for stage in workflow.stages:
        programs.path(stage.program)
    state = ResultsState(workflow.folder)
    if options.slurm:
        return _run_under_slurm(options, workflow, programs, state, jobs_folder)
    for stage in workflow.stages:
        programs.command(stage)
    if options.dry_run:
        _dry_run(workflow, programs, state)
        return EXIT_SUCCESS
    state.make_folder()
    _say(f"{workflow.title}: {len(workflow.stages)} stages, results in {workflow.folder}")
    cores = cores or len(os.sched_getaffinity(0))
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


def _run_under_slurm(options, workflow, programs, state, jobs_folder):
    site_file = find_site_file(options.site, jobs_folder)
    runner = SlurmRunner(workflow, programs, state, read_site_settings(site_file), jobs_folder, _say)
    if options.dry_run:
        runner.dry_run()
        return EXIT_SUCCESS
    state.make_folder()
    _say(f"{workflow.title}: {len(workflow.stages)} stages, results in {workflow.folder}, site settings {site_file}")
    count = runner.submit(options.restart)
    _say(f"{count} jobs submitted: 'mesoglass status' shows how they fare, 'mesoglass cancel' ends them" if count else
         "nothing to submit")
    return EXIT_SUCCESS


def _status(options):
    workflow = read_workflow(options.workflow, options.folder)
    for line in status_table(workflow, ResultsState(workflow.folder)):
        _say(line)
    return EXIT_SUCCESS


def _cancel(options):
    workflow = read_workflow(options.workflow, options.folder)
    if not cancel_jobs(workflow, ResultsState(workflow.folder), _say):
        _say("no job of this workflow is in the queue (a local run is stopped with Ctrl-C)")
    return EXIT_SUCCESS


def _words_of(text, known, name):
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in known:
            raise WorkflowError(f"--{name} '{text}': '{word}' is not known{nearest(word, known)}: use {' and '.join(known)}")
    return words


def _scaling(options, bin_folder, jobs_folder):
    subjects, kinds = _words_of(options.of, SUBJECTS, "of"), _words_of(options.kind, KINDS, "kind")
    try:
        ranks = [int(word) for word in options.ranks.split(",")]
    except ValueError:
        ranks = [0]
    if min(ranks) < 1 or len(set(ranks)) != len(ranks):
        raise WorkflowError(f"--ranks '{options.ranks}' is no list of different numbers from 1 on: write 1,2,4")
    size, repeats = _number(options, "size"), _number(options, "repeats")
    if options.slurm:
        site = read_site_settings(find_site_file(options.site, jobs_folder))
        output = pathlib.Path(options.output).absolute()
        command = [str(bin_folder / NAME), "scaling", f"--ranks={options.ranks}", f"--of={options.of}",
                   f"--kind={options.kind}", f"--size={size}", f"--repeats={repeats}", f"--output={output}",
                   f"--launcher={shlex.join(site.mpi_launcher())}"]
        script = scaling_script(max(ranks), site, command, jobs_folder / "templates")
        words = slurm.submit_words(output, "scaling.job", [])
        if options.dry_run:
            _say(f"$ {display(words)} <<'END'\n{script}END")
            return EXIT_SUCCESS
        output.mkdir(parents=True, exist_ok=True)
        _say(f"job {slurm.submit(script, words)} submitted: table and plot come to {output}")
        return EXIT_SUCCESS
    programs = Programs(bin_folder, shlex.split(options.launcher or "") or ["mpirun", "-n"])
    ScalingStudy(programs, options.output, jobs_folder.parent / "inputs", size, repeats, _say).run(subjects, kinds, ranks)
    return EXIT_SUCCESS


def _job(options, bin_folder):
    state = ResultsState(pathlib.Path(options.folder).absolute())
    return run_job(state, lambda launcher: Programs(bin_folder, launcher), options.stage, _say)


def main(words, version, bin_folder, jobs_folder):
    """The exit code."""
    try:
        parser = _parser(version)
        options = parser.parse_args(words)
        if options.command is None:
            parser.error("no command given (run, status, cancel or scaling)")
        if options.command == "run":
            return _run(options, pathlib.Path(bin_folder), pathlib.Path(jobs_folder))
        if options.command == "job":
            return _job(options, pathlib.Path(bin_folder))
        if options.command == "scaling":
            return _scaling(options, pathlib.Path(bin_folder), pathlib.Path(jobs_folder))
        return _cancel(options) if options.command == "cancel" else _status(options)
    except LauncherError as error:
        print(f"{NAME}: error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        return EXIT_FAILURE
