"""mg-analyze on time series that mg-phantom made: planted relaxation times, ranks, memory, noise, refusals."""

import unittest

import h5py
import numpy as np

from program_test import ProgramTest

TYPE = "name=a,k=4.2,fold=6,diameter=1.2,spread=0.05,fraction=0.2,order=1"
SHAPE = ("--pattern-shape", "48x48", "--k-per-pixel", 0.27, "--thickness", 25)
RELAXATION = "mro/area_000/relaxation"


class PlantedDynamics(ProgramTest):
    def analyse(self, scan, output, *options, ranks=1):
        self.run_ok("mg-analyze", scan, "--output", output, "--summary", output + ".json", *options, ranks=ranks)
        return h5py.File(self.folder / output)

    def test_relaxation_times_come_back_and_are_given_to_a_static_scan(self):
        film = ("--scan-shape", "8x9", "--scan-step", 1.2, *SHAPE, "--type", TYPE, "--dose", 3e5)
        self.run_ok("mg-phantom", "series.h5", *film, "--frames", 80, "--frame-interval", 0.5, "--relaxation-time", 3,
                    "--relaxation-ratio", 4, ranks=2)
        self.run_ok("mg-phantom", "static.h5", *film)
        with h5py.File(self.folder / "series.truth.h5") as truth:
            planted = truth["dynamics/relaxation_time"][()]
            self.assertAlmostEqual(planted[0, 8] / planted[0, 0], 4.0)
            self.assertEqual(truth["dynamics"].attrs["frames"], 80)
            self.assertEqual(len(truth["domains/relaxation_time_s"]), len(truth["domains/x_nm"]))

        plan = self.run_ok("mg-analyze", "series.h5", "--dry-run", "--output", "none.h5")
        self.assertIn("time series of 80 frames every 0.5 s", plan.stdout + plan.stderr)

        with self.analyse("series.h5", "free.h5") as file:
            found = file[RELAXATION]
            summary = self.summary("free.h5.json")
            self.assertTrue(summary["relaxation_determined"])
            # All positions together hold a thousand speckles; a mixture of times looks stretched.
            mean = np.exp(np.log(planted).mean())
            self.assertLess(abs(summary["relaxation_time"] - mean), 4 * summary["relaxation_time_error"] + 0.1 * mean)
            self.assertLess(summary["relaxation_time_error"], 0.25 * mean)
            self.assertGreater(summary["relaxation_stretching"], 0.6)
            self.assertLess(summary["relaxation_stretching"], 1.1)
            self.assertEqual(found.attrs["time_unit"], "s")
            self.assertEqual(found["relaxation_time/data"].attrs["units"], "s")
            lag = found["g2/dim0"]
            self.assertEqual((lag.attrs["name"], lag.attrs["units"], lag[0]), ("lag", "s", 0.5))
            fit, g2, error = (found[f"{name}/data"][()] for name in ("g2_fit", "g2", "g2_error"))
            self.assertLess(np.abs(fit - g2).max(), 0.1 * (g2[0] - 1))
            self.assertTrue((error > 0).all())
            self.assertIn("relaxation", file["mro/sample"])
            # The series' mean is analysed as a scan, and the times with it.
            names = [name.decode() for name in file["mro/area_000/heterogeneity/names"][()]]
            self.assertIn("relaxation_time", names)
            radial = file["mro/sample/radial_intensity/data"][()]
        with self.analyse("series.h5", "tau.h5", "--relaxation-stretching", 1) as file:
            time = file[f"{RELAXATION}/relaxation_time/data"][()]
            state = file[f"{RELAXATION}/state/data"][()]
            np.testing.assert_array_equal(np.isfinite(time), state == 0)
            good = state == 0
            self.assertGreater(good.mean(), 0.9)
            ratio = np.log(time[good] / planted[good])
            # A position sees some ten speckles for 13 of their lifetimes: 0.3 each, and neighbours share speckles.
            self.assertAlmostEqual(ratio.mean(), 0.0, delta=0.2)
            self.assertLess(ratio.std(), 0.5)
            self.assertGreater(np.corrcoef(np.log(time[good]), np.log(planted[good]))[0, 1], 0.5)

        with self.analyse("static.h5", "mapped.h5", "--map",
                          f"relaxation_time=tau.h5:/{RELAXATION}/relaxation_time/data") as file:
            group = file["mro/area_000/heterogeneity"]
            names = [name.decode() for name in group["names"][()]]
            np.testing.assert_array_equal(group["maps/relaxation_time/data"][()], time.astype("<f4"))
            self.assertEqual(group["maps/relaxation_time/data"].attrs["units"], "s")
            place = names.index("relaxation_time")
            self.assertTrue(np.isfinite(group["correlation/data"][place, names.index("order")]))
            self.assertGreater(group["deviation/data"][place], 0)
            # The series' mean had the electrons of all frames.
            np.testing.assert_allclose(radial / 80, file["mro/sample/radial_intensity/data"][()], rtol=0.03)

        # Ranks, memory for parts of rows only, and how the file is read change no bit.
        wide = ("--local-k-min", 2, "--local-k-max", 6, "--angles", 252)
        self.analyse("series.h5", "wide.h5", *wide).close()
        for reference, ranks, options in (("free.h5", 3, ()), ("wide.h5", 2, (*wide, "--memory-limit", 16))):
            with h5py.File(self.folder / reference) as one, \
                    self.analyse("series.h5", "other.h5", "--overwrite", *options, ranks=ranks) as other:
                for name in ("relaxation_time", "relaxation_time_error", "stretching", "contrast", "state",
                             "significance", "g2", "g2_error", "g2_fit", "g2_map"):
                    np.testing.assert_array_equal(one[f"{RELAXATION}/{name}/data"][()],
                                                  other[f"{RELAXATION}/{name}/data"][()], err_msg=name)
                np.testing.assert_array_equal(one["mro/sample/order/data"][()], other["mro/sample/order/data"][()])

    def test_noise_is_no_relaxation(self):
        self.run_ok("mg-phantom", "noise.h5", "--scan-shape", "6x6", *SHAPE, "--frames", 40, "--dose", 5e4)
        result = self.run_ok("mg-analyze", "noise.h5", "--output", "o.h5", "--summary", "s.json", "--frame-interval", 2)
        self.assertIn("no relaxation seen", result.stdout + result.stderr)
        summary = self.summary("s.json")
        self.assertFalse(summary["relaxation_determined"])
        self.assertNotIn("relaxation_time", summary)
        self.assertGreaterEqual(summary["relaxation_positions_no_relaxation_seen"], 35)
        with h5py.File(self.folder / "o.h5") as file:
            self.assertEqual(file[RELAXATION].attrs["state"], "no relaxation seen")
            self.assertTrue(np.isnan(file[RELAXATION].attrs["relaxation_time"]))
            self.assertEqual(file[RELAXATION].attrs["frame_interval"], 2)


class OtherFiles(ProgramTest):
    def setUp(self):
        super().setUp()
        y, x = np.mgrid[:40, :40]
        r = np.hypot(x - 19.6, y - 19.3)
        pattern = 3000.0 * (r < 3.5) + 60.0 * np.exp(-0.5 * ((r - 12.0) / 2.0) ** 2) + 2.0
        self.counts = np.random.default_rng(5).poisson(pattern, size=(12, 3, 40, 40)).astype("<f4")
        np.save(self.folder / "stack.npy", self.counts.reshape(36, 40, 40))

    def test_frames_that_cannot_be_used_are_gaps(self):
        self.counts[3, 1, 5, 5] = np.nan
        self.counts[7, 1] = 0
        self.counts[:7, 2] = np.inf
        np.save(self.folder / "five.npy", self.counts[:, None])
        self.run_ok("mg-analyze", "five.npy", "--output", "o.h5", "--summary", "s.json")
        with h5py.File(self.folder / "o.h5") as file:
            state = file[f"{RELAXATION}/state/data"][()]
            self.assertEqual(state[0, 2], 1)  # five of twelve frames are too few
            self.assertTrue(np.isnan(file[f"{RELAXATION}/g2_map/data"][0, 2]).all())
            self.assertTrue(np.isfinite(file[f"{RELAXATION}/g2_map/data"][0, :2]).all())
            self.assertEqual(file[RELAXATION].attrs["time_unit"], "frames")

    def test_what_is_no_series_or_too_short_is_refused(self):
        for ranks in (1, 3):
            self.assert_refused("mg-analyze", "stack.npy", "--time-frames", 6, "--output", "o.h5", ranks=ranks,
                                mentions=["6 frames", "at least 8"])
            self.assert_refused("mg-analyze", "stack.npy", "--time-frames", 7, "--output", "o.h5", ranks=ranks,
                                mentions=["--time-frames 7", "does not divide"])
        self.assert_refused("mg-analyze", "stack.npy", "--frame-interval", 1, "--output", "o.h5",
                            mentions=["--frame-interval", "single scan"])
        self.assert_refused("mg-analyze", "stack.npy", "--time-frames", 1, "--output", "o.h5", mentions=["time-frames"])
        np.save(self.folder / "other.npy", self.counts[:9, None])
        np.save(self.folder / "five.npy", self.counts[:, None])
        self.assert_refused("mg-analyze", "five.npy", "other.npy", "--output", "o.h5",
                            mentions=["five.npy", "other.npy", "9"])
        np.save(self.folder / "one.npy", self.counts[None, None, 0])
        self.run_ok("mg-analyze", "one.npy", "--output", "o.h5")  # one frame is a scan


if __name__ == "__main__":
    unittest.main()
