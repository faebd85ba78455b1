"""How every figure looks: print sizes, one colour a glass, maps that survive colour blindness and grey print."""

import io

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402  (the backend must be chosen first)
import matplotlib.colors  # noqa: E402
import matplotlib.ticker  # noqa: E402
import numpy  # noqa: E402

# Okabe and Ito (2008), in the order in which the lightness of neighbours differs most.
GLASS_COLOURS = ("#D55E00", "#009E73", "#0072B2", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GLASS_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MATRIX_COLOUR = "#E9E9E4"
LARGEST_CFV_COLOUR = "#56B4E9"
SINGLE_COLUMN_INCH = 3.5
DOUBLE_COLUMN_INCH = 7.2

pyplot.rcParams.update({
    "font.size": 9.0, "axes.labelsize": 9.0, "axes.titlesize": 9.0, "legend.fontsize": 8.5,
    "xtick.labelsize": 8.5, "ytick.labelsize": 8.5, "figure.titlesize": 10.0,
    "axes.linewidth": 0.7, "lines.linewidth": 1.4, "xtick.major.width": 0.7, "ytick.major.width": 0.7,
    "xtick.direction": "out", "ytick.direction": "out", "axes.spines.top": False, "axes.spines.right": False,
    "legend.frameon": False, "figure.dpi": 100, "savefig.dpi": 220, "savefig.bbox": "tight", "savefig.pad_inches": 0.05, "pdf.fonttype": 42,
    "image.cmap": "viridis", "image.interpolation": "nearest", "figure.constrained_layout.use": True,
    "axes.prop_cycle": matplotlib.cycler(color=GLASS_COLOURS), "mathtext.default": "regular",
    "figure.facecolor": "white", "savefig.facecolor": "white",
})


class Palette:
    """One colour and one marker a glass, the same in every figure of a report, in order of first appearance."""

    def __init__(self, labels):
        self.labels = list(dict.fromkeys(labels))

    def colour(self, label):
        return GLASS_COLOURS[self.labels.index(label) % len(GLASS_COLOURS)]

    @staticmethod
    def name(label):
        """A name as it is drawn: a dollar sign in it is a dollar sign, not the start of mathematics."""
        return label.replace("$", r"\$")

    def marker(self, label):
        return GLASS_MARKERS[self.labels.index(label) % len(GLASS_MARKERS)]


def rendered(figure):
    """(PNG bytes, PDF bytes) of a figure, the same bytes for the same data; the figure is closed."""
    png, pdf = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    figure.savefig(pdf, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    pyplot.close(figure)
    return png.getvalue(), pdf.getvalue()


def panels(count, columns, panel_width, panel_height, **settings):
    """A figure with `count` equal axes in rows of at most `columns`; unused ones are removed."""
    columns = max(1, min(count, columns))
    rows = -(-count // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(columns * panel_width, rows * panel_height), squeeze=False,
                                   **settings)
    for unused in axes.flat[count:]:
        unused.remove()
    return figure, list(axes.flat[:count])


def map_axes(axes):
    """An image's axes: all four sides drawn, equal scale, few round ticks."""
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(matplotlib.ticker.MaxNLocator(4, steps=(1, 2, 5, 10)))
    for spine in axes.spines.values():
        spine.set_visible(True)


def finite_range(images, low=0.0, high=100.0):
    """Common colour limits over images: percentiles of the finite values; never an empty interval."""
    values = numpy.concatenate([image[numpy.isfinite(image)].ravel() for image in images] or [numpy.empty(0)])
    if values.size == 0:
        return 0.0, 1.0
    bottom, top = numpy.percentile(values, [low, high])
    return (bottom, top) if top > bottom else (bottom, bottom + (abs(bottom) or 1.0) * 1e-3)
