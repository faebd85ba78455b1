"""The demonstration under a real Slurm: order, arrays, restarts, failures, kills, and the numbers of a local run."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import unittest

import h5py
from private_slurm import PrivateSlurm, SlurmMissing
from program_test import BIN, SOURCE, ProgramTest

# The same chain with smaller scans, cells and ensembles. The plain engine, since a run must last long enough to be met
# at work.
REDUCED = (("demo.workflow", 'scan-shape = "80x80"', 'scan-shape = "32x32"'),
           ("demo.workflow", "nx = 64", "nx = 56"),
           ("demo.workflow", 'catalog = "{glass}/catalog.h5"', 'engine = "direct"\ncatalog = "{glass}/catalog.h5"'),
           ("demo.workflow", "ranks = 2\nslices = 3", "slices = 3"),
           ("demo.design", "seeds = 1-5", "seeds = 1-2"), ("demo.design", "nx = 64", "nx = 40"),
           ("demo.design", "reference", "engine = direct\nreference"),
           ("demo.design", "resamples = 2000", "resamples = 200"))
GLASSES = ("x0", "x05", "x1")
STAGES = 14  # four for each glass, the ensemble and the report
SITE = """
[slurm]
time = "00:20:00"
cores-per-node = 2
signal-seconds = 60
array-throttle = 2
[launch]
launcher = "{launcher}"
launcher-options = [{options}]
[environment]
HOSTILE = "$(touch evaluated) ' \\" {{PLAIN}}"
"""
# What a clock, a folder or a command line decides.
PERSONAL = ("provenance", "runs/wall_time_s", "runs/file")
# Generous: a busy machine must not fail the test.
PATIENCE_SECONDS = 240


def numbers(path):
    """name -> bytes of every dataset that is a result."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()].tobytes()})
                        if isinstance(item, h5py.Dataset) and not name.startswith(PERSONAL)
                        and item.dtype.kind != "O" else None)
    return found


def text(value):
    """An attribute that is stored with fixed or with variable length."""
    return value.decode() if isinstance(value, bytes) else str(value)


class UnderSlurm(ProgramTest):
    @classmethod
    def setUpClass(cls):
        try:
            cls.slurm = PrivateSlurm(cores=2)
        except SlurmMissing as error:
            raise unittest.SkipTest(str(error)) from None
        cls.slurm.start()

    @classmethod
    def tearDownClass(cls):
        cls.slurm.stop()

    def site(self, launcher="mpirun", options=""):
        (self.folder / "site.toml").write_text(SITE.format(launcher=launcher, options=options))

    def launch(self, *words, exit_code=0, folder=None):
        result = subprocess.run([str(BIN / "mesoglass"), *words], cwd=folder or self.folder, capture_output=True, text=True,
                                timeout=PATIENCE_SECONDS, check=False, env=self.slurm.environment)
        self.assertEqual(result.returncode, exit_code, f"{words}\n{result.stdout}\n{result.stderr}")
        return result.stdout + result.stderr

    def state(self, stage, results="results"):
        path = self.folder / results / ".mesoglass" / f"{stage}.state.json"
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            return {}

    def job(self, stage, results="results"):
        return json.loads((self.folder / results / ".mesoglass/slurm" / f"{stage}.job.json").read_text())["job"]

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f"waited in vain until {what}{self.words()}")
            time.sleep(0.02)

    def words(self):
        text = self.slurm.run("squeue", "--states=all", "--array", check=False)
        for path in sorted(self.folder.rglob(".mesoglass/logs/*")):
            text += f"\n--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-6:])
        return f"\n{text}{self.slurm.logs()}"

    def queue_is_empty(self):
        return not self.slurm.run("squeue", "--noheader", check=False).strip()

    def running(self, stage):
        entry = self.state(stage)
        return entry.get("process") if entry.get("state") == "running" else None

    def times(self, job):
        text = self.slurm.run("scontrol", "--oneliner", "show", "job", job)
        found = dict(word.split("=", 1) for word in text.split() if "=" in word)
        return found["StartTime"], found["EndTime"], found["Restarts"]

    def test_the_demonstration(self):
        shutil.copytree(SOURCE / "inputs", self.folder / "inputs")
        for name, old, new in REDUCED:
            path = self.folder / "inputs" / name
            text = path.read_text()
            self.assertIn(old, text, f"{name} has changed: mend REDUCED")
            path.write_text(text.replace(old, new))
        self.site()
        run = ("run", "inputs/demo.workflow")
        local = subprocess.Popen([str(BIN / "mesoglass"), *run, "--folder", "local", "--cores", "1"], cwd=self.folder,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        slurm = (*run, "--slurm", "--site", "site.toml", "--folder", "results")
        said = self.launch(*slurm)
        self.assertRegex(said, r"ensemble +submitted: array \d+ of 3 slices, collected by job \d+")
        self.assertRegex(said, r"report +submitted: job \d+, after .*ensemble")
        self.assertIn("waiting", self.launch("status", "inputs/demo.workflow", "--folder", "results"))
        # What is in the queue is not submitted twice.
        self.assertIn("nothing to submit", self.launch(*slurm))

        # A slice killed without warning while it computes its second run ...
        second = self.folder / "results/ensemble.runs"
        self.until(lambda: self.running("ensemble[1]") and list(second.glob("x05/seed-1.h5")), "slice 1 has done a run")
        os.kill(self.running("ensemble[1]"), signal.SIGKILL)
        # ... and a deformation that Slurm asks to stop.
        log = self.folder / "results/.mesoglass/logs/deformation-x1.log"
        self.until(lambda: self.running("deformation-x1") and "energy pumping" in log.read_text(), "deformation-x1 runs")
        self.slurm.run("scancel", "--batch", "--signal=USR2", self.job("deformation-x1"))
        self.until(self.queue_is_empty, "every job has ended")

        status = self.launch("status", "inputs/demo.workflow", "--folder", "results")
        self.assertRegex(status, r"deformation-x1 +complete")
        self.assertEqual(self.times(self.job("deformation-x1"))[2], "1", self.words())
        self.assertRegex(status, r"ensemble +incomplete .* 1 runs are missing")
        self.assertRegex(status, r"slice 1 +failed .*SIGKILL")
        self.assertRegex(status, r"report +complete")
        with h5py.File(self.folder / "results/ensemble.h5") as file:
            found = list(zip(file["runs/group"].asstr()[()], file["runs/seed"][()], file["runs/status"].asstr()[()]))
        self.assertEqual([row[:2] for row in found if row[2] != "complete"], [("x05", 2)])
        # Dependencies, not luck: nothing began before what it needs had ended.
        for glass in GLASSES:
            chain = [self.times(self.job(f"{stage}-{glass}")) for stage in ("scan", "analysis", "catalog", "deformation")]
            for earlier, later in zip(chain, chain[1:]):
                self.assertLessEqual(earlier[1], later[0])
        for stage in ("analysis-x0", "deformation-x1", "ensemble"):
            self.assertLessEqual(self.times(self.job(stage))[1], self.times(self.job("report"))[0])

        # A second run computes what is missing, and nothing else.
        kept = {path: path.stat().st_mtime_ns for path in [*second.glob("*/*.h5"), self.folder / "results/x0/deform.h5"]}
        said = self.launch(*slurm)
        self.assertIn("2 jobs submitted" if "report" not in said else "3 jobs submitted", said)
        self.assertEqual(said.count("skipped: complete"), STAGES - 2)
        self.until(self.queue_is_empty, "the second run has ended")
        self.assertEqual({path: path.stat().st_mtime_ns for path in kept}, kept)
        self.assertEqual(self.launch("status", "inputs/demo.workflow", "--folder", "results").count(" complete "), STAGES)
        self.assertIn("nothing to submit", self.launch(*slurm))

        # The numbers of a local run, bit for bit.
        output, _ = local.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(local.returncode, 0, output)
        for path in [f"{glass}/{kind}.h5" for glass in GLASSES for kind in ("mro", "catalog", "deform")] + ["ensemble.h5"]:
            first, other = numbers(self.folder / "local" / path), numbers(self.folder / "results" / path)
            self.assertEqual(first.keys(), other.keys(), path)
            self.assertTrue(first, path)
            for name in first:
                self.assertEqual(first[name], other[name], f"{path}: {name}")
        # A finished workflow is finished for a local run too.
        said = self.launch(*run, "--folder", "results", "--dry-run")
        self.assertEqual(said.count("skipped: complete"), STAGES, said)
        self.assertEqual([path for path in self.folder.rglob("evaluated")], [])

    HOSTILE_NAME = "$(touch evaluated) `touch evaluated` 'q' \"w\" \\\ntouch evaluated\n"
    FAILING = """
folder = "results"
[lists]
glass = ["x0", "x1"]
[[stage]]
name = "catalog-{glass}"
for = "glass"
program = "mg-catalog"
ranks = 2
outputs = ["{glass}.h5"]
[stage.options]
glass = "{glass}"
name = '''$(touch evaluated) `touch evaluated` 'q' "w" \\
touch evaluated
'''
parameter-set = "2d"
nx = 12
output = "{glass}.h5"
[[stage]]
name = "bad"
program = "mg-deform"
outputs = ["bad.h5"]
[stage.options]
catalog = "x0.h5"
final-strain = 7000
output = "bad.h5"
[[stage]]
name = "good"
program = "mg-deform"
outputs = ["good.h5"]
[stage.options]
catalog = "x1.h5"
plane = "plane-stress"
final-strain = 0.01
paraview = "no"
output = "good.h5"
[[stage]]
name = "late"
program = "mg-deform"
outputs = ["late.h5"]
after = ["bad"]
[stage.options]
catalog = "x1.h5"
output = "late.h5"
"""

    def test_a_failing_stage_stops_what_needs_it_in_a_hostile_folder_under_srun(self):
        self.site("srun", '"--mpi=pmix", "--overlap"')
        folder = self.folder / "a b\n$(touch evaluated);'q' \"w\" %j"
        folder.mkdir()
        (folder / "f $(x).workflow").write_text(self.FAILING)
        self.launch("run", "f $(x).workflow", "--slurm", "--site", str(self.folder / "site.toml"), folder=folder)
        self.until(self.queue_is_empty, "every job has ended")
        status = self.launch("status", "f $(x).workflow", folder=folder)
        self.assertRegex(status, r"catalog-x0 +complete", self.words())
        self.assertRegex(status, r"bad +failed .*final-strain")
        self.assertRegex(status, r"good +complete")
        self.assertRegex(status, r"late +not started .*what it needs has failed")
        self.assertFalse((folder / "results/late.h5").exists())
        with h5py.File(folder / "results/x0.h5") as file:
            self.assertEqual(text(file.attrs["glass"]), self.HOSTILE_NAME)
            self.assertEqual(file["provenance"].attrs["ranks"], 2)
        # Mended, only the stage itself and what waited for it are submitted.
        (folder / "f $(x).workflow").write_text(self.FAILING.replace("7000", "0.01"))
        said = self.launch("run", "f $(x).workflow", "--slurm", "--site", str(self.folder / "site.toml"), folder=folder)
        self.assertIn("2 jobs submitted", said)
        # Cancelled by a person: nothing goes on, and 'status' says so.
        self.assertIn("cancelled", self.launch("cancel", "f $(x).workflow", folder=folder))
        self.until(self.queue_is_empty, "the cancelled jobs are gone")
        self.assertRegex(self.launch("status", "f $(x).workflow", folder=folder), r"late +not started")
        self.assertIn("no job", self.launch("cancel", "f $(x).workflow", folder=folder))
        self.assertEqual([path for path in self.folder.rglob("evaluated")], [])


if __name__ == "__main__":
    unittest.main()
