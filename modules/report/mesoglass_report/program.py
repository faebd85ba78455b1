"""The program: options, inputs, figures, page, exit code."""

import pathlib
import platform
import sys
import time
import warnings

import h5py
import numpy

from . import measurement, output, simulation, truth_comparison
from .errors import EXIT_FAILURE, EXIT_SUCCESS, InputError, ReportError
from .isolated import read_isolated
from .option_table import Option, OptionTable

NAME = "mg-report"
COMPARISON_SECTION = "Samples compared"
PURPOSE = "figures, tables and one page from result files"
DESCRIPTION = ("Reads what the other programs wrote and makes one self-contained HTML page plus every figure as PNG and "
               "PDF. Give whichever files there are: each figure appears when its file is given. A file may be labelled "
               "with its glass, LABEL=FILE; without a label the glass named in the file is used, else the file's name. "
               "Files of one label belong together and have one colour throughout.")
EXAMPLES = ("mg-report --mro x0=x0/mro.h5 --truth x0=x0/truth.h5 --output report",
            "mg-report --deform x0/deform.h5 --deform x1/deform.h5 --ensemble ensemble.h5 --output report")
ROWS = (
    Option("Input", "mro", "list", "Measurement of one glass, written by mg-analyze: [LABEL=]FILE."),
    Option("Input", "truth", "list", "Planted truth of one glass, written by mg-phantom: [LABEL=]FILE."),
    Option("Input", "catalog", "list", "STZ catalog of one glass, written by mg-catalog: [LABEL=]FILE."),
    Option("Input", "deform", "list", "Deformation run of one glass, written by mg-deform: [LABEL=]FILE."),
    Option("Input", "ensemble", "text", "Collected ensemble, written by mg-ensemble: FILE."),
    Option("Output", "output", "text", f"Folder to make: {output.PAGE_NAME} and figures/*.png, *.pdf.", required=True),
    Option("Output", "title", "text", "Heading of the page.", default="Metallic glass: from diffraction to ductility"),
    Option("Output", "example-maps", "integer", "Example MRO maps a glass.", default=4, lowest=1, highest=8),
    Option("Output", "snapshots", "integer", "Strain maps a run.", default=3, lowest=1, highest=6),
    Option("Common", "help", "flag", "Show this text."),
    Option("Common", "version", "flag", "Show version and libraries."),
    Option("Common", "config", "list", "Read options from this file ('name = value' lines); the command line wins."),
    Option("Common", "dump-config", "flag", "Show every option with its default, as a file for --config."),
    Option("Common", "dry-run", "flag", "Read and check every input, tell the plan, write nothing."),
    Option("Common", "overwrite", "flag", "Replace an existing report."),
    Option("Common", "resume", "flag", "Leave an existing report as it is and end with success."),
    Option("Common", "quiet", "flag", "No messages but warnings and errors."),
    Option("Common", "summary", "text", "Write the headline numbers to this JSON file."),
)


class Inputs:
    """Every input file, read and checked."""

    def __init__(self, options):
        self.sources = []
        self.measurements = [self._read(measurement.read_measurement, text, options["example-maps"])
                             for text in options["mro"]]
        self.truths = [self._read(measurement.read_truth, text) for text in options["truth"]]
        self.catalogs = [self._read(simulation.read_catalog, text) for text in options["catalog"]]
        self.deformations = [self._read(simulation.read_deformation, text, options["snapshots"])
                             for text in options["deform"]]
        self.ensemble = self._read(simulation.read_ensemble, options["ensemble"]) if options["ensemble"] else None
        for kind, items in (("mro", self.measurements), ("truth", self.truths), ("catalog", self.catalogs),
                            ("deform", self.deformations)):
            labels = [item.label for item in items]
            twice = next((label for label in labels if labels.count(label) > 1), None)
            if twice is not None:
                raise InputError(f"--{kind}: two files have the label '{twice}': give each its own, LABEL=FILE")
        if not self.sources:
            raise InputError("no input file (nothing to report): give at least one of --mro, --truth, --catalog, "
                             "--deform, --ensemble")

    def _read(self, reader, text, *settings):
        label, path = split_label(text)
        label = label or read_isolated(glass_in, "", path) or pathlib.Path(path).stem
        item = read_isolated(reader, label, path, *settings)
        self.sources.append((item.label, path, item.provenance))
        return item

    def labels(self):
        """Every glass, in order of appearance."""
        items = [*self.truths, *self.measurements, *self.catalogs, *self.deformations]
        return [item.label for item in items] + (self.ensemble.group_names if self.ensemble else [])


def split_label(text):
    """('x0', 'a.h5') of 'x0=a.h5'; ('', text) where there is no label or the whole text is an existing file."""
    label, equals, path = text.partition("=")
    if not equals or "/" in label or pathlib.Path(text).exists():
        return "", text
    if not label or not path:
        raise InputError(f"'{text}' is no LABEL=FILE (one side is empty): give both, or the file alone")
    return label, path


def glass_in(_label, path):
    """The glass that a file names, or ''. Damage is left for the reader that checks the file in full."""
    try:
        with h5py.File(path, "r") as file:
            places = [file.attrs, file["outcome"].attrs if "outcome" in file else {}]
            for attributes in places:
                if "glass" in attributes:
                    value = attributes["glass"]
                    return value.decode() if isinstance(value, bytes) else str(value)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError):
        pass
    return ""


def version_text(version, revision):
    """What --version shows."""
    import matplotlib
    return (f"{NAME} {version} (revision {revision})\nPython {platform.python_version()}, numpy {numpy.__version__}, "
            f"h5py {h5py.__version__} (HDF5 {h5py.version.hdf5_version}), matplotlib {matplotlib.__version__}")


def headline_results(inputs, comparison, sequences, differences, figures):
    """name -> {value, unit, text}: what a person would read out loud."""
    results = {"figures": {"value": len(figures), "unit": "1", "text": "figures drawn"}}

    def add(name, value, unit, text):
        value = float(value)
        results[name] = {"value": value if numpy.isfinite(value) else None, "unit": unit, "text": text}

    for name, key, unit, _ in truth_comparison.QUANTITIES:
        for row in truth_comparison.dominant(comparison, key).values():
            add(f"{row.glass}_measured_{name.replace(' ', '_')}", row.measured[name][0], unit or "1",
                f"{name} of the MRO type of {row.glass} that is planted with the largest")
    for item in sequences:
        name = item.quantity.replace(" ", "_")
        results[f"{name}_sequence_agrees"] = {"value": item.agrees, "unit": "1",
                                              "text": f"{item.quantity}: planted {' > '.join(item.planted)}, measured "
                                                      f"{' > '.join(item.measured)}"}
    if differences:
        add("significant_differences", sum(row.significant for row in differences), "1",
            f"of {len(differences)} differences between samples, p < 0.05 after Holm's adjustment")
    if inputs.ensemble:
        for i, group in enumerate(inputs.ensemble.group_names):
            add(f"{group}_percolation_strain", inputs.ensemble.groups["percolation_strain_mean"][i], "1",
                f"mean percolation threshold strain of {group}")
            add(f"{group}_peak_stress", inputs.ensemble.groups["peak_stress_gpa_mean"][i], "GPa",
                f"mean peak stress of {group}")
    return results


def lead(inputs, sequences):
    """HTML under the title: the few things to know first."""
    labels = list(dict.fromkeys(inputs.labels()))
    items = [(", ".join(labels), "glasses" if len(labels) != 1 else "glass")]
    if inputs.measurements:
        patterns = sum(item.calibration["kept_patterns"] for item in inputs.measurements)
        items.append((f"{patterns:,.0f}".replace(",", "\u202f"), "diffraction patterns analysed"))
    if sequences:
        right = sum(item.agrees for item in sequences)
        items.append((f"{right} of {len(sequences)}", "planted sequences (size, area fraction, order) found again"))
    if inputs.ensemble:
        runs = sum(status == "complete" for status in inputs.ensemble.run_status)
        items.append((f"{runs} of {len(inputs.ensemble.run_status)}", "deformation runs of the ensemble complete"))
    from .page import _escape
    return "<ul class=\"headlines\">" + "".join(f"<li><b>{_escape(value)}</b><span>{_escape(text)}</span></li>"
                                                for value, text in items) + "</ul>\n"


def build(inputs, options, version, revision):
    """(page text, figures, results): everything that is then written."""
    # Importing matplotlib takes most of a second, so not before the inputs are known to be good.
    from . import (heterogeneity_figures, measurement_figures, page, relaxation_figures, sample_comparison,
                   simulation_figures, style)

    palette = style.Palette(inputs.labels())
    # A curve without any finite value is drawn as an empty one, which is no news for stderr.
    warnings.simplefilter("ignore", RuntimeWarning)
    relaxation = relaxation_figures.relaxation(inputs.measurements, palette)
    compared = sample_comparison.figure(inputs.measurements, palette, COMPARISON_SECTION)
    figures = (measurement_figures.all_figures(inputs.measurements, inputs.truths, palette)
               + ([compared] if compared else [])
               + heterogeneity_figures.all_figures(inputs.measurements, palette)
               + ([relaxation] if relaxation else [])
               + simulation_figures.all_figures(inputs.catalogs, inputs.deformations, inputs.ensemble, palette))
    comparison = truth_comparison.compare(inputs.measurements, inputs.truths)
    sequences = truth_comparison.sequences(comparison)
    sections = {}
    if comparison:
        sections["Planted and measured"] = page.truth_section(comparison, sequences)
    for figure in figures:
        sections[figure.section] = sections.get(figure.section, "") + page.figure_block(figure)
    if inputs.measurements:
        sections[measurement_figures.SECTION] += page.type_section(inputs.measurements)
    differences = sample_comparison.compare(inputs.measurements)
    if compared:
        sections[COMPARISON_SECTION] += page.difference_section(inputs.measurements, differences)
    if any(item.heterogeneity for item in inputs.measurements):
        sections[heterogeneity_figures.SECTION] += page.local_map_section(inputs.measurements)
    if inputs.catalogs:
        sections[simulation_figures.CATALOG_SECTION] += page.zone_section(inputs.catalogs)
    if inputs.ensemble:
        sections[simulation_figures.ENSEMBLE_SECTION] += page.ensemble_section(inputs.ensemble)
    sections["Provenance"] = page.provenance_section(inputs.sources)
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    text = page.page(options["title"], lead(inputs, sequences), sections,
                     f"Made by {NAME} {version} (revision {revision}) on {made}.")
    return text, figures, headline_results(inputs, comparison, sequences, differences, figures)


def run(words, version, revision, out, err):
    """The body; raises ReportError."""
    table = OptionTable(ROWS)
    options = table.parse(words)
    if options["help"]:
        print(table.help(NAME, PURPOSE, DESCRIPTION, EXAMPLES), file=out)
        return
    if options["version"]:
        print(version_text(version, revision), file=out)
        return
    if options["dump-config"]:
        print(table.configuration(NAME, PURPOSE), file=out)
        return
    table.check_required(options)

    def say(text):
        if not options["quiet"]:
            print(f"{NAME}: {text}", file=err, flush=True)

    folder = output.OutputFolder(options["output"], options["overwrite"])
    if options["resume"] and (folder.final / output.PAGE_NAME).is_file():
        say(f"{folder.final} is complete: nothing to do")
        return
    folder.check()
    inputs = Inputs(options)
    for label, path, _ in inputs.sources:
        say(f"read {path} ({label})")
    if options["dry-run"]:
        print(f"{NAME}: plan: {len(inputs.sources)} input files, glasses "
              f"{', '.join(dict.fromkeys(inputs.labels()))}; writes {folder.final / output.PAGE_NAME} and up to 17 figures "
              "as PNG and PDF, about 3 MB, in some 10 s", file=err)
        return
    page_text, figures, results = build(inputs, options, version, revision)
    with folder.writing() as partial:
        (partial / "figures").mkdir()
        for figure in figures:
            output.write_file(partial / "figures" / f"{figure.name}.png", figure.png)
            output.write_file(partial / "figures" / f"{figure.name}.pdf", figure.pdf)
        output.write_file(partial / output.PAGE_NAME, page_text.encode())
    if options["summary"]:
        output.write_summary(options["summary"], NAME, version, results)
    say(f"wrote {folder.final / output.PAGE_NAME} with {len(figures)} figures")


def main(words, version, revision):
    """The exit code."""
    try:
        run(words, version, revision, sys.stdout, sys.stderr)
        return EXIT_SUCCESS
    except ReportError as error:
        print(f"{NAME}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    except MemoryError:
        print(f"{NAME}: error: out of memory: give fewer or smaller files", file=sys.stderr)
        return EXIT_FAILURE
