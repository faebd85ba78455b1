"""mg-analyze --composition on counted patterns of a hard-sphere glass whose structure factor is known in closed form."""

import unittest

import h5py
import numpy as np

from program_test import ProgramTest

SIDE, K_STEP, CENTRE = 128, 0.33, (63.3, 64.1)
DIAMETER, FILLING, SPREAD = 0.26, 0.5, 0.012  # nm, 1, nm
# Kirkland, Advanced Computing in Electron Microscopy, 2nd edition (2010), appendix C, angstrom: another
# parameterisation than the program's.
KIRKLAND = {
    "Cu": ((0.358774531, 1.76181348, 0.636905053), (0.106153463, 1.01640995, 15.3659093),
           (0.0074493067, 0.189002347, 0.229619589), (0.0385345989, 0.39842779, 0.901419843)),
    "Zr": ((2.64365505, 0.554225147, 0.761376625), (2.20202699, 178.260107, 0.0767218745),
           (0.0060294689, 0.099163053, 0.95678202), (0.0155143296, 0.176175995, 1.54330682)),
}


def scattering_factor(element, k):
    """In nm, k in nm^-1."""
    a, b, c, d = KIRKLAND[element]
    square = (0.1 * k) ** 2
    return 0.1 * sum(a[i] / (square + b[i]) + c[i] * np.exp(-d[i] * square) for i in range(3))


def structure_factor(k):
    """Percus and Yevick's hard spheres (Wertheim 1963; Ashcroft and Lekner, Phys. Rev. 145 (1966) 83), with thermal spread."""
    x, eta = 2 * np.pi * np.maximum(k, 1e-3) * DIAMETER, FILLING
    a = (1 + 2 * eta) ** 2 / (1 - eta) ** 4
    b = -6 * eta * (1 + eta / 2) ** 2 / (1 - eta) ** 4
    c = eta * a / 2
    sine, cosine = np.sin(x), np.cos(x)
    direct = (a * (sine - x * cosine) / x ** 2 + b * (2 * x * sine + (2 - x ** 2) * cosine - 2) / x ** 3 +
              c * (-x ** 4 * cosine + 4 * ((3 * x ** 2 - 6) * cosine + (x ** 3 - 6 * x) * sine + 6)) / x ** 5)
    return 1 + (1 / (1 + 24 * eta * direct / x) - 1) * np.exp(-2 * (np.pi * SPREAD * k) ** 2)


def planted_distribution(r, k_max):
    """G(r) of that structure factor with Lorch's window, from fine steps of k."""
    k = np.linspace(0, k_max, 4001)
    phi = k * (structure_factor(k) - 1) * np.sinc(k / k_max)
    return 8 * np.pi * np.trapz(phi * np.sin(2 * np.pi * k * r[:, None]), k, axis=1)


def glass_scan(path, seed, scattered=4e6, transmitted=8e6, ny=6, nx=6):
    y, x = np.mgrid[:SIDE, :SIDE]
    pixels = np.hypot(x - CENTRE[0], y - CENTRE[1])
    k = K_STEP * pixels
    cu, zr = scattering_factor("Cu", k), scattering_factor("Zr", k)
    pattern = 0.5 * (cu ** 2 + zr ** 2) + (0.5 * (cu + zr)) ** 2 * (structure_factor(k) - 1)
    pattern[k < 1.9] = 0
    disc = pixels < 4.0
    pattern = scattered * pattern / pattern.sum() + transmitted * disc / disc.sum()
    np.save(path, np.random.default_rng(seed).poisson(pattern, size=(ny, nx, SIDE, SIDE)).astype("<f4"))


GLASS = ("--k-per-pixel", K_STEP, "--gain", 1, "--scan-step", 0.5, "--k-min", 2.2, "--no-local-maps")


class PairDistribution(ProgramTest):
    def test_hard_spheres_come_back_on_any_number_of_ranks(self):
        glass_scan(self.folder / "a.npy", 1)
        glass_scan(self.folder / "b.npy", 2, transmitted=1e7, ny=3)
        for ranks in (1, 3):
            result = self.run_ok("mg-analyze", "a.npy", "b.npy", *GLASS, "--composition", "Zr50Cu50", "--output", f"{ranks}.h5",
                                 "--summary", "s.json", ranks=ranks)
            self.assertNotIn("limits G(r)", result.stderr)
        with h5py.File(self.folder / "1.h5") as one, h5py.File(self.folder / "3.h5") as three:
            def same(name, item):
                if isinstance(item, h5py.Dataset) and not name.startswith("provenance"):
                    np.testing.assert_array_equal(item[()], three[name][()], err_msg=name)
            one.visititems(same)
            sample = one["mro/sample"]
            for name, axis, unit in (("structure_factor", "k", "1"), ("reduced_structure_function", "k", "nm^-1"),
                                     ("pair_distribution", "r", "nm^-2")):
                for place in (name, f"{name}_error"):
                    self.assertEqual(sample[place].attrs["emd_group_type"], "array")
                    self.assertEqual(sample[f"{place}/data"].attrs["units"], unit)
                    self.assertEqual(sample[f"{place}/dim0"].attrs["name"], axis)
                    self.assertEqual(sample[f"{place}/data"].shape, sample[f"{place}/dim0"].shape)
                    self.assertEqual(sample[f"thickness_bins/{place}/data"].shape[0], sample["thickness_bins/patterns/data"].size)
            k, r = sample["structure_factor/dim0"][()], sample["pair_distribution/dim0"][()]
            self.assertAlmostEqual(r[-1], 0.5 / K_STEP, delta=0.005)
            # Pixels of 0.33 nm^-1 take 0.2 off the sharp first peak of 2.8, and the smooth background that is taken off
            # lifts S by up to 0.15 below it; beyond, other scattering factors and counting are left.
            found, error = sample["structure_factor/data"][()], sample["structure_factor_error/data"][()]
            np.testing.assert_allclose(found, structure_factor(k), rtol=0, atol=0.25)
            np.testing.assert_allclose(found[k > 6], structure_factor(k[k > 6]), rtol=0, atol=0.03)
            self.assertTrue((error > 0).all() and (error[k < 15] < 0.02).all())
            # G within 3 % (rms) of its peak beyond the distance below which the background is taken off; inside of the
            # spheres it is the straight line -4 pi rho_0 r.
            found, error = sample["pair_distribution/data"][()], sample["pair_distribution_error/data"][()]
            planted = planted_distribution(r, k[-1])
            use = (r > 0.12) & (r < 1.0)
            self.assertLess(np.sqrt(np.mean((found - planted)[use] ** 2)), 0.03 * planted.max())
            inside = (r > 0.12) & (r < 0.2)
            density = FILLING / (np.pi / 6 * DIAMETER ** 3)
            np.testing.assert_allclose(found[inside], -4 * np.pi * density * r[inside], rtol=0.15)
            self.assertTrue((error > 0).all() and (error < 0.01 * planted.max()).all())
            attributes = sample["pair_distribution"].attrs
            self.assertEqual(attributes["composition"], "Zr50Cu50")
            self.assertEqual(attributes["warning"], "")
            self.assertAlmostEqual(attributes["resolution_nm"], 0.5 / k[-1])
            numbers = self.summary("s.json")
            self.assertAlmostEqual(numbers["pair_distribution_peak"], r[planted.argmax()], delta=0.004)
            self.assertAlmostEqual(numbers["pair_distribution_peak"], attributes["peak_nm"])
            self.assertLess(numbers["pair_distribution_peak_error"], 0.001)
            # The sample's is the mean of the areas', by kept patterns.
            a, b = (one[f"mro/area_{i:03}"] for i in range(2))
            kept = [area["calibration"].attrs["kept_patterns"] for area in (a, b)]
            mean = np.average([area["pair_distribution/data"][()] for area in (a, b)], axis=0, weights=kept)
            np.testing.assert_allclose(found, mean, rtol=1e-9, atol=1e-9)
            self.assertTrue((sample["radial_intensity_error/data"][()] > 0).all())

    def test_small_detector_is_warned_of(self):
        glass_scan(self.folder / "a.npy", 1, ny=2, nx=3)
        arguments = ("mg-analyze", "a.npy", *GLASS, "--composition", "ZrCu", "--k-max", 6)
        plan = self.run_ok(*arguments, "--dry-run")
        self.assertIn("pair distribution of ZrCu", plan.stdout + plan.stderr)
        result = self.run_ok(*arguments, "--output", "o.h5")
        for text in (plan.stderr, result.stderr):
            self.assertIn("k_max = 5.83 nm^-1 limits G(r)", text)
            self.assertIn("20 nm^-1", text)
        with h5py.File(self.folder / "o.h5") as file:
            self.assertIn("limits G(r)", file["mro/sample/pair_distribution"].attrs["warning"])

    def test_without_composition_or_calibration_there_is_none(self):
        glass_scan(self.folder / "a.npy", 1, ny=2, nx=3)
        for options, said in ((GLASS, "give --composition"),
                              (("--gain", 1, "--composition", "ZrCu", "--no-local-maps"), "give --k-per-pixel")):
            result = self.run_ok("mg-analyze", "a.npy", *options, "--output", "o.h5", "--overwrite")
            self.assertIn(said, result.stderr)
            with h5py.File(self.folder / "o.h5") as file:
                self.assertNotIn("pair_distribution", file["mro/sample"])
                self.assertIn("radial_intensity_error", file["mro/sample"])

    def test_masked_rings_are_told(self):
        glass_scan(self.folder / "a.npy", 1, ny=2, nx=3)
        y, x = np.mgrid[:SIDE, :SIDE]
        np.save(self.folder / "mask.npy", np.abs(np.hypot(x - CENTRE[0], y - CENTRE[1]) - 7.5) < 2)
        result = self.run_ok("mg-analyze", "a.npy", *GLASS, "--composition", "ZrCu", "--mask", "mask.npy", "--output", "o.h5")
        self.assertIn("no structure factor and no G(r): no pattern says anything at k = 2.2", result.stderr)

    def test_a_dumped_configuration_is_taken_as_it_is(self):
        glass_scan(self.folder / "a.npy", 1, ny=2, nx=3)
        (self.folder / "all.cfg").write_text(self.run_ok("mg-analyze", "--dump-config").stdout)
        self.run_ok("mg-analyze", "a.npy", "--config", "all.cfg", "--dry-run")

    def test_refusals(self):
        glass_scan(self.folder / "a.npy", 1, ny=2, nx=3)
        for options, mentions in ((("--composition", "Zr45Xx55"), ["--composition Zr45Xx55", "no element Xx"]),
                                  (("--pdf-r-max", 1), ["--pdf-r-max", "--composition"]),
                                  (("--composition", "Zr", "--pdf-r-max", 3), ["--pdf-r-max 3", "1.515"])):
            self.assert_refused("mg-analyze", "a.npy", *GLASS, *options, "--output", "o.h5", mentions=mentions,
                                ranks=2 if "1.515" in mentions else 1)


if __name__ == "__main__":
    unittest.main()
