"""mg-ensemble as a person runs it: same numbers on any ranks and slices, resumable, failures recorded."""

import os
import signal
import subprocess
import time
import unittest

import h5py
import numpy
from program_test import BIN, ProgramTest

DESIGN = """
seeds = 1-3
reference = x05
parameter-set = 2d
nx = 12
plane = plane-stress
final-strain = 0.03
paraview = no
resamples = 200
[x0]
glass = x0
[x05]
glass = x05
"""

# Columns that a clock or a folder decides.
PERSONAL = ("provenance", "runs/wall_time_s", "runs/file")


def content(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]})
                        if isinstance(item, h5py.Dataset) and not name.startswith(PERSONAL) else None)
    return found


class EnsembleProgram(ProgramTest):
    def setUp(self):
        super().setUp()
        (self.folder / "d.design").write_text(DESIGN)

    def assert_same(self, first, second):
        a, b = content(self.folder / first), content(self.folder / second)
        self.assertEqual(a.keys(), b.keys())
        for name in a:
            self.assertEqual(a[name].tobytes(), b[name].tobytes(), name)

    def statuses(self, name):
        return [text.decode() for text in content(self.folder / name)["runs/status"]]

    def test_same_numbers_on_any_ranks_groups_and_slices(self):
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "one.h5")
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "two.h5", ranks=2)
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "three.h5", "--ranks-per-run", 2, ranks=3)
        for index in range(2):
            self.run_ok("mg-ensemble", "run", "d.design", "--output", "slices.h5", "--slice", f"{index}/2")
            self.assertFalse((self.folder / "slices.h5").exists())
        self.run_ok("mg-ensemble", "collect", "d.design", "--output", "slices.h5", ranks=2)
        for other in ("two.h5", "three.h5", "slices.h5"):
            self.assert_same("one.h5", other)

    def test_numbers_are_those_of_the_runs(self):
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "e.h5", "--summary", "s.json", ranks=2)
        e = content(self.folder / "e.h5")
        self.assertEqual([g.decode() for g in e["groups/name"]], ["x0", "x05"])
        self.assertEqual(list(e["runs/seed"]), [1, 1, 2, 2, 3, 3])
        peaks = {}
        for row, (group, seed) in enumerate(zip(e["runs/group"], e["runs/seed"])):
            with h5py.File(self.folder / "e.runs" / group.decode() / f"seed-{seed}.h5") as run:
                peak = run["outcome"].attrs["peak_stress_gpa"]
                self.assertEqual(peak, e["runs/peak_stress_gpa"][row])
                self.assertAlmostEqual(peak, run["history/axial_stress"][()].max(), places=12)
                peaks.setdefault(group.decode(), []).append(peak)
                expected = numpy.interp(e["curves/strain"], run["history/strain"], run["history/axial_stress"])
                inside = e["curves/strain"] <= run["history/strain"][-1]
                numpy.testing.assert_allclose(e["curves/stress"][row][inside], expected[inside], rtol=1e-12, atol=1e-14)
        for i, group in enumerate(("x0", "x05")):
            self.assertAlmostEqual(e["groups/peak_stress_gpa_mean"][i], numpy.mean(peaks[group]), places=12)
            self.assertAlmostEqual(e["groups/peak_stress_gpa_standard_deviation"][i], numpy.std(peaks[group], ddof=1),
                                   places=12)
        self.assertTrue(numpy.isnan(e["groups/peak_stress_gpa_p_value"][1]))
        summary = self.summary("s.json")
        self.assertEqual((summary["complete_runs"], summary["failed_runs"], summary["missing_runs"]), (6, 0, 0))
        self.assertAlmostEqual(summary["x0_peak_stress_gpa"], numpy.mean(peaks["x0"]), places=12)

    def test_resume_repeats_nothing_and_mends_a_loss(self):
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "e.h5")
        self.assert_refused("mg-ensemble", "run", "d.design", "--output", "e.h5", mentions=["--resume"], ranks=2)
        before = {path: path.stat().st_mtime_ns for path in self.folder.glob("e.runs/*/*.h5")}
        self.assertEqual(len(before), 6)
        lost = self.folder / "e.runs/x05/seed-2.h5"
        reference = content(self.folder / "e.h5")
        lost.unlink()
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "e.h5", "--resume", ranks=2)
        for path, when in before.items():
            self.assertEqual(path.stat().st_mtime_ns == when, path != lost, path)
        again = content(self.folder / "e.h5")
        for name in reference:
            self.assertEqual(reference[name].tobytes(), again[name].tobytes(), name)

    def test_only_runs_of_other_options_are_replaced(self):
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "e.h5")
        before = {path.relative_to(self.folder): path.stat().st_mtime_ns for path in self.folder.glob("e.runs/*/*.h5")}
        # One group's temperature changes, and a seed comes in.
        (self.folder / "d.design").write_text(DESIGN.replace("seeds = 1-3", "seeds = 1-4").replace(
            "[x05]", "[x05]\ntemperature = 310"))
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "e.h5", "--resume", "--overwrite", ranks=2)
        for path, when in before.items():
            self.assertEqual((self.folder / path).stat().st_mtime_ns == when, "x05" not in str(path), path)
        self.assertEqual(self.statuses("e.h5"), ["complete"] * 8)
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "new.h5")
        self.assert_same("e.h5", "new.h5")

    def test_catalogs_count_by_content_and_not_by_path(self):
        (self.folder / "sub").mkdir()
        self.run_ok("mg-catalog", "--glass", "x05", "--parameter-set", "2d", "--nx", 12, "--output", "sub/c.h5")
        text = DESIGN.split("[x0]")[0].replace("reference = x05\n", "").replace("parameter-set = 2d\nnx = 12\n", "")
        (self.folder / "sub/s.design").write_text(text + "[ready]\ncatalog-file = c.h5\n")
        self.run_ok("mg-ensemble", "run", "sub/s.design", "--output", "e.h5")
        (self.folder / "moved").mkdir()
        for name in ("c.h5", "s.design"):
            (self.folder / "sub" / name).rename(self.folder / "moved" / name)
        self.run_ok("mg-ensemble", "collect", self.folder / "moved/s.design", "--runs", "e.runs", "--output", "again.h5")
        self.assertEqual(self.statuses("again.h5"), ["complete"] * 3)
        # Other content under the old name is another catalog.
        self.run_ok("mg-catalog", "--glass", "x0", "--parameter-set", "2d", "--nx", 12, "--output", "moved/c.h5", "--overwrite")
        self.assert_refused("mg-ensemble", "collect", "moved/s.design", "--runs", "e.runs", "--output", "other.h5", exit_code=1,
                            mentions=["another design"])

    def test_a_run_at_which_the_program_dies_costs_only_itself(self):
        long = ("--set", "nx = 48", "--set", "final-strain = 0.05", "--set", "seeds = 1-2")
        command = [str(BIN / "mg-ensemble"), "run", "d.design", "--output", "e.h5", "--resume", *long]
        record = self.folder / "e.runs/x0/seed-1.started.txt"
        for death in range(3):
            process = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            # Every other run is computed before it is tried again.
            deadline = time.monotonic() + 100
            while time.monotonic() < deadline:
                begun = record.read_text().split() if record.exists() else ["", "0"]
                if int(begun[-1] if begun else 0) == death + 1:
                    break
                time.sleep(0.005)
            process.kill()
            process.wait()
        self.assertEqual(len(list(self.folder.glob("e.runs/*/seed-?.h5"))), 3)
        result = self.run_ok("mg-ensemble", "run", "d.design", "--output", "e.h5", "--resume", *long)
        self.assertIn("ended 3 times", result.stderr)
        self.assertEqual(self.statuses("e.h5"), ["failed"] + ["complete"] * 3)
        self.assertFalse(list(self.folder.glob("e.runs/*/*.started.txt")))
        # Asked for, it is tried again.
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "e.h5", "--resume", "--retry-failed", *long)
        self.assertEqual(self.statuses("e.h5"), ["complete"] * 4)

    def test_a_failing_group_stops_nobody(self):
        # An avalanche that may take one sweep only fails; the check at the start cannot know.
        (self.folder / "f.design").write_text(DESIGN + "[bad]\nglass = x1\nlargest-sweeps = 1\nfinal-strain = 0.06\n"
                                              "temperature = 1000\nstrain-rate = 1e6\n")
        self.run_ok("mg-ensemble", "run", "f.design", "--output", "f.h5", ranks=2)
        f = content(self.folder / "f.h5")
        rows = {group.decode(): [] for group in f["runs/group"]}
        for group, status, reason in zip(f["runs/group"], f["runs/status"], f["runs/reason"]):
            rows[group.decode()].append((status.decode(), reason.decode()))
        self.assertEqual({status for status, _ in rows["x0"] + rows["x05"]}, {"complete"})
        failed = [reason for status, reason in rows["bad"] if status == "failed"]
        self.assertTrue(failed, rows["bad"])
        self.assertTrue(all("sweep" in reason for reason in failed), failed)
        # It is left alone until it is asked for.
        result = self.run_ok("mg-ensemble", "run", "f.design", "--output", "f.h5", "--resume")
        self.assertIn("--retry-failed", result.stderr)

    def test_stops_at_a_checkpoint_and_goes_on(self):
        long = ("--set", "nx = 48", "--set", "final-strain = 0.05")
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "whole.h5", *long)
        process = subprocess.Popen([str(BIN / "mg-ensemble"), "run", "d.design", "--output", "cut.h5", *map(str, long)],
                                   cwd=self.folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        deadline = time.monotonic() + 240
        while not list(self.folder.glob("cut.runs/*/*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGUSR2)
        message = process.communicate(timeout=240)[1]
        self.assertEqual(process.returncode, 75, message)
        self.assertFalse((self.folder / "cut.h5").exists())
        self.assertLess(len(list(self.folder.glob("cut.runs/*/seed-?.h5"))), 6)
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "cut.h5", *long, "--resume", ranks=2)
        self.assert_same("whole.h5", "cut.h5")

    def test_partial_ensembles_collect_and_say_what_is_missing(self):
        self.run_ok("mg-ensemble", "run", "d.design", "--output", "e.h5", "--slice", "0/3")
        result = self.run_ok("mg-ensemble", "collect", "d.design", "--output", "e.h5")
        self.assertEqual(sorted(self.statuses("e.h5")), ["complete"] * 2 + ["missing"] * 4)
        self.assertIn("missing", result.stderr)
        # Runs of another design are not mixed in.
        (self.folder / "d.design").write_text(DESIGN.replace("final-strain = 0.03", "final-strain = 0.02"))
        self.assert_refused("mg-ensemble", "collect", "d.design", "--runs", "e.runs", "--output", "other.h5", exit_code=1,
                            mentions=["another design"])

    def test_bad_input_is_refused(self):
        def design(text):
            name = f"bad{len(list(self.folder.iterdir()))}.design"
            (self.folder / name).write_text(text)
            return ("run", name)
        for arguments, word in (
                ((), "action"),
                (("run",), "DESIGN"),
                (("walk", "d.design"), "walk"),
                (("run", "absent.design"), "absent.design"),
                (("run", "d.design", "--slice", "3/3"), "3/3"),
                (("run", "d.design", "--ranks-per-run", "9"), "9"),
                (("collect", "d.design", "--output", "no/folder/e.h5"), "no/folder"),
                (design(DESIGN.replace("glass = x05", "glass = x7")), "x7"),
                (design(DESIGN.replace("nx = 12", "nx = 1")), "nx"),
                (design(DESIGN + "[y]\ncatalog-file = absent.h5\n"), "absent.h5"),
                (design(DESIGN.replace("final-strain = 0.03", "final-strain = nan")), "nan")):
            with self.subTest(arguments=arguments):
                self.assert_refused("mg-ensemble", *arguments, mentions=[word])
        self.assert_refused("mg-ensemble", "collect", "d.design", "--output", "e.h5", exit_code=1,
                            mentions=["none of the 6 runs"], ranks=2)
        self.assert_refused("mg-ensemble", "run", "d.design", "--output", "d.design/e.h5", ranks=2)

    def test_dry_run_writes_nothing(self):
        before = set(self.folder.iterdir())
        result = self.run_ok("mg-ensemble", "run", "d.design", "--dry-run", ranks=2)
        self.assertIn("6 runs", result.stdout)
        self.assertEqual(set(self.folder.iterdir()), before)


if __name__ == "__main__":
    unittest.main()
