"""mg-analyze on real and damaged files, and its output read with h5py."""

import unittest

import h5py
import numpy as np

from program_test import SHARED_DATA, ProgramTest

RING = SHARED_DATA / "fpd_file_test.hdf5"


def ring_scan(path, ny=2, nx=3, side=48):
    """A small scan of disc and ring as npy."""
    y, x = np.mgrid[:side, :side]
    r = np.hypot(x - 23.4, y - 24.1)
    pattern = 3000.0 * (r < 3.5) + 60.0 * np.exp(-0.5 * ((r - 14.0) / 2.0) ** 2) + 2.0
    counts = np.random.default_rng(4).poisson(pattern, size=(ny, nx, side, side))
    np.save(path, counts.astype("<f4"))


class RealRing(ProgramTest):
    @unittest.skipUnless(RING.exists(), "no shared sample files here")
    def test_finds_the_strong_ring(self):
        for ranks in (1, 3):
            self.run_ok("mg-analyze", RING, "--output", f"ring{ranks}.h5", "--summary", f"ring{ranks}.json", ranks=ranks)
        numbers = self.summary("ring1.json")
        self.assertAlmostEqual(numbers["ring_radius"], 115.4, delta=0.3)
        self.assertAlmostEqual(numbers["pattern_centre_x"], 127.3, delta=0.4)
        self.assertAlmostEqual(numbers["pattern_centre_y"], 127.4, delta=0.4)
        self.assertAlmostEqual(numbers["ellipse_axis_ratio"], 1.016, delta=0.003)
        self.assertEqual(numbers["kept_patterns"], 4)
        for name, value in self.summary("ring3.json").items():
            self.assertAlmostEqual(value, numbers[name], delta=1e-6 * abs(numbers[name]) + 1e-12, msg=name)

    @unittest.skipUnless(RING.exists(), "no shared sample files here")
    def test_tiny_patterns_are_refused(self):
        for ranks in (1, 2):
            self.assert_refused("mg-analyze", SHARED_DATA / "emd" / "py4DSTEM_size2x3x4x5.h5", "--output", "t.h5",
                                ranks=ranks, mentions=["4 x 5"])


class Output(ProgramTest):
    def test_is_an_emd_tree_with_units(self):
        ring_scan(self.folder / "scan.npy")
        self.run_ok("mg-analyze", "scan.npy", "--k-per-pixel", 0.25, "--scan-step", 0.5, "--gain", 1, "--output", "out.h5")
        with h5py.File(self.folder / "out.h5") as file:
            self.assertEqual(file.attrs["format"], "mesoglass mro")
            self.assertEqual(file.attrs["emd_group_type"], "file")
            self.assertEqual(file["mro"].attrs["emd_group_type"], "root")
            for path, axes, unit in (("size", ["k"], "nm"), ("power", ["n", "k"], "1"), ("order", ["k"], "1")):
                for place in ("area_000", "sample"):
                    group = file[f"mro/{place}/{path}"]
                    self.assertEqual(group.attrs["emd_group_type"], "array")
                    self.assertEqual(group.attrs["python_class"], "Array")
                    self.assertEqual(group["data"].attrs["units"], unit)
                    for i, axis in enumerate(axes):
                        dim = group[f"dim{i}"]
                        self.assertEqual(dim.attrs["name"], axis)
                        self.assertEqual(dim.shape[0], group["data"].shape[i])
            k = file["mro/sample/order/dim0"]
            self.assertEqual(k.attrs["units"], "nm^-1")
            self.assertAlmostEqual(k[1] - k[0], 0.25)
            self.assertEqual(file["mro/area_000/mean_pattern/data"].shape, (48, 48))
            calibration = file["mro/area_000/calibration"].attrs
            self.assertAlmostEqual(calibration["centre_x_px"], 23.4, delta=0.1)
            self.assertAlmostEqual(calibration["centre_y_px"], 24.1, delta=0.1)
            self.assertAlmostEqual(calibration["ring_radius_px"], 14.0, delta=0.2)
            self.assertEqual(calibration["kept_patterns"], 6)
            self.assertTrue(np.isnan(file["mro/sample/size/data"]).all())
            self.assertIn("k_peak", file["mro/types"])
            self.assertIn("provenance", file)

    def test_two_areas_are_averaged(self):
        ring_scan(self.folder / "a.npy", 3, 4)
        ring_scan(self.folder / "b.npy", 5, 2)
        self.run_ok("mg-analyze", "a.npy", "b.npy", "--output", "out.h5", "--summary", "s.json", ranks=2)
        self.assertEqual(self.summary("s.json")["total_patterns"], 22)
        with h5py.File(self.folder / "out.h5") as file:
            a, b, both = (file[f"mro/{name}/radial_intensity/data"][:] for name in ("area_000", "area_001", "sample"))
            np.testing.assert_allclose(both, (12 * a + 10 * b) / 22, rtol=1e-12)

    def test_dry_run_plans_and_writes_nothing(self):
        ring_scan(self.folder / "scan.npy")
        result = self.run_ok("mg-analyze", "scan.npy", "--dry-run", "--output", "out.h5")
        self.assertIn("2 x 3 positions", result.stdout + result.stderr)
        self.assertFalse((self.folder / "out.h5").exists())

    def test_preview_reads_few_rows(self):
        ring_scan(self.folder / "scan.npy", 20, 20)
        self.run_ok("mg-analyze", "scan.npy", "--preview", "--output", "out.h5", "--summary", "s.json", ranks=2)
        self.assertEqual(self.summary("s.json")["total_patterns"], 20)


class BadInput(ProgramTest):
    def test_ends_with_one_message(self):
        ring_scan(self.folder / "scan.npy")
        np.save(self.folder / "zero.npy", np.zeros((2, 2, 32, 32), "<f4"))
        np.save(self.folder / "nan.npy", np.full((2, 2, 32, 32), np.nan, "<f4"))
        (self.folder / "mask.txt").write_text("circle 1 2\n")
        whole = (self.folder / "scan.npy").read_bytes()
        (self.folder / "short.npy").write_bytes(whole[:-1000])
        for ranks in (1, 3):
            self.assert_refused("mg-analyze", "zero.npy", "--output", "o.h5", ranks=ranks, mentions=["zero"])
            self.assert_refused("mg-analyze", "nan.npy", "--output", "o.h5", ranks=ranks, mentions=["NaN"])
            self.assert_refused("mg-analyze", "short.npy", "--output", "o.h5", ranks=ranks, mentions=["short.npy"])
            self.assert_refused("mg-analyze", "absent.raw", "--output", "o.h5", ranks=ranks, mentions=["absent.raw"])
            self.assert_refused("mg-analyze", "scan.npy", "--mask", "mask.txt", "--output", "o.h5", ranks=ranks,
                                mentions=["line 1"])
        for arguments, mention in (
            (("--angles", 125), "125"), (("--k-min", 5, "--k-max", 3), "--k-min"), (("--centre", "1;2"), "--centre"),
            (("--thickness-min", 20), "--mean-free-path"), (("--transmittance-min", 0.999), "none of 6"),
            (("--output", "/nonexistent/o.h5"), "/nonexistent"), (("--anlges", 126), "angles"),
        ):
            self.assert_refused("mg-analyze", "scan.npy", *arguments, mentions=[mention])


if __name__ == "__main__":
    unittest.main()
