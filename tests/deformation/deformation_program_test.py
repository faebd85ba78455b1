"""mg-deform as a user meets it: files, signals, kills, refusals."""

import os
import random
import signal
import subprocess
import time
import unittest

import h5py
import numpy as np
from program_test import BIN, MPIEXEC, ProgramTest


def tables(path):
    """Every number of the history, the event log and the snapshots."""
    result = {}
    with h5py.File(path) as file:
        for group in ("history", "events", "avalanches", "snapshots"):
            file[group].visititems(
                lambda name, node, group=group: result.update({f"{group}/{name}": node[()]})
                if isinstance(node, h5py.Dataset) else None)
    return result


class DeformationProgram(ProgramTest):
    def make_catalog(self, name="glass.h5", *arguments):
        self.run_ok("mg-catalog", "--glass", "x05", "--parameter-set", "2d", "--nx", 24, "--output", name, *arguments)

    def assert_same(self, first, second):
        expected, found = tables(self.folder / first), tables(self.folder / second)
        self.assertEqual(expected.keys(), found.keys())
        for name, values in expected.items():
            np.testing.assert_array_equal(values, found[name], err_msg=name)

    def test_formats_contract(self):
        self.make_catalog()
        self.run_ok("mg-deform", "glass.h5", "--output", "d.h5", "--plane", "plane-stress", "--final-strain", 0.05,
                    "--snapshot-strain", 0.03, "--summary", "s.json", ranks=2)
        with h5py.File(self.folder / "d.h5") as file:
            self.assertEqual(file.attrs["format"], "mesoglass deform")
            self.assertEqual(list(file.attrs["format_version"]), [1, 0])
            history = file["history"]
            for name in ("strain true_strain stress_xx stress_yy stress_zz stress_yz stress_xz stress_xy axial_stress "
                         "time temperature events avalanches largest_cfv largest_cfv_voxels cfv_clusters elastic_energy "
                         "external_work dissipated_work participation_ratio").split():
                self.assertEqual(history[name].shape, history["strain"].shape)
            events = file["events"]
            count = events["time"].shape[0]
            for name in "time strain voxel mode generation barrier avalanche".split():
                self.assertEqual(events[name].shape, (count,))
            self.assertEqual(events["strain_increment"].shape, (count, 6))
            self.assertEqual(events["voxel"].dtype, np.int64)
            self.assertEqual(sorted(file["snapshots"]), ["000", "001"])
            self.assertAlmostEqual(file["snapshots/000"].attrs["strain"], 0.03, 9)
            self.assertEqual(file["snapshots/000/plastic_strain"].shape, (1, 24, 24, 6))
            self.assertEqual(file["voxels/type"].shape, (1, 24, 24))
            self.assertEqual(file["grid"].attrs["nx"], 24)
            self.assertEqual(file["outcome"].attrs["end"], "strain")
            self.assertIn("provenance", file)
            file.visititems(lambda name, node: self.assertIn("units", node.attrs, name)
                            if isinstance(node, h5py.Dataset) and not name.startswith("provenance") else None)
            peak = file["outcome"].attrs["peak_stress_gpa"]
        self.assertAlmostEqual(self.summary("s.json")["peak_stress_gpa"], peak)
        with h5py.File(self.folder / "d.001.vtkhdf") as file:
            np.testing.assert_array_equal(file["VTKHDF"].attrs["WholeExtent"], [0, 23, 0, 23, 0, 1])
            self.assertEqual(file["VTKHDF/PointData/von_mises_strain"].shape, (2, 24, 24))
        left = sorted(path.name for path in self.folder.iterdir())
        self.assertEqual(left, ["d.000.vtkhdf", "d.001.vtkhdf", "d.h5", "glass.h5", "s.json"])
        # A complete output is left alone under --resume, refused without.
        before = (self.folder / "d.h5").stat().st_mtime_ns
        self.run_ok("mg-deform", "glass.h5", "--output", "d.h5", "--resume")
        self.assertEqual((self.folder / "d.h5").stat().st_mtime_ns, before)
        self.assert_refused("mg-deform", "glass.h5", "--output", "d.h5", mentions=["d.h5", "--overwrite"], ranks=2)

    def start(self, ranks, *arguments):
        command = [str(BIN / "mg-deform"), *map(str, arguments)]
        if ranks > 1:
            command = [MPIEXEC, "-n", str(ranks), *command]
        return subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                start_new_session=True)

    def kill_at_random(self, output, *arguments, ranks, chance):
        """Resumes the run and kills it without warning at a random moment behind a checkpoint of its own; whether it
        lived to be killed, for on a fast machine it may have ended first."""
        process = self.start(ranks, *arguments, "--output", f"{output}.h5", "--resume", "--checkpoint-interval", 0.05)
        checkpoint = self.folder / f"{output}.checkpoint.h5"
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        deadline = time.time() + 240
        while process.poll() is None and time.time() < deadline:
            if checkpoint.exists() and checkpoint.stat().st_mtime_ns != before:
                break
            time.sleep(0.005)
        time.sleep(0.05 * chance.random())
        lived = process.poll() is None
        if lived:
            os.killpg(process.pid, signal.SIGKILL)
        _, text = process.communicate()
        if not lived:
            self.assertEqual(process.returncode, 0, text)
        return lived

    def test_killed_at_ten_random_moments(self):
        # Large enough that a run outlives several kills; one that ends first is compared and begun anew.
        self.make_catalog("fast.glass.h5", "--ny", 768)
        self.make_catalog("direct.glass.h5", "--ny", 96)
        chance = random.Random(4)
        for engine, kills in (("fast", 10), ("direct", 2)):
            common = [f"{engine}.glass.h5", "--engine", engine, "--plane", "plane-stress", "--final-strain", 0.06,
                      "--snapshot-strain", 0.045]
            self.run_ok("mg-deform", *common, "--output", f"{engine}-straight.h5")
            output = f"{engine}-killed"
            done, ended = 0, 0
            while done < kills:
                if self.kill_at_random(output, *common, ranks=2 if done % 5 == 0 else 1, chance=chance):
                    done += 1
                else:
                    ended += 1
                    self.assertLess(ended, kills, "the run ends before it can be killed")
                    self.assert_same(f"{engine}-straight.h5", f"{output}.h5")
                    (self.folder / f"{output}.h5").unlink()
            self.run_ok("mg-deform", *common, "--output", f"{output}.h5", "--resume", ranks=2)
            self.assert_same(f"{engine}-straight.h5", f"{output}.h5")

    def test_signals(self):
        self.make_catalog("glass.h5", "--ny", 384)
        common = ["glass.h5", "--plane", "plane-stress", "--final-strain", 0.06]
        self.run_ok("mg-deform", *common, "--output", "straight.h5")
        process = self.start(1, *common, "--output", "stopped.h5")
        checkpoint = self.folder / "stopped.checkpoint.h5"
        # The event log appears when the run starts, and the handlers are in place before.
        deadline = time.time() + 240
        while not (self.folder / "stopped.events.spool").exists() and time.time() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGUSR1)
        while not checkpoint.exists() and process.poll() is None and time.time() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGUSR2)
        _, text = process.communicate(timeout=240)
        self.assertEqual(process.returncode, 75, text)
        self.assertTrue(checkpoint.exists())
        self.assertFalse((self.folder / "stopped.h5").exists())
        self.assert_refused("mg-deform", *common, "--output", "stopped.h5", mentions=["--resume"], ranks=2)
        self.run_ok("mg-deform", *common, "--output", "stopped.h5", "--resume", ranks=2)
        self.assert_same("straight.h5", "stopped.h5")
        self.assertFalse(checkpoint.exists())

    def test_wall_limit_chain(self):
        self.make_catalog()
        common = ["glass.h5", "--plane", "plane-stress", "--final-strain", 0.05]
        self.run_ok("mg-deform", *common, "--output", "straight.h5")
        for attempt in range(50):
            result = self.run_program("mg-deform", *common, "--output", "chain.h5", "--resume", "--wall-limit", 0.5,
                                      ranks=2)
            self.assertIn(result.returncode, (0, 75), result.stderr)
            if result.returncode == 0:
                break
        self.assertEqual(result.returncode, 0)
        self.assert_same("straight.h5", "chain.h5")

    def test_refusals(self):
        self.make_catalog()
        for ranks in (1, 2):
            refuse = lambda *arguments, mentions: self.assert_refused(
                "mg-deform", *arguments, mentions=mentions, ranks=ranks)
            refuse("nothing.h5", mentions=["nothing.h5"])
            refuse("glass.h5", "--temperature", "-5", mentions=["temperature", "-5"])
            refuse("glass.h5", "--temprature", "300", mentions=["temprature", "temperature"])
            refuse("glass.h5", "--output", "no/folder/d.h5", mentions=["no/folder"])
            refuse("glass.h5", "--snapshot-strain", "0.5", mentions=["--snapshot-strain", "0.5"])
            refuse("glass.h5", "--snapshot-strain", "soon", mentions=["--snapshot-strain", "soon"])
            refuse("glass.h5", "--loading", "creep", "--creep-stress", "0", mentions=["--creep-stress"])
            refuse("glass.h5", "--record-strain", "0.1", "--final-strain", "0.05", mentions=["--record-strain"])
        content = (self.folder / "glass.h5").read_bytes()
        (self.folder / "cut.h5").write_bytes(content[:len(content) // 2])
        self.assert_refused("mg-deform", "cut.h5", mentions=["cut.h5"], ranks=2)
        self.run_ok("mg-catalog", "--glass", "matrix", "--nx", 8, "--gamma0", 0.05, "--output", "wild.h5")
        self.assert_refused("mg-deform", "wild.h5", mentions=["endless avalanches", "chi"], ranks=2)
        self.run_ok("mg-catalog", "--glass", "matrix", "--nx", 8, "--gamma0", 0.2, "--output", "wilder.h5")
        self.assert_refused("mg-deform", "wilder.h5", mentions=["above its barrier"], ranks=2)
        self.assert_refused("mg-deform", "wild.h5", "--plane", "plane-stress", mentions=["--plane"])

    def test_runaway_is_stopped(self):
        self.run_ok("mg-catalog", "--glass", "matrix", "--nx", 6, "--voxel-size", 1.0, "--gamma0", 0.14,
                    "--barrier-mean", 2.0, "--output", "wild.h5")
        self.assert_refused("mg-deform", "wild.h5", "--allow-pumping", "--softening-cap", 0.51, "--temporary-softening", 39,
                            "--permanent-softening", 13, "--largest-turnover", 2, mentions=["run away", "chi"],
                            exit_code=1, timeout=300)

    def test_dry_run(self):
        self.make_catalog()
        result = self.run_ok("mg-deform", "glass.h5", "--dry-run", "--output", "d.h5", ranks=2)
        for text in ("24 x 24 x 1", "bytes a voxel", "an event", "chi ="):
            self.assertIn(text, result.stdout)
        self.assertFalse((self.folder / "d.h5").exists())


if __name__ == "__main__":
    unittest.main()
