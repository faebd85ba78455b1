"""mg-analyze on real and damaged files, and its output read with h5py."""

import importlib.util
import unittest

import h5py
import numpy as np

from program_test import SHARED_DATA, ProgramTest

RING = SHARED_DATA / "fpd_file_test.hdf5"


def ring_scan(path, ny=2, nx=3, side=48, centre=(23.4, 24.1), change=None):
    """A small scan of disc and ring as npy; `change` alters the counts before they are saved."""
    y, x = np.mgrid[:side, :side]
    r = np.hypot(x - centre[0], y - centre[1])
    pattern = 3000.0 * (r < 3.5) + 60.0 * np.exp(-0.5 * ((r - 14.0) / 2.0) ** 2) + 2.0
    counts = np.random.default_rng(4).poisson(pattern, size=(ny, nx, side, side)).astype("<f4")
    if change:
        change(counts)
    np.save(path, counts)


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


    def test_beam_off_the_detector(self):
        for name, centre, ranks, mention in (("off", (-9, 20), 1, "edge"), ("corner", (1, 1), 1, "edge"),
                                             ("far", (-40, -40), 3, "is the beam on the detector")):
            ring_scan(self.folder / f"{name}.npy", 3, 4, centre=centre)
            self.assert_refused("mg-analyze", f"{name}.npy", "--output", "o.h5", ranks=ranks, mentions=[f"{name}.npy", mention])

    def test_nothing_but_negative_counts(self):
        ring_scan(self.folder / "negative.npy", 3, 3, change=lambda counts: np.negative(counts, out=counts))
        self.assert_refused("mg-analyze", "negative.npy", "--output", "o.h5", ranks=3, mentions=["negative.npy"])


class HardInput(ProgramTest):
    """What is odd but can be analysed: counted, reported, the same on any number of ranks."""

    def result(self, scan, ranks, *options):
        self.run_ok("mg-analyze", scan, "--overwrite", "--gain", 1, "--output", f"out{ranks}.h5", "--summary", "s.json", *options,
                    ranks=ranks)
        with h5py.File(self.folder / f"out{ranks}.h5") as file:
            area = file["mro/area_000"]
            return {name: area[f"{name}/data"][()] for name in ("order", "radial_intensity", "power", "transmittance")}

    def same_on_ranks(self, scan, *options, ranks=3):
        alone, many = self.result(scan, 1, *options), self.result(scan, ranks, *options)
        for name, values in alone.items():
            np.testing.assert_array_equal(values, many[name], err_msg=name)
        return alone

    def test_broken_patterns_are_counted_and_left_out(self):
        def damage(counts):
            counts[0, 0, 3, 3] = np.nan
            counts[1, 2] = np.nan
            counts[2, 2, 0, 0] = np.inf
            counts[4, 6, 47, 47] = -np.inf
            counts[3, 3] = counts[3, 4] = 0
            counts[4, 4] = -1

        ring_scan(self.folder / "whole.npy", 6, 7)
        ring_scan(self.folder / "damaged.npy", 6, 7, change=damage)
        found = self.same_on_ranks("damaged.npy")
        numbers = self.summary("s.json")
        self.assertEqual((numbers["total_patterns"], numbers["kept_patterns"]), (42, 35))
        self.assertEqual((numbers["not_finite_patterns"], numbers["empty_patterns"]), (4, 3))
        whole = self.result("whole.npy", 1)
        # What is left is a sample of the same scan: 35 of 42 patterns of the same mean.
        np.testing.assert_allclose(found["radial_intensity"], whole["radial_intensity"], rtol=0.02)

    def test_masked_pixels_may_hold_anything(self):
        (self.folder / "mask.txt").write_text("rectangle 20 36 30 47\npixel 22 23\ncircle 10 24 1.5\n")
        mask = np.zeros((48, 48), bool)
        mask[36:48, 20:31] = mask[23, 22] = True
        y, x = np.mgrid[:48, :48]
        mask |= np.hypot(x - 10, y - 24) <= 1.5

        def fill(values):
            def change(counts):
                counts[..., mask] = np.resize(values, mask.sum())
            return change

        shape = ("--scan-shape", "16x17", "--pattern-shape", "48x48", "--element", "float32")
        for name, values in (("zero", [0.0]), ("broken", [np.nan, np.inf, -np.inf])):
            ring_scan(self.folder / f"{name}.npy", 16, 17, change=fill(values))
            counts = np.load(self.folder / f"{name}.npy")
            counts.tofile(self.folder / f"{name}.bin")
            with h5py.File(self.folder / f"{name}.h5", "w") as file:
                file.create_dataset("scan", data=counts.astype(">f4"), chunks=(2, 17, 48, 48), compression="gzip")
        for suffix, options in (("bin", shape), ("h5", ("--dataset", "/scan"))):
            with self.subTest(suffix):
                zero = self.result(f"zero.{suffix}", 1, "--mask", "mask.txt", *options)
                broken = self.result(f"broken.{suffix}", 3, "--mask", "mask.txt", *options)
                self.assertEqual(self.summary("s.json")["kept_patterns"], 16 * 17)
                self.assertTrue(np.isfinite(broken["order"]).any())
                for name, values in zero.items():
                    np.testing.assert_array_equal(values, broken[name], err_msg=name)
        with h5py.File(self.folder / "out3.h5") as file:
            self.assertTrue(np.isfinite(file["mro/area_000/area_fraction/data"][()]).any())
        # Only what the mask names: the same without it.
        self.assert_refused("mg-analyze", "broken.bin", *shape, "--output", "o.h5", mentions=["NaN", "--mask"])

    def test_negative_pixels_take_part(self):
        # A dark frame of 2 too many subtracted: the dark background is negative, the ring and the disc are not.
        def darken(counts):
            counts -= 4

        ring_scan(self.folder / "dark.npy", 4, 5, change=darken)
        found = self.result("dark.npy", 1, "--k-min", 10, "--k-max", 18)
        self.assertEqual(self.summary("s.json")["kept_patterns"], 20)
        self.assertTrue(np.isfinite(found["order"]).all())

    def test_one_pattern_one_row_one_column_more_ranks_than_rows(self):
        for ny, nx in ((1, 1), (1, 9), (9, 1), (2, 4)):
            ring_scan(self.folder / "small.npy", ny, nx)
            found = self.same_on_ranks("small.npy") if ny < 3 else self.result("small.npy", 1)
            self.assertEqual(self.summary("s.json")["kept_patterns"], ny * nx)
            self.assertTrue(np.isfinite(found["radial_intensity"]).all())


class Heterogeneity(ProgramTest):
    def wedge(self, name, seed, areas=1):
        """A film with a wedge along x and a four-fold wave that grows with y, 20 x 20 positions."""
        random = np.random.default_rng(seed)
        side, ny, nx = 48, 20, 20
        y, x = np.mgrid[:side, :side]
        r, phi = np.hypot(x - 23.4, y - 24.1), np.arctan2(y - 24.1, x - 23.4)
        ring = np.exp(-0.5 * ((r - 14.0) / 2.0) ** 2) + 0.05
        ring *= (r > 6) / (ring * (r > 6)).sum()
        disc = (r < 3.5) / (r < 3.5).sum()
        self.transmittance = 0.9 - 0.01 * np.arange(nx)[None, :] + np.zeros((ny, 1))
        counts = np.empty((ny, nx, side, side), "<f4")
        for row, column in np.ndindex(ny, nx):
            wave = 1 + 0.02 * (row + 1) * np.cos(4 * (phi - random.uniform(0, 2 * np.pi)))
            t = self.transmittance[row, column]
            counts[row, column] = random.poisson(2e6 * (t * disc + (1 - t) * ring * wave))
        np.save(self.folder / name, counts)

    def test_bins_of_thickness_and_local_maps(self):
        self.wedge("a.npy", 1)
        with h5py.File(self.folder / "modulus.h5", "w") as file:
            file["modulus"] = np.arange(20.0)[:, None] + np.zeros((1, 20))
            file["modulus"].attrs["units"] = "GPa"
        for ranks in (1, 3):
            self.run_ok("mg-analyze", "a.npy", "--gain", 1, "--k-min", 8, "--k-max", 22, "--scan-step", 0.5, "--mean-free-path", 100,
                        "--sizes-by-thickness", "--map", "modulus=modulus.h5:/modulus", "--output", f"out{ranks}.h5", ranks=ranks)
        with h5py.File(self.folder / "out1.h5") as one, h5py.File(self.folder / "out3.h5") as three:
            def same(name, item):
                if isinstance(item, h5py.Dataset) and not name.startswith("provenance"):
                    np.testing.assert_array_equal(item[()], three[name][()], err_msg=name)
            one.visititems(same)
            bins = one["mro/area_000/thickness_bins"]
            np.testing.assert_array_equal(bins["patterns/data"], [100, 100, 100, 100])
            means = bins["transmittance_mean/data"][()]
            # Five columns a bin, thick ones first.
            np.testing.assert_allclose(means, [0.73, 0.78, 0.83, 0.88], atol=0.002)
            np.testing.assert_allclose(bins["thickness_mean/data"], -np.log(means))
            np.testing.assert_allclose(one["mro/sample/thickness_bins/order/data"], bins["order/data"], rtol=1e-12)
            weighted = (bins["order/data"][()] * bins["patterns/data"][()][:, None]).sum(0) / 400
            np.testing.assert_allclose(weighted, one["mro/area_000/order/data"], rtol=1e-9)
            self.assertEqual(bins["order"]["dim0"].attrs["name"], "thickness bin")
            self.assertEqual(bins["order"]["dim1"].attrs["name"], "k")

            local = one["mro/area_000/heterogeneity"]
            names = [name.decode() for name in local["names"][()]]
            maps = {name: local[f"maps/{name}/data"][()] for name in names}
            np.testing.assert_allclose(maps["thickness"], -100 * np.log(self.transmittance), atol=0.4)
            self.assertEqual(local["maps/thickness/data"].attrs["units"], "nm")
            self.assertEqual(local["maps/modulus/data"].attrs["units"], "GPa")
            # c_4 = a^2 / 4 where the ring stands alone; its flanks and the constant part do not change that.
            planted = (0.02 * np.arange(1, 21)) ** 2 / 4
            np.testing.assert_allclose(maps["c4"].mean(axis=1)[9:], planted[9:], rtol=0.06)
            # Density was planted even: outer intensity per thickness -ln T, all of it scattered once: (1 - T) / -ln T.
            even = (1 - self.transmittance) / -np.log(self.transmittance)
            np.testing.assert_allclose(maps["density"] * even.mean() / even, 1.0, atol=0.05)
            self.assertLess(np.nanstd(maps["dilatation"]), 0.005)
            r = local["correlation/data"][()]
            self.assertGreater(r[names.index("order"), names.index("modulus")], 0.9)
            self.assertLess(abs(r[names.index("order"), names.index("thickness")]), 0.1)
            # A gradient across the whole map is hardly more than one fact, whatever the number of positions.
            self.assertLess(local["correlation_independent/data"][names.index("order"), names.index("modulus")], 12)

    def test_areas_are_pooled_with_their_scatter(self):
        for index in range(3):
            self.wedge(f"a{index}.npy", 10 + index)
        self.run_ok("mg-analyze", "a0.npy", "a1.npy", "a2.npy", "--gain", 1, "--k-min", 8, "--k-max", 20, "--output", "out.h5", ranks=2)
        with h5py.File(self.folder / "out.h5") as file:
            sample = file["mro/sample"]
            orders = np.array([file[f"mro/area_{i:03}/order/data"][()] for i in range(3)])
            np.testing.assert_allclose(sample["order_area_scatter/data"], orders.std(axis=0, ddof=1))
            self.assertTrue((sample["order_error/data"][()] >= 0.999 * orders.std(axis=0, ddof=1) / np.sqrt(3)).all())
            np.testing.assert_array_equal(sample["thickness_bins/patterns/data"][()].sum(), 1200)
            areas = np.array([file[f"mro/area_{i:03}/heterogeneity/correlation/data"][0, 2] for i in range(3)])
            pooled = sample["heterogeneity/correlation/data"][0, 2]
            self.assertTrue(areas.min() <= pooled <= areas.max())
            self.assertAlmostEqual(sample["heterogeneity/correlation_area_scatter/data"][0, 2], areas.std(ddof=1), delta=0.3 * areas.std())

    def test_maps_that_do_not_fit_are_refused(self):
        ring_scan(self.folder / "scan.npy", 3, 4)
        with h5py.File(self.folder / "m.h5", "w") as file:
            file["small"] = np.zeros((2, 2))
        for typed, mention in (("m.h5:/small", "no name"), ("E=m.h5:/small", "2 x 2"), ("E=m.h5:/absent", "absent"),
                               ("E=m.h5", "names no dataset"), ("E=m.h5:/small;m.h5:/small", "2 files for 1 areas")):
            self.assert_refused("mg-analyze", "scan.npy", "--map", typed, "--output", "o.h5", mentions=[mention],
                                ranks=2 if "absent" in typed else 1)
        self.assert_refused("mg-analyze", "scan.npy", "--map", "E=m.h5:/small", "--no-local-maps", "--output", "o.h5",
                            mentions=["--no-local-maps"])
        self.run_ok("mg-analyze", "scan.npy", "--no-local-maps", "--output", "o.h5")
        with h5py.File(self.folder / "o.h5") as file:
            self.assertNotIn("heterogeneity", file["mro/area_000"])
            self.assertNotIn("heterogeneity", file["mro/sample"])


class OtherReaders(ProgramTest):
    """Public readers of EMD files, where they are installed."""

    def setUp(self):
        super().setUp()
        ring_scan(self.folder / "scan.npy", 20, 20)
        self.run_ok("mg-analyze", "scan.npy", "--k-per-pixel", 0.25, "--scan-step", 0.5, "--gain", 1, "--output", "out.h5")
        with h5py.File(self.folder / "out.h5") as file:
            self.k = file["mro/sample/power/dim1"][()]
            self.power = file["mro/sample/power/data"][()]

    @unittest.skipUnless(importlib.util.find_spec("emdfile"), "emdfile, which py4DSTEM reads with, is not installed")
    def test_emdfile(self):
        import emdfile
        self.assertEqual(type(emdfile.read(self.folder / "out.h5")).__name__, "Root")
        power = emdfile.read(self.folder / "out.h5", emdpath="mro/sample/power")
        np.testing.assert_array_equal(power.data, self.power)
        self.assertEqual(list(power.dim_names), ["n", "k"])
        self.assertEqual(list(power.dim_units), ["1", "nm^-1"])
        np.testing.assert_allclose(power.dims[1], self.k)

    @unittest.skipUnless(importlib.util.find_spec("hyperspy"), "HyperSpy is not installed")
    def test_hyperspy(self):
        import hyperspy.api
        power = hyperspy.api.load(self.folder / "out.h5", file_format="EMD", dataset_path="mro/sample/power/data")
        np.testing.assert_array_equal(power.data, self.power)
        k = power.axes_manager["k"]
        self.assertAlmostEqual(k.scale, 0.25)
        self.assertAlmostEqual(k.offset, self.k[0])
        self.assertIn("nm", str(k.units))
        image = hyperspy.api.load(self.folder / "out.h5", file_format="EMD",
                                  dataset_path="mro/area_000/heterogeneity/maps/order/data")
        self.assertEqual(image.axes_manager.signal_shape, (20, 20))
        self.assertAlmostEqual(image.axes_manager["x"].scale, 0.5)
        everything = hyperspy.api.load(self.folder / "out.h5", file_format="EMD", stack_group=False)
        self.assertGreater(len(everything), 50)


if __name__ == "__main__":
    unittest.main()
