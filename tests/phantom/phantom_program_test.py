"""mg-phantom as a program: same bytes on any number of ranks, honest truth, one message for what cannot be."""

import unittest

import h5py
import numpy

from program_test import SOURCE, ProgramTest

STRONG = "name=strong,k=3.9,fold=6,diameter=1.2,spread=0.1,fraction=0.1,order=1"
WEAK = "name=weak,k=4.4,fold=10,diameter=1.3,spread=0.1,fraction=0.2,order=0.4"


class Phantom(ProgramTest):
    def make(self, name, *arguments, ranks=1, **settings):
        return self.run_ok("mg-phantom", name, *arguments, "--quiet", ranks=ranks, **settings)

    def empad(self, name, ny, nx):
        return numpy.fromfile(self.folder / name, "<f4").reshape(ny, nx, 130, 128)

    def test_same_bytes_on_any_number_of_ranks(self):
        arguments = ["--scan-shape", "5x4", "--type", STRONG, "--type", WEAK, "--hot-pixels", 3, "--dead-pixels", 5,
                     "--gain", 150, "--descan-x", 2, "--ellipse-ratio", 1.02, "--wedge-x", 1]
        for ranks in (1, 2, 3):
            # 0.3 MiB is one row: written in as many blocks as a rank has rows.
            self.make(f"scan{ranks}.raw", *arguments, "--memory", 1 if ranks == 3 else 256, ranks=ranks)
            self.make(f"cube{ranks}.h5", *arguments, ranks=ranks)
        reference = (self.folder / "scan1.raw").read_bytes()
        self.assertEqual(len(reference), 5 * 4 * 66560)
        with h5py.File(self.folder / "cube1.h5") as file:
            patterns = file["datacube_root/datacube/data"][()]
        numpy.testing.assert_array_equal(self.empad("scan1.raw", 5, 4)[:, :, :128, :], patterns)
        for ranks in (2, 3):
            self.assertEqual((self.folder / f"scan{ranks}.raw").read_bytes(), reference)
            with h5py.File(self.folder / f"cube{ranks}.h5") as file:
                numpy.testing.assert_array_equal(file["datacube_root/datacube/data"][()], patterns)
            with h5py.File(self.folder / f"scan{ranks}.truth.h5") as one, \
                    h5py.File(self.folder / "scan1.truth.h5") as other:
                for group in ("domains", "types", "patterns", "detector"):
                    for name in other[group]:
                        numpy.testing.assert_array_equal(one[group][name][()], other[group][name][()], err_msg=name)

    def test_another_seed_is_another_film_and_the_same_seed_the_same(self):
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            self.make(f"{name}.raw", "--scan-shape", "2x2", "--type", STRONG, "--seed", seed)
        self.assertEqual((self.folder / "a.raw").read_bytes(), (self.folder / "b.raw").read_bytes())
        self.assertNotEqual((self.folder / "a.raw").read_bytes(), (self.folder / "c.raw").read_bytes())

    def test_truth_file_keeps_its_contract(self):
        self.make("scan.raw", "--scan-shape", "6x8", "--type", STRONG, "--type", WEAK, "--dead-pixels", 4,
                  "--summary", "summary.json", "--thickness", 25, "--mean-free-path", 50, "--gain", 120)
        with h5py.File(self.folder / "scan.truth.h5") as truth:
            self.assertEqual(truth.attrs["format"], "mesoglass truth")
            self.assertIn("provenance", truth)
            domains = truth["domains"]
            for name in ("type", "x_nm", "y_nm", "z_nm", "diameter_nm", "rotation"):
                self.assertEqual(len(domains[name]), len(domains["type"]))
            numpy.testing.assert_allclose((domains["rotation"][()] ** 2).sum(axis=1), 1.0, rtol=1e-12)
            types = truth["types"]
            self.assertEqual([text.decode() for text in types["name"][()]], ["strong", "weak"])
            numpy.testing.assert_allclose(types["realised_volume_fraction"][()], [0.1, 0.2], rtol=0.01)
            numpy.testing.assert_allclose(types["realised_diameter_mean_nm"][()], [1.2, 1.3], rtol=0.03)
            for name in ("centre_x_px", "centre_y_px", "thickness_nm", "transmittance"):
                self.assertEqual(truth["patterns"][name].shape, (6, 8))
            numpy.testing.assert_allclose(truth["patterns/transmittance"][()], numpy.exp(-0.5))
            self.assertEqual(truth["detector/dead_pixels"].shape, (4, 2))
            self.assertEqual(truth["calibration"].attrs["gain"], 120)
            for dataset in (types["k"], domains["x_nm"], truth["patterns/thickness_nm"]):
                self.assertTrue(dataset.attrs["units"])
                self.assertTrue(dataset.attrs["description"])
            patterns = self.empad("scan.raw", 6, 8)[:, :, :128, :]
            for ky, kx in truth["detector/dead_pixels"][()]:
                self.assertEqual(abs(patterns[:, :, ky, kx]).max(), 0.0)
            # 100,000 electrons at a gain of 120, within five standard deviations of the mean over 48 patterns.
            self.assertAlmostEqual(patterns.sum(axis=(2, 3)).mean() / 120, 1e5, delta=5 * (1e5 / 48) ** 0.5 + 30)
            summary = self.summary("summary.json")
            self.assertEqual(summary["patterns"], 48)
            self.assertAlmostEqual(summary["area_fraction_weak"], types["realised_area_fraction"][1])

    def test_maps_show_domains_of_the_planted_size(self):
        """An independent look: dark-field maps by interpolation, their autocorrelation by FFT."""
        n, step = 72, 0.4
        size = {}
        for diameter in (1.2, 2.0):
            self.make("scan.h5", "--overwrite", "--scan-shape", f"{n}x{n}", "--scan-step", step, "--pattern-shape", "64x64",
                      "--k-per-pixel", 0.2, "--no-noise", "--type",
                      f"name=a,k=4,fold=6,diameter={diameter},fraction=0.1,order=1", "--thickness", 20)
            with h5py.File(self.folder / "scan.h5") as file:
                patterns = file["datacube_root/datacube/data"]
                correlation = 0.0
                for angle in numpy.arange(0, 2 * numpy.pi, 0.1):
                    # The pixel nearest to (k, phi); 4 nm^-1 is 20 pixels.
                    ky, kx = (round(31.5 + 20 * f(angle)) for f in (numpy.sin, numpy.cos))
                    image = patterns[:, :, ky, kx]
                    image = image - image.mean()
                    power = abs(numpy.fft.fft2(image, s=(2 * n, 2 * n))) ** 2
                    correlation = correlation + numpy.fft.ifft2(power).real[:n, :n]
            lags = numpy.arange(8)
            overlap = (n - lags) / n
            radial = (correlation[0, :8] / overlap + correlation[:8, 0] / overlap) / 2
            # A Gaussian's logarithm is a parabola in r: fitted above half of the middle.
            use = radial > 0.4 * radial[0]
            slope = numpy.polyfit((lags[use] * step) ** 2, numpy.log(radial[use]), 1)[0]
            width = 2 * numpy.sqrt(numpy.log(2) / -slope)
            size[diameter] = numpy.sqrt(width ** 2 / 2 - 1.0)
        # 29 nm of film hold some hundred lit domains: their random places leave a few per cent.
        self.assertAlmostEqual(size[1.2], 1.2, delta=0.08)
        self.assertAlmostEqual(size[2.0], 2.0, delta=0.14)

    def test_dry_run_plans_and_writes_nothing(self):
        result = self.run_ok("mg-phantom", "big.raw", "--scan-shape", "512x512", "--type", STRONG, "--dry-run", ranks=2)
        self.assertIn("16.2 GiB", result.stdout)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_shipped_inputs_plan(self):
        for glass in ("x0", "x05", "x1"):
            self.run_ok("mg-phantom", "--config", SOURCE / "inputs" / f"phantom-{glass}.cfg", "a.raw", "--dry-run")

    def test_existing_outputs_are_kept_unless_told(self):
        self.make("scan.raw", "--scan-shape", "2x2")
        before = (self.folder / "scan.raw").read_bytes()
        self.assert_refused("mg-phantom", "scan.raw", "--scan-shape", "2x2", mentions=["scan.truth.h5", "--overwrite"])
        self.assertEqual((self.folder / "scan.raw").read_bytes(), before)
        self.make("scan.raw", "--scan-shape", "2x2", "--seed", 2, "--overwrite")
        self.assertNotEqual((self.folder / "scan.raw").read_bytes(), before)
        after = (self.folder / "scan.raw").read_bytes()
        self.make("scan.raw", "--scan-shape", "2x2", "--resume")
        self.assertEqual((self.folder / "scan.raw").read_bytes(), after)

    def test_impossible_requests_end_with_one_message(self):
        cases = [
            ((), ["output"]),
            (("scan.tif",), ["scan.tif", ".raw"]),
            (("scan.raw", "--pattern-shape", "64x64"), ["128"]),
            (("scan.raw", "--scan-shape", "0x5"), ["--scan-shape"]),
            (("scan.raw", "--type", "k=4"), ["--type", "missing"]),
            (("scan.raw", "--type", STRONG, "--type", STRONG), ["two types"]),
            (("scan.raw", "--thickness", "1", "--wedge-x", "5"), ["film ends"]),
            (("scan.raw", "--type", STRONG.replace("3.9", "9")), ["detector reaches"]),
            (("nowhere/scan.raw",), ["nowhere"]),
            (("scan.raw", "--doze", "5"), ["doze", "dose"]),
            (("scan.raw", "--dose", "nan"), ["dose"]),
        ]
        for ranks in (1, 3):
            for arguments, mentions in cases:
                with self.subTest(ranks=ranks, arguments=arguments):
                    self.assert_refused("mg-phantom", *arguments, mentions=mentions, ranks=ranks)
        self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
