"""mg-report on small files in the documented layout: content, look, contracts, damage."""

import html.parser
import io
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import h5py
import numpy
import synthetic_results as synthetic
from program_test import BIN, SOURCE, ProgramTest

sys.path.insert(0, str(SOURCE / "modules" / "report"))
from mesoglass_report import measurement, page, program, sample_comparison, simulation, style, truth_comparison  # noqa: E402
from mesoglass_report import heterogeneity_figures, measurement_figures, relaxation_figures, simulation_figures  # noqa: E402
from mesoglass_report.errors import InputError  # noqa: E402
from mesoglass_report.isolated import read_isolated  # noqa: E402
from mesoglass_report.option_table import OptionTable  # noqa: E402

FIGURES = {"mean-pattern", "thickness", "mro-maps", "mro-size", "mro-area-fraction", "power-map", "mro-order",
           "thickness-bins", "local-maps", "map-correlations", "sample-differences", "pair-distribution", "relaxation",
           "catalog-map", "stress-strain", "connected-free-volume", "strain-maps", "threshold-strain"}


class PageReader(html.parser.HTMLParser):
    """Collects the rows of tables, the identifiers and everything that could be fetched from outside."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.identifiers, self.links, self.open_tags = [], set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.identifiers.add(attributes.get("id"))
        self.links += [attributes[name] for name in ("src", "href", "srcset", "data") if name in attributes]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in ("img", "meta", "link"):
            self.open_tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.open_tags and self.open_tags[-1] in ("td", "th", "pre") and self.rows:
            self.rows[-1][-1] += data


class Report(ProgramTest):
    def test_everything_given_is_on_one_page_of_its_own(self):
        arguments = synthetic.write_all(self.folder)
        self.run_ok("mg-report", *arguments, "--output", "report", "--summary", "summary.json")
        text = (self.folder / "report" / "report.html").read_text()
        page = PageReader(text)
        self.assertEqual(page.open_tags, [])
        self.assertLessEqual(FIGURES, page.identifiers)
        for link in page.links:
            self.assertTrue(link.startswith(("#", "data:image/png;base64,")), link[:80])
            if link.startswith("#"):
                self.assertIn(link[1:], page.identifiers)
        self.assertNotRegex(text, r"url\(|@import|<script|<iframe")
        for name in FIGURES:
            figure = self.folder / "report" / "figures" / name
            self.assertEqual(figure.with_suffix(".png").read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
            self.assertEqual(figure.with_suffix(".pdf").read_bytes()[:5], b"%PDF-")
        # A zone with what the measurement's errors make of it, and the matrix, which has none.
        zones = {tuple(row[:2]): row for row in page.rows if row[1:2] in (["matrix"], ["frustrated"]) and len(row) == 6}
        self.assertEqual(zones["x0", "frustrated"][2], "12 (10 to 16)")
        self.assertRegex(zones["x0", "frustrated"][5], r"^0\.\d+ ± 0\.012")
        self.assertEqual(zones["x0", "matrix"][2], "20")
        # The planted row of x = 0 stands beside what the file says was measured.
        row = next(row for row in page.rows if row[:2] == ["x0", "frustrated"])
        self.assertEqual(row[2:], ["4.30", "4.32", "1.30", "1.30", "1.27 ± 0.03", "0.240", "0.252 ± 0.010", "0.002",
                                   "0.0010 ± 0.0001"])
        self.assertIn(["size", "x0 > x1 > x05", "x0 > x1 > x05", "yes"], page.rows)
        self.assertIn(["command line", 'synthetic --glass "x" <&>'], page.rows)
        summary = self.summary("summary.json")
        self.assertEqual(summary["figures"], len(FIGURES))
        self.assertIs(summary["order_sequence_agrees"], True)
        self.assertAlmostEqual(summary["x1_measured_size"], 1.2 * 0.98)
        self.assertEqual(sorted(item.name for item in self.folder.iterdir() if item.suffix in (".partial", ".old")), [])

    def test_samples_are_compared_with_the_first(self):
        names = {}
        for glass in ("x0", "x1"):
            synthetic.write_mro(self.folder / f"{glass}.h5", glass, numpy.random.default_rng(1))
            names[glass] = measurement.read_measurement(glass, self.folder / f"{glass}.h5", 1)
        rows = sample_comparison.compare([names["x0"], names["x1"]])
        # Peaks at 4.32, 3.92 (one glass each) and 5.02 (both): three k, three quantities.
        self.assertEqual([round(row.k, 2) for row in rows[::3]], [3.92, 4.32, 5.02])
        order = next(row for row in rows if row.quantity == "order" and abs(row.k - 3.92) < 1e-9)
        truth = [float(numpy.interp(3.92, synthetic.K, synthetic.peaks(glass, 5))) for glass in ("x0", "x1")]
        self.assertAlmostEqual(order.difference, truth[1] - truth[0])
        error = numpy.hypot(0.02 * 0.002, 0.02 * 0.012)
        self.assertAlmostEqual(order.error, error)
        self.assertAlmostEqual(order.p_value, math.erfc((truth[1] - truth[0]) / error / math.sqrt(2)))
        self.assertTrue(order.significant)
        # Both glasses were given the same small type: no difference there in size.
        size = next(row for row in rows if row.quantity == "size" and abs(row.k - 5.02) < 1e-9)
        self.assertFalse(size.significant)
        numpy.testing.assert_allclose(sample_comparison.holm([0.01, 0.04, 0.03, numpy.nan]), [0.03, 0.06, 0.06, numpy.nan])
        numpy.testing.assert_allclose(sample_comparison.holm([0.9, 0.6]), [1.0, 1.0])
        self.assertAlmostEqual(sample_comparison.two_sided(1.959964, 1.0), 0.05, places=6)
        self.assertEqual(sample_comparison.compare([names["x0"]]), [])

    def test_relaxation_is_read_as_written(self):
        synthetic.write_mro(self.folder / "x0.h5", "x0", numpy.random.default_rng(1))
        found = measurement.read_measurement("x0", self.folder / "x0.h5", 1).relaxation
        self.assertEqual((found.time, found.time_error, found.unit), (4.0, 0.2, "s"))
        self.assertEqual((found.determined, found.positions), (36 * 48, 40 * 48))
        self.assertAlmostEqual(found.g2[0], 1.0 + 0.05 * math.exp(-0.5) + 0.001)
        with h5py.File(self.folder / "x0.h5", "r+") as file:
            del file["mro/sample/relaxation/g2_fit/data"]
            file["mro/sample/relaxation/g2_fit/data"] = numpy.zeros(3)
        with self.assertRaisesRegex(InputError, "different lengths"):
            measurement.read_measurement("x0", self.folder / "x0.h5", 1)

    def test_files_of_older_versions_have_no_local_maps(self):
        synthetic.write_mro(self.folder / "old.h5", "x0", numpy.random.default_rng(1))
        with h5py.File(self.folder / "old.h5", "r+") as file:
            for group in ("mro/sample", "mro/area_000"):
                for part in ("heterogeneity", "thickness_bins", "pair_distribution", "relaxation"):
                    del file[f"{group}/{part}"]
        self.run_ok("mg-report", "--mro", "old.h5", "--output", "report")
        page = PageReader((self.folder / "report" / "report.html").read_text())
        self.assertTrue({"mro-size", "thickness"} <= page.identifiers)
        self.assertFalse({"local-maps", "thickness-bins", "sample-differences", "pair-distribution", "relaxation"} & page.identifiers)

    def test_each_kind_of_file_is_enough_and_hostile_labels_stay_text(self):
        synthetic.write_all(self.folder)
        for option, value, expected in (("mro", "<b>&\"$x$\\frac=mro-x0.h5", "mean-pattern"),
                                        ("deform", "deform-x1.h5", "strain-maps"),
                                        ("ensemble", "ensemble.h5", "threshold-strain")):
            self.run_ok("mg-report", f"--{option}", value, "--output", f"out-{option}", "--quiet")
            text = (self.folder / f"out-{option}" / "report.html").read_text()
            self.assertIn(expected, PageReader(text).identifiers)
            self.assertNotIn("<b>&\"", text)

    def test_program_contract(self):
        arguments = synthetic.write_all(self.folder)
        self.assertIn("mg-report ", self.run_ok("mg-report", "--version").stdout)
        help_text = self.run_ok("mg-report", "--help").stdout
        for row in program.ROWS:
            self.assertIn(f"--{row.name}", help_text)
        (self.folder / "all.cfg").write_text(self.run_ok("mg-report", "--dump-config").stdout)
        result = self.run_ok("mg-report", *arguments, "--config", "all.cfg", "--output", "report", "--dry-run")
        self.assertIn("13 input files", result.stderr)
        self.assertFalse((self.folder / "report").exists())
        one = arguments[:2]
        for words, mentions in ((["--outptu", "x"], ["outptu", "'output'"]),
                                ([*one], ["--output is missing"]),
                                (["--output", "r"], ["no input file"]),
                                ([*one, "--output", "r", "--example-maps", "9"], ["example-maps", "1 to 8"]),
                                ([*one, "--output", "r", "--example-maps", "1.5"], ["whole number"]),
                                ([*one, *one, "--output", "r"], ["label 'x0'"]),
                                ([*one, "--output", "a", "--output", "b"], ["twice"]),
                                ([*one, "--output"], ["needs a value"]),
                                ([*one, "--output", "r", "--config", "none.cfg"], ["none.cfg"]),
                                ([*one, "--output", "mro-x0.h5/r"], ["mro-x0.h5", "no folder"]),
                                ([*one, "--output", "/proc/mesoglass-report"], ["/proc/mesoglass-report"]),
                                (["--mro", "=a", "--output", "r"], ["LABEL=FILE"]),
                                (["word", "--output", "r"], ["'word'"])):
            with self.subTest(words=words):
                self.assert_refused("mg-report", *words, mentions=mentions)
        self.assertEqual(sorted(item.name for item in self.folder.iterdir() if item.is_dir()), [])

    def test_existing_folders_are_kept_unless_told_and_never_a_foreign_one(self):
        synthetic.write_all(self.folder)
        arguments = ["--ensemble", "ensemble.h5", "--output", "report"]
        (self.folder / "report").mkdir()
        (self.folder / "report" / "report.html").write_text("old")
        self.assert_refused("mg-report", *arguments, mentions=["report exists", "--overwrite"])
        self.run_ok("mg-report", *arguments, "--resume")
        self.assertEqual((self.folder / "report" / "report.html").read_text(), "old")
        (self.folder / "report" / "thesis.tex").write_text("dear")
        self.assert_refused("mg-report", *arguments, "--overwrite", mentions=["thesis.tex"])
        self.assertEqual((self.folder / "report" / "thesis.tex").read_text(), "dear")
        (self.folder / "report" / "thesis.tex").unlink()
        self.run_ok("mg-report", *arguments, "--overwrite")
        self.assertIn("<h1>", (self.folder / "report" / "report.html").read_text())

    def test_a_full_disk_leaves_the_old_report_and_nothing_half_written(self):
        synthetic.write_all(self.folder)
        (self.folder / "report").mkdir()
        (self.folder / "report" / "report.html").write_text("old")
        # A limit on the size of files stands in for the disk that fills.
        result = subprocess.run(["bash", "-c", "ulimit -f 100; exec \"$@\"", "-", str(BIN / "mg-report"), "--ensemble",
                                 "ensemble.h5", "--output", "report", "--overwrite"], cwd=self.folder,
                                capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(result.stderr.count("mg-report: error: "), 1, result.stderr)
        self.assertEqual((self.folder / "report" / "report.html").read_text(), "old")
        self.assertEqual([item.name for item in self.folder.iterdir() if item.is_dir()], ["report"])

    def test_damaged_files_end_with_one_message_that_names_them(self):
        synthetic.write_all(self.folder)
        whole = (self.folder / "deform-x0.h5").read_bytes()
        cases = {"empty.h5": b"", "text.h5": b"strain stress\n0 0\n", "cut.h5": whole[:len(whole) // 2],
                 "head.h5": whole[:600]}
        for name, content in cases.items():
            (self.folder / name).write_bytes(content)
            self.assert_refused("mg-report", "--deform", name, "--output", "r", mentions=[name])
        self.assert_refused("mg-report", "--deform", "none.h5", "--output", "r", mentions=["none.h5", "no such file"])
        self.assert_refused("mg-report", "--deform", ".", "--output", "r", mentions=["folder"])
        self.assert_refused("mg-report", "--mro", "deform-x0.h5", "--output", "r",
                            mentions=["'mesoglass deform'", "mg-analyze"])

        def refused_after(change, *mentions):
            shutil.copy(self.folder / "deform-x0.h5", self.folder / "changed.h5")
            with h5py.File(self.folder / "changed.h5", "r+") as file:
                change(file)
            self.assert_refused("mg-report", "--deform", "changed.h5", "--output", "r",
                                mentions=["changed.h5", *mentions])

        def newer(file):
            file.attrs["format_version"] = [2, 0]

        def without(path):
            def change(file):
                del file[path]
            return change

        def reshaped(file):
            del file["snapshots/003/von_mises_strain"]
            synthetic.put(file, "snapshots/003/von_mises_strain", numpy.zeros((1, 48, 47)))

        def shorter(file):
            del file["history/true_strain"]
            synthetic.put(file, "history/true_strain", numpy.zeros(7))

        def words(file):
            del file["history/true_strain"]
            synthetic.put(file, "history/true_strain", ["a"] * 301)

        refused_after(newer, "2.0", "newer")
        refused_after(lambda file: file.attrs.__delitem__("format"), "format")
        refused_after(without("history/largest_cfv"), "/history/largest_cfv")
        refused_after(without("grid"), "nx")
        refused_after(reshaped, "(1, 48, 47)")
        refused_after(shorter, "true_strain 7")
        refused_after(words, "true_strain")


class Damage(unittest.TestCase):
    """Any byte of a file may be wrong, and the answer is data or an InputError."""

    def test_random_bytes(self):
        folder = pathlib.Path(os.environ["MESOGLASS_SCRATCH"]) / "random-bytes"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        synthetic.write_all(folder)
        random = numpy.random.default_rng(3)
        refused = 0
        for reader, name, settings in ((measurement.read_measurement, "mro-x0.h5", (4,)),
                                       (measurement.read_truth, "truth-x0.h5", ()),
                                       (simulation.read_catalog, "catalog-x0.h5", ()),
                                       (simulation.read_deformation, "deform-x0.h5", (3,)),
                                       (simulation.read_ensemble, "ensemble.h5", ())):
            whole = numpy.frombuffer((folder / name).read_bytes(), dtype=numpy.uint8)
            for _ in range(6):
                damaged = whole.copy()
                where = random.integers(0, len(whole), len(whole) // 60)
                damaged[where] = random.integers(0, 256, len(where))
                (folder / "damaged.h5").write_bytes(damaged.tobytes())
                try:
                    read_isolated(reader, "x0", folder / "damaged.h5", *settings)
                except InputError as error:
                    self.assertIn("damaged.h5", str(error))
                    refused += 1
        self.assertGreater(refused, 15)
        shutil.rmtree(folder)


class Content(unittest.TestCase):
    """Numbers and looks of single figures."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(os.environ["MESOGLASS_SCRATCH"]) / "content"
        shutil.rmtree(cls.folder, ignore_errors=True)
        cls.folder.mkdir(parents=True)
        cls.words = synthetic.write_all(cls.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def setUp(self):
        options = OptionTable(program.ROWS).parse(self.words)
        for kind in ("mro", "truth", "catalog", "deform"):
            options[kind] = [re.sub(r"([\w-]+\.h5)", str(self.folder) + r"/\1", text) for text in options[kind]]
        options["ensemble"] = str(self.folder / options["ensemble"])
        self.inputs = program.Inputs(options)
        self.palette = style.Palette(self.inputs.labels())
        self.drawn = []
        self.rendered = style.rendered
        style.rendered = lambda figure: (self.drawn.append(figure), (b"", b""))[1]

    def tearDown(self):
        style.rendered = self.rendered
        style.pyplot.close("all")

    def draw_all(self):
        measurement_figures.all_figures(self.inputs.measurements, self.inputs.truths, self.palette)
        sample_comparison.figure(self.inputs.measurements, self.palette, "Samples")
        heterogeneity_figures.all_figures(self.inputs.measurements, self.palette)
        relaxation_figures.relaxation(self.inputs.measurements, self.palette)
        simulation_figures.all_figures(self.inputs.catalogs, self.inputs.deformations, self.inputs.ensemble, self.palette)
        return self.drawn

    def test_every_figure_is_legible_and_every_axis_has_its_unit(self):
        unit = re.compile(r"\((nm|nm\$\^\{-1\}\$|nm\$\^\{-2\}\$|nm\$\^3\$|GPa|%|s|detector units)\)$")
        pure = {"Transmittance T", "Patterns", "Intensity over the map's mean", "Area fraction of MRO", "Degree of order, even n combined",
                "Rotational symmetry n", "Power c$_n$", "Degree of order", "Odd over even c$_n$", "Pearson's r", "Δ area fraction",
                "Δ order", "Local map", "Structure factor S(k)", "Positions", "g$_2$(t) \N{MINUS SIGN} 1"}
        self.assertEqual(len(self.draw_all()), len(FIGURES))
        for figure in self.drawn:
            figure.canvas.draw()
            self.assertLessEqual(figure.get_size_inches()[0], 7.6)
            labels = 0
            for axes in figure.axes:
                for label in (axes.get_xlabel(), axes.get_ylabel()):
                    label = label.split("\n")[-1]
                    if label:
                        labels += 1
                        self.assertTrue(unit.search(label) or label in pure, label)
                for text in axes.findobj(style.matplotlib.text.Text):
                    if text.get_text() and text.get_visible():
                        self.assertGreaterEqual(text.get_fontsize(), 8.0, text.get_text())
            self.assertGreaterEqual(labels, 2)

    def test_the_same_data_give_the_same_bytes(self):
        style.rendered = self.rendered
        for figure in (measurement_figures.power_maps, measurement_figures.mean_patterns):
            first, second = (figure(self.inputs.measurements, self.palette) for _ in range(2))
            self.assertEqual((first.png, first.pdf), (second.png, second.pdf))

    def test_a_glass_has_one_colour_in_every_figure(self):
        expected = {label: self.palette.colour(label) for label in ("x0", "x05", "x1")}
        self.assertEqual(len(set(expected.values())), 3)
        for figure in self.draw_all():
            for axes in figure.axes:
                for line in axes.get_lines():
                    glass = line.get_label().split(" ")[0]
                    if glass in expected:
                        self.assertEqual(line.get_color(), expected[glass], glass)

    def test_mean_pattern_is_drawn_about_its_centre_with_the_ellipse_on_the_ring(self):
        measurement_figures.mean_patterns(self.inputs.measurements, self.palette)
        axes = self.drawn[0].axes[0]
        left, right, bottom, top = axes.images[0].get_extent()
        # Pixel (31.2, 32.4) of 64 x 64 at 0.22 nm^-1 a pixel is k = 0.
        self.assertAlmostEqual(left, -31.7 * 0.22)
        self.assertAlmostEqual(right, 32.3 * 0.22)
        self.assertAlmostEqual(bottom, -32.9 * 0.22)
        self.assertAlmostEqual(top, 31.1 * 0.22)
        ellipse = axes.patches[0]
        # The synthetic halo has radius 18 px times 1.01 along x and over 1.01 along y.
        self.assertAlmostEqual(ellipse.width / 2, 18 * 0.22 * 1.01, delta=2e-3)
        self.assertAlmostEqual(ellipse.height / 2, 18 * 0.22 / 1.01, delta=2e-3)

    def test_lengths_on_maps_are_voxels_times_their_size(self):
        simulation_figures.catalog_maps(self.inputs.catalogs, self.palette)
        self.assertEqual(self.drawn[0].axes[0].images[0].get_extent(), [0, 48 * 0.7, 0, 48 * 0.7])
        measurement_figures.thickness(self.inputs.measurements, self.palette)
        numpy.testing.assert_allclose(self.drawn[1].axes[0].images[0].get_extent(), [0, 48 * 0.3, 0, 40 * 0.3])

    def test_strain_is_true_strain_in_per_cent_and_the_largest_cluster_lies_on_top(self):
        simulation_figures.stress_strain(self.inputs.deformations, None, self.palette)
        line = self.drawn[0].axes[0].get_lines()[0]
        self.assertAlmostEqual(line.get_xdata()[-1], 100 * numpy.log(1.06))
        simulation_figures.strain_maps(self.inputs.deformations, self.palette)
        strain, cluster = self.drawn[1].axes[0].images[:2]
        item = self.inputs.deformations[0].snapshots[0]
        numpy.testing.assert_allclose(strain.get_array(), 100 * item.von_mises_strain)
        numpy.testing.assert_array_equal(cluster.get_array().mask, ~item.largest_cfv)
        self.assertGreater(cluster.get_zorder() + 1e-9, strain.get_zorder())

    def test_a_measured_sequence_that_differs_is_called_out(self):
        rows = truth_comparison.compare(self.inputs.measurements, self.inputs.truths)
        self.assertEqual([item.agrees for item in truth_comparison.sequences(rows)], [True, True, True])
        first = next(row for row in rows if row.glass == "x1" and row.planted.name == "ordered")
        first.measured["order"] = (0.0009, 1e-4)
        self.assertEqual([item.agrees for item in truth_comparison.sequences(rows)], [True, True, False])
        first.measured["size"] = (numpy.nan, numpy.nan)
        self.assertEqual([item.agrees for item in truth_comparison.sequences(rows)], [False, True, False])

    def test_a_type_that_was_not_found_is_read_from_the_curves(self):
        item = self.inputs.measurements[0]
        for column in item.types:
            item.types[column] = item.types[column][1:]
        row = truth_comparison.compare([item], self.inputs.truths)[0]
        self.assertTrue(numpy.isnan(row.measured_k))
        self.assertAlmostEqual(row.measured["size"][0], 1.3, delta=0.01)

    def test_types_too_close_to_tell_apart_are_marked_in_the_table(self):
        item = self.inputs.measurements[0]
        self.assertNotIn("too close", page.type_section([item]))
        item.types["several"] = numpy.array([0, 1])
        text = page.type_section([item])
        self.assertIn("too close in k", text)
        self.assertEqual(text.count(" *<"), 1)

    def test_undefined_values_leave_gaps_and_never_stop_the_page(self):
        item = self.inputs.measurements[0]
        item.transmittance[:] = numpy.nan
        item.mean_pattern[:] = numpy.nan
        item.size.value[:] = numpy.nan
        item.power[:] = numpy.nan
        self.inputs.deformations[0].outcome["percolation_strain"] = numpy.nan
        self.inputs.ensemble.groups["percolation_strain_mean"][:] = numpy.nan
        for figure in self.draw_all():
            figure.savefig(io.BytesIO(), format="png", dpi=50)


if __name__ == "__main__":
    unittest.main()
