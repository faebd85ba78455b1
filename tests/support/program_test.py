"""Runs the real executables under MPI in a scratch folder: the base of every script test."""

import json
import os
import pathlib
import shutil
import subprocess
import unittest

BIN = pathlib.Path(os.environ["MESOGLASS_BIN"])
SOURCE = pathlib.Path(os.environ["MESOGLASS_SOURCE"])
SHARED_DATA = pathlib.Path(os.environ.get("MESOGLASS_SHARED_DATA", "/nonexistent"))
MPIEXEC = os.environ.get("MPIEXEC", "mpirun")


class ProgramTest(unittest.TestCase):
    """One empty folder a test, removed when it passes; self.run_program starts a program there."""

    def setUp(self):
        self.folder = pathlib.Path(os.environ["MESOGLASS_SCRATCH"]) / self.id().split(".", 1)[-1]
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run_program(self, program, *arguments, ranks=1, timeout=300, folder=None):
        """The finished process with stdout and stderr as text; never raises for its exit code."""
        command = [str(BIN / program), *map(str, arguments)]
        if ranks > 1:
            command = [MPIEXEC, "-n", str(ranks), *command]
        return subprocess.run(command, cwd=folder or self.folder, capture_output=True, text=True, timeout=timeout)

    def run_ok(self, program, *arguments, **settings):
        """As run_program, and the test fails with the program's own words unless it exits with 0."""
        result = self.run_program(program, *arguments, **settings)
        self.assertEqual(result.returncode, 0, f"{program} {arguments}:\n{result.stdout}\n{result.stderr}")
        return result

    def assert_refused(self, program, *arguments, mentions=(), exit_code=2, **settings):
        """The program ends with `exit_code` and exactly one message, which mentions every given text."""
        settings.setdefault("timeout", 60)
        result = self.run_program(program, *arguments, **settings)
        shown = f"{program} {arguments}:\n{result.stdout}\n{result.stderr}"
        self.assertEqual(result.returncode, exit_code, shown)
        messages = [line for line in result.stderr.splitlines() if line.startswith(f"{program}: error: ")]
        self.assertEqual(len(messages), 1, shown)
        for text in mentions:
            self.assertIn(text, result.stderr, shown)
        return result

    def summary(self, file_name):
        """name -> value of a --summary file."""
        content = json.loads((self.folder / file_name).read_text())
        return {name: entry["value"] for name, entry in content["results"].items()}
