"""inputs/demo.workflow end to end, reduced: the planted sequence comes back; a second run skips; a killed run goes on."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest

import h5py
import numpy
from program_test import BIN, SOURCE, ProgramTest

GLASSES = ("x0", "x05", "x1")
# The same chain with smaller scans, cells and ensembles.
REDUCED = (("demo.workflow", 'scan-shape = "80x80"', 'scan-shape = "56x56"'), ("demo.workflow", "nx = 64", "nx = 32"),
           ("demo.design", "seeds = 1-5", "seeds = 1-2"), ("demo.design", "nx = 64", "nx = 24"),
           ("demo.design", "resamples = 2000", "resamples = 200"))


class Demo(ProgramTest):
    def setUp(self):
        super().setUp()
        shutil.copytree(SOURCE / "inputs", self.folder / "inputs")
        for name, old, new in REDUCED:
            path = self.folder / "inputs" / name
            text = path.read_text()
            self.assertIn(old, text, f"{name} has changed: mend REDUCED")
            path.write_text(text.replace(old, new))
        self.results = self.folder / "results"
        self.command = [str(BIN / "mesoglass"), "run", "inputs/demo.workflow", "--folder", "results", "--cores", "2"]

    def launch(self, exit_code=0):
        result = subprocess.run(self.command, cwd=self.folder, capture_output=True, text=True, timeout=500, check=False)
        self.assertEqual(result.returncode, exit_code, result.stdout + result.stderr)
        return result.stdout

    def kill_when(self, condition):
        """Starts the workflow in a session of its own and kills everything in it, without warning, once true."""
        process = subprocess.Popen(self.command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 400
        while not condition() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertIsNone(process.poll(), "the workflow ended before it could be killed")
        process.kill()
        process.wait()
        for path in (self.results / ".mesoglass").glob("*.state.json"):
            entry = json.loads(path.read_text())
            if entry["state"] == "running":
                try:
                    os.killpg(entry["process"], signal.SIGKILL)
                except ProcessLookupError:
                    pass
        time.sleep(0.5)

    def test_chain(self):
        # Killed while the first scans are written: nothing that looks complete is left, and the next run goes on.
        self.kill_when(lambda: any(self.results.glob("x*/scan*.partial")))
        self.assertEqual([path for path in self.results.glob("x*/scan.raw")], [])
        # Killed again in the middle of the chain: what was complete stays so.
        self.kill_when(lambda: (self.results / "x0" / "mro.h5").exists())
        scan = self.results / "x0" / "scan.raw"
        written = scan.stat().st_mtime_ns
        output = self.launch()
        self.assertRegex(output, r"scan-x0 +skipped: complete")
        self.assertEqual(scan.stat().st_mtime_ns, written)
        self.assertIn("all stages complete", output)
        output = self.launch()
        self.assertEqual(output.count("skipped: complete"), 14)

        # Another ensemble than the one that was run: only it and the report run again.
        design = self.folder / "inputs" / "demo.design"
        design.write_text("confidence = 0.9\n" + design.read_text())
        output = self.launch()
        self.assertEqual(output.count("skipped: complete"), 12)

        summary = json.loads((self.results / ".mesoglass" / "report.summary.json").read_text())["results"]
        value = {name: entry["value"] for name, entry in summary.items()}
        self.assertEqual(value["figures"], 16)
        # Degree of order: planted 1.0, 0.9 (at half the fraction) and 0.35. Standard errors are below 5 % here.
        self.assertIs(value["order_sequence_agrees"], True, summary["order_sequence_agrees"]["text"])
        self.assertGreater(value["x1_measured_order"], 1.3 * value["x05_measured_order"])
        self.assertGreater(value["x05_measured_order"], 1.3 * value["x0_measured_order"])
        # Area fraction: planted 0.124, 0.088 and 0.060, the second hidden beside a stronger type. Standard errors are below 8 %.
        self.assertIs(value["area_fraction_sequence_agrees"], True, summary["area_fraction_sequence_agrees"]["text"])
        self.assertGreater(value["x0_measured_area_fraction"], 1.15 * value["x05_measured_area_fraction"])
        self.assertGreater(value["x05_measured_area_fraction"], 1.15 * value["x1_measured_area_fraction"])
        # Size: x = 0.5 is planted 0.1 nm below the smaller of the others. At this reduced size the standard error is about
        # 0.02 nm, too much to tell x = 0 from x = 1.
        for glass in ("x0", "x1"):
            self.assertGreater(value[f"{glass}_measured_size"], value["x05_measured_size"])
        for glass in GLASSES:
            with h5py.File(self.results / glass / "mro.h5") as file, \
                    h5py.File(self.results / glass / "scan.truth.h5") as truth:
                found, planted = file["mro/area_000/calibration"].attrs, truth["calibration"].attrs
                self.assertAlmostEqual(found["ellipse_axis_ratio"], planted["ellipse_axis_ratio"], delta=0.002)
                error = abs(float(found["ellipse_angle_rad"]) - float(planted["ellipse_angle_rad"]))
                self.assertLess(numpy.degrees(min(error, numpy.pi - error)), 6.0)
                # The beam wanders about its middle position by the planted descan.
                self.assertAlmostEqual(float(found["centre_x_px"]), truth["patterns/centre_x_px"][()].mean(), delta=0.1)
                self.assertAlmostEqual(float(found["centre_y_px"]), truth["patterns/centre_y_px"][()].mean(), delta=0.1)
                transmittance = file["mro/area_000/transmittance/data"][()]
                numpy.testing.assert_allclose(transmittance.mean(), truth["patterns/transmittance"][()].mean(), rtol=0.01)
            with h5py.File(self.results / glass / "catalog.h5") as file:
                self.assertAlmostEqual(file["realised/volume_fraction"][1:].sum(), 0.2, delta=0.03)
            with h5py.File(self.results / glass / "deform.h5") as file:
                # Peak and drop, and a connected free volume that explodes.
                outcome, cfv = file["outcome"].attrs, file["history/largest_cfv"][()]
                self.assertGreater(float(outcome["peak_stress_gpa"]), 2.0)
                self.assertLess(float(outcome["flow_stress_gpa"]), float(outcome["peak_stress_gpa"]))
                self.assertGreater(cfv[-1], 20 * max(cfv[len(cfv) // 2], 0.49))
        # Rule (i) and (ii): the more ordered glass has fewer modes and softens less.
        modes = {}
        for glass in GLASSES:
            with h5py.File(self.results / glass / "catalog.h5") as file:
                modes[glass] = file["types/modes"][()][1:].min()
        self.assertGreater(modes["x0"], modes["x1"])
        with h5py.File(self.results / "ensemble.h5") as file:
            self.assertEqual([bytes(status) for status in file["runs/status"][()]], [b"complete"] * 6)


if __name__ == "__main__":
    unittest.main()
