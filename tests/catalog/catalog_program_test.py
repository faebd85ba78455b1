"""mg-catalog as a person runs it: the same file on any number of ranks, shipped inputs, measured MRO, bad input."""

import shutil
import unittest

import h5py
import numpy
from program_test import SOURCE, ProgramTest


def content(path):
    """Every dataset but the provenance."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]})
                        if isinstance(item, h5py.Dataset) and not name.startswith("provenance") else None)
    return found


class CatalogProgram(ProgramTest):
    def assert_same(self, first, second):
        a, b = content(self.folder / first), content(self.folder / second)
        self.assertEqual(a.keys(), b.keys())
        for name in a:
            self.assertEqual(a[name].tobytes(), b[name].tobytes(), name)

    def test_same_bits_on_any_number_of_ranks(self):
        for case in (["--glass", "x05", "--nx", "20", "--fraction", "0.4"],
                     ["--glass", "x05", "--parameter-set", "2d", "--nx", "50", "--mixing", "voxel"],
                     ["--glass", "x1", "--nx", "4", "--ny", "6", "--nz", "2", "--domain-diameter", "0"]):
            for ranks in (1, 2, 3):
                self.run_ok("mg-catalog", *case, "--seed", 5, "--output", f"on{ranks}.h5", "--overwrite", ranks=ranks)
            self.assert_same("on1.h5", "on2.h5")
            self.assert_same("on1.h5", "on3.h5")

    def test_shipped_inputs_are_the_built_in_glasses(self):
        for glass in ("x0", "x05", "x1"):
            self.run_ok("mg-catalog", "--config", SOURCE / "inputs/paper" / f"{glass}.cfg", "--output", f"{glass}.h5")
            self.run_ok("mg-catalog", "--glass", glass, "--parameter-set", "2d", "--nx", 128, "--output", "built-in.h5",
                        "--overwrite")
            self.assert_same(f"{glass}.h5", "built-in.h5")

    def test_summary_tells_what_was_built(self):
        self.run_ok("mg-catalog", "--glass", "x0", "--nx", 32, "--voxel-size", 1.5, "--fraction", 0.25,
                    "--output", "c.h5", "--summary", "s.json")
        summary = self.summary("s.json")
        types = content(self.folder / "c.h5")["voxels/type"]
        self.assertEqual(types.shape, (32, 32, 32))
        self.assertAlmostEqual(summary["mro_volume_fraction"], float((types > 0).mean()), places=12)
        self.assertAlmostEqual(summary["mro_volume_fraction"], 0.25, delta=3.4 / 2 / 32**3 + 1e-9)
        self.assertAlmostEqual(summary["domain_diameter_mean"], 2.8, delta=0.05)

    def test_barriers_of_all_zones_can_be_given(self):
        # mg3d: uniform laws, relative half width; 2d: the matrix is normal, with a standard deviation in eV.
        for parameters, matrix in (("mg3d", 0.1), ("2d", 0.3)):
            self.run_ok("mg-catalog", "--glass", "x05", "--parameter-set", parameters, "--nx", 8, "--barrier-mean", 3,
                        "--barrier-spread", 0.1, "--output", "c.h5", "--overwrite")
            catalog = content(self.folder / "c.h5")
            self.assertEqual(catalog["types/barrier_mean_ev"].tolist(), [3.0, 3.0, 3.0])
            numpy.testing.assert_allclose(catalog["types/barrier_spread"], [matrix, 0.1, 0.1], rtol=1e-15)

    def test_two_point_correlation_is_that_of_the_voxels(self):
        for case in (["--parameter-set", "2d", "--nx", 64, "--ny", 20], ["--nx", 24, "--ny", 10, "--nz", 6]):
            self.run_ok("mg-catalog", "--glass", "x05", *case, "--domain-diameter", 4, "--output", "c.h5", "--overwrite",
                        ranks=3)
            catalog = content(self.folder / "c.h5")
            mro, domain = catalog["voxels/type"] > 0, catalog["voxels/domain"]
            for name, axis in {"x": 2, "y": 1, "z": 0}.items():
                length = mro.shape[axis]
                self.assertEqual(f"realised/correlation_{name}/two_point" in catalog, length > 1)
                if length == 1:
                    continue
                found = {column: catalog[f"realised/correlation_{name}/{column}"]
                         for column in ("distance_nm", "two_point", "same_domain")}
                self.assertEqual(len(found["distance_nm"]), length // 2 + 1)
                for lag in range(length // 2 + 1):
                    there = numpy.roll(mro, -lag, axis=axis)
                    self.assertAlmostEqual(found["two_point"][lag], float((mro & there).mean()), places=12)
                    one = domain == numpy.roll(domain, -lag, axis=axis)
                    self.assertAlmostEqual(found["same_domain"][lag], float((mro & one).mean()), places=12)
                self.assertEqual(found["two_point"][0], catalog["realised/volume_fraction"][1:].sum())

    def test_sampled_correlation_of_a_large_map(self):
        # 16,384 rows along x and z, of which every second is counted: the error of a probability p from the 1e6 voxels
        # that are counted, in domains of some 100, is sqrt(p / 1e4) at most; five of them.
        self.run_ok("mg-catalog", "--glass", "x0", "--nx", 64, "--nz", 64, "--ny", 256, "--domain-diameter", 8, "--output",
                    "c.h5", ranks=2)
        catalog = content(self.folder / "c.h5")
        mro = catalog["voxels/type"] > 0
        for name, axis in {"x": 2, "y": 1, "z": 0}.items():
            found = catalog[f"realised/correlation_{name}/two_point"]
            for lag in (0, 1, 2, 5, 20):
                exact = float((mro & numpy.roll(mro, -lag, axis=axis)).mean())
                self.assertAlmostEqual(found[lag], exact, delta=5 * (exact / 1e4) ** 0.5)

    def test_size_laws(self):
        (self.folder / "sizes.txt").write_text("2.0 3\n6.0 1\n")
        for law, extra in (("log-normal", []), ("measured", ["--size-file", "sizes.txt"])):
            words = ["--glass", "x0", "--parameter-set", "2d", "--nx", 128, "--size-law", law, *extra, "--domain-spread", 1.2]
            self.run_ok("mg-catalog", *words, "--output", f"{law}.h5")
            self.run_ok("mg-catalog", *words, "--output", f"{law}-3.h5", ranks=3)
            self.assert_same(f"{law}.h5", f"{law}-3.h5")
        self.assertEqual(set(content(self.folder / "measured.h5")["domains/diameter_nm"]), {2.0, 6.0})
        self.assert_refused("mg-catalog", "--glass", "x0", "--size-law", "measured", mentions=["--size-file"])
        self.assert_refused("mg-catalog", "--glass", "x0", "--size-file", "sizes.txt", mentions=["--size-law"])

    def test_maps_from_a_file(self):
        self.run_ok("mg-catalog", "--glass", "x05", "--parameter-set", "2d", "--nx", 32, "--seed", 3, "--output", "c.h5")
        same = ["--glass", "x05", "--parameter-set", "2d", "--nx", 32, "--seed", 3]
        first = content(self.folder / "c.h5")
        for ranks in (1, 3):
            self.run_ok("mg-catalog", *same, "--map", "c.h5", "--output", f"m{ranks}.h5", ranks=ranks)
        self.assert_same("m1.h5", "m3.h5")
        again = content(self.folder / "m1.h5")
        # Everything is found again; centres and sizes are now those of the voxels.
        for name in ("voxels/type", "voxels/domain", "domains/type", "domains/voxels", "domains/rotation"):
            numpy.testing.assert_array_equal(first[name], again[name], name)
        for axis, edge in (("x", 32 * 0.7), ("y", 32 * 0.7)):
            away = numpy.abs(first[f"domains/{axis}_nm"] - again[f"domains/{axis}_nm"])
            self.assertLess(numpy.minimum(away, edge - away).max(), 0.7)
        # Without domains every voxel is one.
        kinds = numpy.zeros((1, 8, 8), "u1")
        kinds[0, 2, 3:5], kinds[0, 7, 7] = 1, 2
        with h5py.File(self.folder / "plain.h5", "w") as file:
            file["voxels/type"] = kinds
        self.run_ok("mg-catalog", "--glass", "x05", "--parameter-set", "2d", "--nx", 8, "--map", "plain.h5", "--output", "p.h5",
                    ranks=2)
        plain = content(self.folder / "p.h5")
        numpy.testing.assert_array_equal(plain["voxels/type"], kinds)
        self.assertEqual(list(plain["domains/type"]), [1, 1, 2])
        numpy.testing.assert_allclose(plain["domains/x_nm"], [0.7 * 3.5, 0.7 * 4.5, 0.7 * 7.5], rtol=1e-6)
        for change, mention in ((lambda file: file["voxels/type"].__setitem__((0, 0, 0), 7), "type 7"),
                                (lambda file: file.create_dataset("voxels/domain", data=numpy.full((1, 8, 8), -1, "i4")),
                                 "domain -1"),
                                (lambda file: file.create_dataset("voxels/domain", data=numpy.where(kinds, 5, -1).astype("i4")),
                                 "without gaps")):
            shutil.copy(self.folder / "plain.h5", self.folder / "bad.h5")
            with h5py.File(self.folder / "bad.h5", "r+") as file:
                change(file)
            self.assert_refused("mg-catalog", "--glass", "x05", "--parameter-set", "2d", "--nx", 8, "--map", "bad.h5",
                                "--output", "o.h5", mentions=["bad.h5", mention], ranks=2)
        self.assert_refused("mg-catalog", "--glass", "x05", "--parameter-set", "2d", "--nx", 9, "--map", "plain.h5", mentions=["--nx"])

    def test_dry_run_writes_nothing(self):
        result = self.run_ok("mg-catalog", "--glass", "x0", "--nx", 512, "--dry-run", ranks=2)
        self.assertIn("512 x 512 x 512", result.stdout)
        self.assertEqual(list(self.folder.iterdir()), [])

    def write_mro(self, name="mro.h5", **changes):
        columns = {"k_peak": [4.3, 3.9], "k_low": [4.1, 3.7], "k_high": [4.6, 4.1], "size_nm": [1.3, 1.2],
                   "size_error_nm": [0.1, 0.1], "area_fraction": [0.12, 0.04], "area_fraction_error": [0.01, 0.01],
                   "order": [0.002, 0.02], "order_error": [0.0002, 0.002]}
        columns.update(changes)
        with h5py.File(self.folder / name, "w") as file:
            file.attrs["format"] = "mesoglass mro"
            file.attrs["format_version"] = numpy.array([1, 0])
            for column, values in columns.items():
                file[f"mro/types/{column}"] = numpy.array(values, dtype=float)

    def test_measured_order_becomes_zones(self):
        self.write_mro()
        self.run_ok("mg-catalog", "--from", "mro.h5", "--order-weak", 0.002, "--order-strong", 0.02, "--nx", 24,
                    "--size-factor", 2, "--output", "c.h5", ranks=2)
        catalog = content(self.folder / "c.h5")
        self.assertEqual(list(catalog["types/modes"]), [20, 12, 2])
        numpy.testing.assert_allclose(catalog["types/softening"], [1, 0.9, 0.01], rtol=1e-12)
        numpy.testing.assert_array_equal(catalog["types/source_order"], [numpy.nan, 0.002, 0.02])
        numpy.testing.assert_allclose(catalog["realised/volume_fraction"], [0.8, 0.15, 0.05], atol=0.001)

    def test_bad_measurements_are_refused(self):
        calibration = ("--order-weak", 0.002, "--order-strong", 0.02)
        self.write_mro("short.h5", order=[0.002])
        self.write_mro("empty.h5", **{name: [] for name in (
            "k_peak", "k_low", "k_high", "size_nm", "size_error_nm", "area_fraction", "area_fraction_error", "order",
            "order_error")})
        self.write_mro("nan.h5", order=[numpy.nan, 0.0])
        (self.folder / "text.h5").write_text("not a file of numbers")
        self.run_ok("mg-catalog", "--glass", "x0", "--nx", 8, "--output", "catalog.h5")
        (self.folder / "cut.h5").write_bytes((self.folder / "catalog.h5").read_bytes()[:3000])
        for name in ("short.h5", "empty.h5", "nan.h5", "text.h5", "catalog.h5", "cut.h5", "absent.h5"):
            self.assert_refused("mg-catalog", "--from", name, *calibration, "--output", "o.h5", mentions=[name], ranks=2)
        self.write_mro()
        self.assert_refused("mg-catalog", "--from", "mro.h5", "--order-weak", 0.002, "--weak-from", "mro.h5",
                            mentions=["--weak-from"])
        self.assert_refused("mg-catalog", "--from", "mro.h5", "--strong-from", "absent.h5", mentions=["absent.h5"])

    def test_calibration_comes_from_references_or_from_the_phantoms(self):
        self.write_mro()
        self.write_mro("weak.h5", order=[0.001, 0.001])
        self.write_mro("strong.h5", order=[0.02, 0.02])
        self.run_ok("mg-catalog", "--from", "mro.h5", "--weak-from", "weak.h5", "--strong-from", "strong.h5", "--nx", 16,
                    "--output", "a.h5", ranks=2)
        self.run_ok("mg-catalog", "--from", "mro.h5", "--order-weak", 0.001, "--order-strong", 0.02, "--nx", 16, "--output",
                    "b.h5")
        self.assert_same("a.h5", "b.h5")
        catalog = content(self.folder / "a.h5")
        numpy.testing.assert_allclose(catalog["types/source_order_error"][1:], [0.0002, 0.002])
        self.assertGreater(catalog["types/softening_at_less_order"][1], catalog["types/softening_at_more_order"][1])
        result = self.run_ok("mg-catalog", "--from", "mro.h5", "--nx", 16, "--output", "d.h5")
        self.assertIn("phantom", result.stderr)
        # 0.002 lies so far below the phantoms' 0.003 that the limit holds, t = -0.25.
        self.assertEqual(content(self.folder / "d.h5")["types/modes"][1], 18)

    def test_impossible_requests_are_refused(self):
        for arguments, word in (
                ([], "--glass"),
                (["--glass", "x0", "--type", "a: modes=2, amplitude=1, softening=1"], "exactly one"),
                (["--glass", "x9"], "x9"),
                (["--glass", "x0", "--fraction", "0.41"], "0.41"),
                (["--glass", "x0", "--fraction", "nan"], "nan"),
                (["--glass", "x0", "--nx", "8", "--domain-diameter", "40"], "40"),
                (["--glass", "x0", "--parameter-set", "2d", "--nx", "8", "--nz", "8", "--tension-biased"], "two dimensions"),
                (["--type", "odd one: modes=7, amplitude=1, softening=1"], "odd one"),
                (["--type", "a: modes=2, amplitude=1, softening=2"], "softening"),
                (["--type", "a: modes=2, amplitude=1, softening=1, fraction=0.3",
                  "--type", "b: modes=2, amplitude=1, softening=1, fraction=0.3"], "0.6"),
                (["--glass", "x0", "--nx", "1048576"], "2^31"),
                (["--glass", "x0", "--poisson-ratio", "0.5"], "0.5"),
                (["--glas", "x0"], "glass"),
                (["--glass", "x0", "--output", "no/such/folder/c.h5"], "no/such/folder")):
            with self.subTest(arguments=arguments):
                self.assert_refused("mg-catalog", *arguments, mentions=[word])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_existing_output_is_kept_unless_told(self):
        self.run_ok("mg-catalog", "--glass", "x0", "--nx", 8, "--output", "c.h5")
        before = (self.folder / "c.h5").read_bytes()
        self.assert_refused("mg-catalog", "--glass", "x1", "--nx", 8, "--output", "c.h5", mentions=["c.h5", "--overwrite"])
        self.run_ok("mg-catalog", "--glass", "x1", "--nx", 8, "--output", "c.h5", "--resume")
        self.assertEqual((self.folder / "c.h5").read_bytes(), before)
        self.run_ok("mg-catalog", "--glass", "x1", "--nx", 8, "--output", "c.h5", "--overwrite")
        self.assertNotEqual((self.folder / "c.h5").read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
