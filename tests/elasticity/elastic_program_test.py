"""mg-elastic as a person runs it: results in the files, agreement between solvers and ranks, refusals."""

import signal
import subprocess
import time
import unittest

import h5py
import numpy as np
from program_test import BIN, ProgramTest

MODULI = ("--young-modulus", 88.6, "--poisson-ratio", 0.371)


class ElasticProgramTest(ProgramTest):
    def write(self, name="input.h5", shape=(4, 6, 8), voxel=(1.5, 1.2, 0.9), **datasets):
        random = np.random.default_rng(3)
        with h5py.File(self.folder / name, "w") as file:
            if "eigenstrain" not in datasets:
                datasets["eigenstrain"] = 0.05 * random.normal(size=(*shape, 6))
            for dataset, values in datasets.items():
                if values is not None:
                    file[dataset] = values
            if voxel is not None:
                file.create_group("grid").attrs["voxel_size_nm"] = voxel
        return name

    def read(self, name):
        with h5py.File(self.folder / name) as file:
            return {key: file[key][()] for key in
                    ("stress", "strain", "displacement", "means/stress", "means/strain", "means/eigenstrain")}

    def test_means_and_hookes_law(self):
        self.write()
        self.run_ok("mg-elastic", "input.h5", *MODULI, "--mean-strain", "xx=0.01", "--mean-stress", "yy=0.2",
                    "--output", "out.h5", "--paraview", "out.vtkhdf", "--summary", "summary.json")
        result = self.read("out.h5")
        with h5py.File(self.folder / "input.h5") as file:
            eigenstrain = file["eigenstrain"][()]
        mu = 88.6 / 2 / 1.371
        lam = 88.6 * 0.371 / 1.371 / (1 - 2 * 0.371)
        elastic = result["strain"] - eigenstrain
        expected = 2 * mu * elastic
        expected[..., :3] += lam * elastic[..., :3].sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(result["stress"], expected, atol=1e-11)
        self.assertAlmostEqual(result["strain"][..., 0].mean(), 0.01, places=14)
        self.assertAlmostEqual(result["stress"][..., 1].mean(), 0.2, places=12)
        for component in (2, 3, 4, 5):
            self.assertAlmostEqual(result["strain"][..., component].mean(), 0.0, places=14)
        np.testing.assert_allclose(result["means/stress"], result["stress"].mean(axis=(0, 1, 2)), atol=1e-12)
        # The strain field is the gradient of the displacement: its xx average over an element from the corner nodes.
        u = result["displacement"][..., 0]
        along_x = (np.roll(u, -1, axis=2) - u) / 1.5
        for axis in (0, 1):
            along_x = 0.5 * (along_x + np.roll(along_x, -1, axis=axis))
        np.testing.assert_allclose(result["strain"][..., 0], along_x + 0.01, atol=1e-13)
        with h5py.File(self.folder / "out.vtkhdf") as file:
            fields = file["VTKHDF/PointData"]
            np.testing.assert_allclose(fields["stress"][...], result["stress"][..., [0, 1, 2, 5, 3, 4]])
            self.assertEqual(list(file["VTKHDF"].attrs["Spacing"]), [1.5, 1.2, 0.9])
        self.assertAlmostEqual(self.summary("summary.json")["mean_stress_yy_gpa"], 0.2, places=12)

    def test_solvers_and_ranks_agree(self):
        modulus = 88.6 * (0.5 + np.random.default_rng(4).random((4, 6, 8)))
        self.write(young_modulus=modulus)
        reference = None
        for ranks in (1, 2):
            for solver in ("fft", "petsc"):
                self.run_ok("mg-elastic", "input.h5", "--poisson-ratio", 0.371, "--mean-stress", "zz=0.1", "--solver", solver,
                            "--tolerance", 1e-10, "--output", "out.h5", "--overwrite", ranks=ranks)
                stress = self.read("out.h5")["stress"]
                reference = stress if reference is None else reference
                self.assertLess(abs(stress - reference).max(), 1e-8 * abs(reference).max(), (ranks, solver))

    def test_plane_bodies(self):
        self.write(shape=(1, 6, 8))
        for body in ("plane-strain", "plane-stress", "legacy-2d"):
            self.run_ok("mg-elastic", "input.h5", *MODULI, "--body", body, "--mean-stress", "yy=0", "--output", "out.h5",
                        "--overwrite")
            self.assertAlmostEqual(self.read("out.h5")["stress"][..., 1].mean(), 0.0, places=12)

    def test_petsc_options_are_honoured(self):
        self.write(young_modulus=88.6 * (0.5 + np.random.default_rng(4).random((4, 6, 8))))
        arguments = ("mg-elastic", "input.h5", "--poisson-ratio", 0.3, "--solver", "petsc", "--output", "out.h5")
        shown = self.run_ok(*arguments, "--petsc", "-el_ksp_monitor -el_pc_type jacobi -el_ksp_max_it 900",
                            "--iterations", 2)
        self.assertIn("KSP", shown.stdout + shown.stderr)
        self.run_ok(*arguments, "--overwrite", "--petsc", "-el_ksp_rtol 1e-3", "--summary", "summary.json")
        self.assertGreater(self.summary("summary.json")["residual"], 1e-7)
        self.assert_refused(*arguments, "--overwrite", "--petsc", "-el_ksp_max_it 1", exit_code=1,
                            mentions=["in 1 iterations", "DIVERGED_ITS"])
        self.assert_refused(*arguments, "--overwrite", "--petsc", "-el_kps_monitor", mentions=["el_kps_monitor"])
        self.assert_refused("mg-elastic", "input.h5", "--poisson-ratio", 0.3, "--output", "new.h5", "--petsc", "-el_ksp_monitor",
                            mentions=["--solver petsc"])
        self.assert_refused(*arguments, "--overwrite", "--iterations", 2, "--tolerance", 1e-12, exit_code=1,
                            mentions=["the residual fell from", "--iterations"])

    def test_petsc_says_where_its_time_went(self):
        self.write(young_modulus=88.6 * (0.5 + np.random.default_rng(4).random((4, 6, 8))))
        shown = self.run_ok("mg-elastic", "input.h5", "--poisson-ratio", 0.3, "--solver", "petsc", "--petsc",
                            "-el_log_view -el_ksp_view -el_ksp_type minres", ranks=2)
        for text in ("PETSc Performance Summary", "KSPSolve", "type: minres", "type: chebyshev", "type: pbjacobi"):
            self.assertIn(text, shown.stdout)
        plain = self.run_ok("mg-elastic", "input.h5", "--poisson-ratio", 0.3, "--solver", "petsc", "--overwrite", "--petsc",
                            "-log_view -el_log_view :log.csv:ascii_csv")
        self.assertEqual(plain.stdout.count("PETSc Performance Summary:"), 1)
        self.assertIn("KSPSolve", (self.folder / "log.csv").read_text())
        for phase in ("reading", "setting up", "solving", "writing"):
            self.assertIn(f"time in {phase}", shown.stderr)
        for name in ("iterations", "residual", "peak_memory_gb", "solve_seconds"):
            self.assertIn(name, shown.stdout)
        self.assert_refused("mg-elastic", "input.h5", "--poisson-ratio", 0.3, "--solver", "petsc", "--overwrite", "--petsc",
                            "-el_pc_type bogus", mentions=["bogus"], exit_code=1)

    def test_gripped_specimen_with_free_sides(self):
        shape = (8, 8, 24)
        young = 70 * np.ones(shape)
        young[2:6, 2:6, 10:14] = 0.0
        self.write(shape=shape, eigenstrain=None, young_modulus=young)
        stress = {}
        for ranks in (1, 3):
            self.run_ok("mg-elastic", "input.h5", "--poisson-ratio", 0.3, "--faces", "gripped-x", "--mean-stress", "xx=0.5",
                        "--output", "out.h5", "--overwrite", "--summary", "summary.json", ranks=ranks)
            stress[ranks] = self.read("out.h5")["stress"]
        result = self.read("out.h5")
        # Every section carries the same force, that of the mean stress; the void carries none.
        np.testing.assert_allclose(result["stress"][..., 0].mean(axis=(0, 1)), 0.5, atol=1e-6)
        self.assertEqual(abs(result["stress"][2:6, 2:6, 10:14]).max(), 0.0)
        # Sides are free: beside the void's middle section the bar contracts.
        self.assertLess(result["means/strain"][1], -0.1 * result["means/strain"][0])
        np.testing.assert_allclose(stress[1], stress[3], atol=1e-6)
        self.assertLess(self.summary("summary.json")["iterations"], 15)

    def test_a_signal_ends_a_long_solve(self):
        size = 48
        self.write(shape=(size,) * 3, eigenstrain=None,
                   young_modulus=88.6 * 1e3 ** (np.random.default_rng(4).random((size,) * 3) - 0.5))
        with open(self.folder / "messages", "w") as messages:
            process = subprocess.Popen([str(BIN / "mg-elastic"), "input.h5", "--poisson-ratio", "0.3", "--mean-strain",
                                        "xx=0.01", "--tolerance", "1e-14", "--iterations", "100000"],
                                       cwd=self.folder, stdout=messages, stderr=messages)
            try:
                while "solver: " not in (self.folder / "messages").read_text():
                    self.assertIsNone(process.poll(), (self.folder / "messages").read_text())
                    time.sleep(0.02)
                process.send_signal(signal.SIGUSR2)
                self.assertEqual(process.wait(timeout=240), 75)
            finally:
                process.kill()
        self.assertFalse((self.folder / "elastic.h5").exists())

    def test_bad_problems_are_refused(self):
        shape = (4, 6, 8)
        good = self.write()
        one = np.ones(shape)

        def spoiled(value):
            field = one.copy()
            field[3, 2, 1] = value
            return field

        cases = [
            (dict(young_modulus=70 * spoiled(-1.0)), ("--poisson-ratio", 0.3), ["/young_modulus is -70", "x = 1, y = 2, z = 3"]),
            (dict(young_modulus=70 * spoiled(np.nan)), ("--poisson-ratio", 0.3), ["/young_modulus is nan"]),
            (dict(young_modulus=0 * one), ("--poisson-ratio", 0.3), ["every voxel is a void"]),
            (dict(poisson_ratio=0.3 * spoiled(5.0 / 3.0)), ("--young-modulus", 70), ["/poisson_ratio is 0.5"]),
            (dict(eigenstrain=np.full((*shape, 6), np.inf)), MODULI, ["/eigenstrain is inf"]),
            (dict(eigenstrain=np.zeros((*shape, 3))), MODULI, ["4 x 6 x 8 x 3", "(nz, ny, nx, 6)"]),
            (dict(young_modulus=np.ones((4, 6, 7))), ("--poisson-ratio", 0.3), ["4 x 6 x 8", "4 x 6 x 7"]),
            (dict(eigenstrain=None), MODULI, ["none of the datasets"]),
            (dict(), ("--poisson-ratio", 0.3), ["--young-modulus"]),
            (dict(voxel=None), MODULI, ["--voxel-size"]),
        ]
        for datasets, arguments, mentions in cases:
            with self.subTest(mentions=mentions):
                name = self.write("bad.h5", **datasets)
                self.assert_refused("mg-elastic", name, *arguments, mentions=mentions, ranks=2)
                self.assertFalse((self.folder / "elastic.h5").exists())
        for arguments, mentions in [
            (("--mean-strain", "xx=0.1", "--mean-stress", "xx=0"), ["prescribed twice"]),
            (("--body", "plane-stress"), ["two-dimensional"]),
            (("--faces", "gripped-x", "--solver", "fft"), ["periodic bodies only"]),
            (("--faces", "gripped-x", "--mean-stress", "yy=1"), ["gripped specimen"]),
            (("--voxel-size", "1,2"), ["three edges"]),
            (("--voxel-size", "1,-2,1"), ["-2"]),
        ]:
            with self.subTest(mentions=mentions):
                self.assert_refused("mg-elastic", good, *MODULI, *arguments, mentions=mentions)
        plan = self.run_ok("mg-elastic", good, *MODULI, "--dry-run")
        self.assertIn("4", plan.stdout)
        self.assertFalse((self.folder / "elastic.h5").exists())


if __name__ == "__main__":
    unittest.main()
