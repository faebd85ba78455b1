"""Finds the programs beside the launcher and builds their command lines; no shell takes part."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from .errors import WorkflowError
from .workflow_file import nearest

PYTHON_PROGRAMS = ("mg-report",)


class Programs:
    """The folder of the executables and the MPI launcher's words."""

    def __init__(self, folder, mpi_launcher):
        self.folder = pathlib.Path(folder)
        self.mpi_launcher = list(mpi_launcher)

    def path(self, program):
        """The executable, or a WorkflowError with the nearest name."""
        path = self.folder / program
        if not (path.is_file() and os.access(path, os.X_OK)):
            there = sorted(item.name for item in self.folder.glob("mg-*"))
            raise WorkflowError(f"program '{program}' is not in {self.folder}{nearest(program, there)}: build or install "
                                "it, or mend the workflow file")
        return path

    def command(self, stage, extra=()):
        """The words that run a stage."""
        return self.launch(stage.program, stage.ranks, [*stage.arguments, *extra])

    def launch(self, program, ranks, arguments):
        """The words that run a program on so many ranks. Throws WorkflowError where it, or MPI's launcher, is missing."""
        words = [str(self.path(program)), *arguments]
        if ranks > 1 and program not in PYTHON_PROGRAMS:
            if not shutil.which(self.mpi_launcher[0]):
                raise WorkflowError(f"'{self.mpi_launcher[0]}' is not found: install an MPI, give --launcher, or run with "
                                    "--ranks 1")
            words = [*self.mpi_launcher, str(ranks), *words]
        return words

    def check(self, stage):
        """"" where a stage that needs no other's outputs passes its program's own --dry-run, else the message."""
        with tempfile.TemporaryDirectory(prefix="mesoglass-dry-run-") as folder:
            for path in stage.outputs:
                (pathlib.Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            result = subprocess.run([str(self.path(stage.program)), *stage.arguments, "--dry-run"], cwd=folder,
                                    capture_output=True, text=True, check=False, env=environment())
        return "" if result.returncode == 0 else last_message(result.stderr)


def environment():
    """The environment of every program: what Open MPI needs to be told, unless the user has."""
    values = dict(os.environ)
    # hwloc's OpenCL plugin swallows SIGUSR1 on some machines; threads are the ranks' own affair.
    values.setdefault("HWLOC_COMPONENTS", "-opencl")
    values.setdefault("OMP_NUM_THREADS", "1")
    if os.geteuid() == 0:
        values.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
        values.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    return values


def last_message(text):
    """A program's own words about what went wrong: its error line, else its last line."""
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if ": error: " in line]
    return errors[-1].strip() if errors else (lines[-1].strip() if lines else "")
