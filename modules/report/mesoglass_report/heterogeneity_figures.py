"""Figures of how a sample differs from place to place: bins of thickness, local maps, correlations between them."""

import html

import numpy

from . import style
from .figure import Figure
from .heterogeneity import SHOWN_MAPS

SECTION = "Heterogeneity within the samples"
K_LABEL = "Scattering vector k (nm$^{-1}$)"
COLOUR_MAPS = {"thickness": "cividis", "density": "viridis", "order": "inferno", "dilatation": "cividis", "shear": "viridis"}
TITLES = {"thickness": "Thickness", "density": "Density", "order": "Order", "dilatation": "Dilatation", "shear": "Shear"}
UNITS = {"mean free paths": "λ", "1": ""}


def thickness_bins(measurements, palette):
    """Order against k in every bin of thickness, and how much of the angular correlation is odd."""
    shown = [item for item in measurements if item.thickness_bins]
    if not shown:
        return None
    figure, axes = style.pyplot.subplots(2, len(shown), squeeze=False, sharex="col",
                                         figsize=(min(style.DOUBLE_COLUMN_INCH, 2.6 * len(shown) + 1.0), 4.6))
    for column, item in enumerate(shown):
        bins = item.thickness_bins
        shades = style.pyplot.get_cmap("cividis")(numpy.linspace(0.0, 0.85, len(bins.order)))
        for i, shade in enumerate(shades):
            label = f"T = {bins.transmittance[i]:.3f}"
            axes[0, column].plot(bins.k, bins.order[i], color=shade, label=label)
            axes[0, column].fill_between(bins.k, bins.order[i] - bins.order_error[i], bins.order[i] + bins.order_error[i],
                                         color=shade, alpha=0.2, linewidth=0)
            axes[1, column].plot(bins.k, bins.odd_even_quality[i], color=shade, label=label)
        # Where nothing is ordered, the ratio is one of two noises.
        axes[1, column].set_ylim(-0.2, 2.0)
        axes[0, column].set_title(palette.name(item.label), color=palette.colour(item.label))
        axes[1, column].set_xlabel(K_LABEL)
        axes[0, column].legend(fontsize=8)
    axes[0, 0].set_ylabel("Degree of order")
    axes[1, 0].set_ylabel("Odd over even c$_n$")
    patterns = "; ".join(f"{html.escape(item.label)}: " + ", ".join(f"{count:.0f}" for count in item.thickness_bins.patterns)
                         for item in shown)
    return Figure("thickness-bins", SECTION, "Order by thickness",
                  "Degree of order (top) in bins of transmittance T with about equal numbers of patterns, bands: one standard "
                  "error; and the power of odd n over that of even n (bottom), which plural scattering raises. What is the same "
                  f"in all bins does not come from thickness. Patterns a bin, thick to thin: {patterns}.", *style.rendered(figure))


def local_maps(measurements, palette):
    """The maps of the first area of each sample."""
    shown = [item for item in measurements if item.heterogeneity]
    if not shown:
        return None
    figure, axes = style.pyplot.subplots(len(shown), len(SHOWN_MAPS), squeeze=False,
                                         figsize=(style.DOUBLE_COLUMN_INCH, 2.2 * len(shown) + 0.3))
    for row, item in zip(axes, shown):
        maps = {found.name: found for found in item.heterogeneity.maps}
        step = item.calibration["scan_step_nm"]
        for panel, name in zip(row, SHOWN_MAPS):
            found = maps.get(name)
            if found is None or not numpy.isfinite(found.image).any():
                panel.set_axis_off()
                continue
            low, high = style.finite_range([found.image], 1.0, 99.0)
            height, width = found.image.shape
            panel.imshow(found.image, vmin=low, vmax=high, cmap=COLOUR_MAPS[name], origin="lower",
                         extent=[0, width * step, 0, height * step])
            style.map_axes(panel)
            unit = UNITS.get(found.unit, found.unit)
            # The colours' ends in words: a colour bar for each of so many maps would take their room.
            panel.set_title(f"{TITLES[name]}\n{low:.3g} to {high:.3g}{' ' + unit if unit else ''}".replace("-", "\N{MINUS SIGN}"),
                            fontsize=8.5)
            panel.set_xlabel("x (nm)")
        row[0].set_ylabel(f"{palette.name(item.label)}\ny (nm)", color=palette.colour(item.label))
    return Figure("local-maps", SECTION, "Local maps",
                  "What single patterns of the first area say, dark to bright between the two values above each map: thickness from the transmittance (in mean free paths λ or nm), density from "
                  "the outermost diffuse ring over thickness (relative to the area's mean), degree of order at the first halo, "
                  "dilatation and largest shear from the halo's radius and ellipse (relative to the mean pattern; noise raises the "
                  "shear, and ordered domains off the halo's middle move it too).", *style.rendered(figure))


def correlations(measurements, palette):
    """Pearson's r between the local maps."""
    shown = [item for item in measurements if item.heterogeneity]
    if not shown:
        return None
    figure, axes = style.panels(len(shown), 3, 2.45, 2.6)
    for panel, item in zip(axes, shown):
        found = item.heterogeneity
        own = [name for name in found.names if name in SHOWN_MAPS or name not in _standard_names(found.names)]
        places = [found.names.index(name) for name in own]
        r, error = found.correlation[numpy.ix_(places, places)], found.correlation_error[numpy.ix_(places, places)]
        image = panel.imshow(r, vmin=-1, vmax=1, cmap="RdBu_r")
        for i, j in numpy.ndindex(r.shape):
            if i != j and numpy.isfinite(r[i, j]):
                text = f"{r[i, j]:.1f}".replace("0.", ".", 1).replace("-", "\N{MINUS SIGN}")
                panel.text(j, i, text, ha="center", va="center", fontsize=8.5,
                           fontweight="bold" if abs(r[i, j]) > 2 * error[i, j] else "normal",
                           color="white" if abs(r[i, j]) > 0.6 else "black")
        panel.set_xticks(range(len(own)), [palette.name(name) for name in own], rotation=60, ha="right", fontsize=8)
        panel.set_yticks(range(len(own)), [palette.name(name) for name in own], fontsize=8)
        panel.set_title(palette.name(item.label), color=palette.colour(item.label))
        panel.set_xlabel("Local map")
    axes[0].set_ylabel("Local map")
    figure.colorbar(image, ax=axes, label="Pearson's r", shrink=0.8)
    return Figure("map-correlations", SECTION, "Correlations between the local maps",
                  "Pearson's r between maps at the same place, over all areas of a sample. Bold: more than two standard errors "
                  "from zero; the errors count independent places, which are far fewer than probe positions.",
                  *style.rendered(figure))


def _standard_names(names):
    """Maps that mg-analyze always makes; others were given by the user."""
    return {name for name in names if name in SHOWN_MAPS or name in ("ring_variance", "shear_difference", "shear_xy", "bragg_ratio")
            or (name[:1] == "c" and name[1:].isdigit())}


def all_figures(measurements, palette):
    """Every figure that the measurements allow."""
    figures = [thickness_bins(measurements, palette), local_maps(measurements, palette), correlations(measurements, palette)]
    return [figure for figure in figures if figure]
