"""Figures of the catalog, the deformation runs and the ensemble."""

import html

import matplotlib.colors
import matplotlib.patches
import numpy

from . import style
from .figure import Figure

CATALOG_SECTION = "Shear transformation zones"
RUN_SECTION = "Deformation"
ENSEMBLE_SECTION = "Ensemble"


def _extent(grid, voxel_size_nm):
    return [0, grid[0] * voxel_size_nm[0], 0, grid[1] * voxel_size_nm[1]]


def _type_names(item):
    # Measured types of different glasses may bear one name; their mode count tells them apart.
    return [f"{name}, {modes:.0f} modes" for name, modes in zip(item.type_names[1:], item.types["modes"][1:])]


def _type_colours(catalogs, palette):
    # A type that is a glass's only one takes that glass's colour, so that a mixture shows what it is mixed from.
    colours = {_type_names(item)[0]: palette.colour(item.label) for item in catalogs if len(item.type_names) == 2}
    free = [colour for colour in style.GLASS_COLOURS if colour not in colours.values()]
    for name in dict.fromkeys(name for item in catalogs for name in _type_names(item)):
        if name not in colours:
            colours[name] = free[len(colours) % len(free)] if free else "black"
    return colours


def catalog_maps(catalogs, palette):
    """Where the MRO domains lie, coloured by STZ type."""
    figure, axes = style.panels(len(catalogs), 3, 2.4, 2.7)
    colours = _type_colours(catalogs, palette)
    for panel, item in zip(axes, catalogs):
        table = [style.MATRIX_COLOUR, *(colours[name] for name in _type_names(item))]
        panel.imshow(item.type_slice, cmap=matplotlib.colors.ListedColormap(table), vmin=-0.5, vmax=len(table) - 0.5,
                     origin="lower", extent=_extent(item.grid, item.voxel_size_nm))
        style.map_axes(panel)
        panel.set_title(f"{palette.name(item.label)}\n{100 * item.volume_fraction[1:].sum():.1f} % MRO",
                        color=palette.colour(item.label))
        panel.set_xlabel("x (nm)")
        panel.set_ylabel("y (nm)")
    handles = [matplotlib.patches.Patch(color=style.MATRIX_COLOUR, label="glassy matrix")]
    handles += [matplotlib.patches.Patch(color=colours[name], label=palette.name(name)) for name in colours]
    # Below the panels; saving with a tight box keeps it on the page.
    figure.legend(handles=handles, loc="upper center", ncol=min(3, len(handles)), bbox_to_anchor=(0.5, 0.0))
    rows = "; ".join(
        f"{html.escape(item.label)}: " + ", ".join(f"{html.escape(name)}, softening {softening:.2g}, {100 * fraction:.1f} % of the "
                                      "volume" for name, softening, fraction in
                                      zip(_type_names(item), item.types["softening"][1:], item.volume_fraction[1:])) for item in catalogs)
    layer = " (middle layer)" if any(item.grid[2] > 1 for item in catalogs) else ""
    return Figure("catalog-map", CATALOG_SECTION, "STZ catalog",
                  f"The voxel map that is deformed{layer}: each voxel is a potential shear transformation zone; those of "
                  f"an MRO domain share its slip directions. {rows}.", *style.rendered(figure))


def _run_figure(deformations, ensemble, palette, history_name, curve_name, y_label, mark):
    # Left the shown runs, right the ensemble; one panel where only one of the two is given.
    wanted = [bool(deformations), ensemble is not None]
    width = style.DOUBLE_COLUMN_INCH / 2 if all(wanted) else 0.65 * style.DOUBLE_COLUMN_INCH
    figure, axes = style.panels(sum(wanted), 2, width, 3.0, sharey=True)
    if deformations:
        panel = axes.pop(0)
        for item in deformations:
            colour = palette.colour(item.label)
            strain = 100 * item.history["true_strain"]
            panel.plot(strain, item.history[history_name], color=colour, label=palette.name(item.label), linewidth=1.2)
            mark(panel, item, colour)
        panel.set_title("Shown runs")
        panel.set_ylabel(y_label)
        panel.set_xlabel("True strain (%)")
        panel.legend()
    if ensemble is not None:
        panel = axes.pop(0)
        strain = 100 * ensemble.strain
        for run, group in zip(getattr(ensemble, curve_name), ensemble.run_group):
            panel.plot(strain, run, color=palette.colour(group), alpha=0.25, linewidth=0.6)
        for i, group in enumerate(ensemble.group_names):
            mean = ensemble.group_curves[f"{curve_name}_mean"][i]
            error = ensemble.group_curves[f"{curve_name}_standard_error"][i]
            panel.fill_between(strain, mean - error, mean + error, color=palette.colour(group), alpha=0.25, linewidth=0)
            panel.plot(strain, mean, color=palette.colour(group), label=f"{palette.name(group)} ({ensemble.group_runs[i]:.0f} runs)",
                       linewidth=1.8)
        panel.set_title("Ensemble")
        panel.set_xlabel("True strain (%)")
        if not deformations:
            panel.set_ylabel(y_label)
        panel.legend()
    for panel in figure.axes:
        panel.set_xlim(left=0)
        panel.set_ylim(bottom=0)
    return figure


ENSEMBLE_WORDS = (" Right: every run of the ensemble (thin), the mean of each glass (thick) and one standard error of the "
                  "mean (band).")


def stress_strain(deformations, ensemble, palette):
    """Axial stress against strain."""
    def mark(panel, item, colour):
        panel.plot(100 * numpy.log1p(item.outcome["peak_strain"]), item.outcome["peak_stress_gpa"], color=colour,
                   marker=palette.marker(item.label), markersize=6, markeredgecolor="white")
    figure = _run_figure(deformations, ensemble, palette, "axial_stress", "stress", "Axial stress (GPa)", mark)
    peaks = "; ".join(f"{html.escape(item.label)}: {item.outcome['peak_stress_gpa']:.2f} GPa at "
                      f"{100 * numpy.log1p(item.outcome['peak_strain']):.2f} %" for item in deformations)
    caption = "Stress along the loading axis against true strain."
    if deformations:
        caption += f" Symbols mark the peak of the shown run ({peaks})."
    return Figure("stress-strain", RUN_SECTION, "Stress-strain curves",
                  caption + (ENSEMBLE_WORDS if ensemble else ""), *style.rendered(figure))


def connected_free_volume(deformations, ensemble, palette):
    """Largest connected free volume against strain."""
    def mark(panel, item, colour):
        threshold = item.outcome["percolation_strain"]
        if numpy.isfinite(threshold):
            panel.axvline(100 * threshold, color=colour, linestyle=(0, (1, 1.5)), linewidth=1.1)
    figure = _run_figure(deformations, ensemble, palette, "largest_cfv", "largest_cfv",
                         "Largest connected free volume (nm$^3$)", mark)
    caption = ("Volume of the largest face-connected cluster of voxels that carry excess free volume (CFV), the likeliest "
               "place for a crack to start.")
    if deformations:
        caption += (" Dotted lines: percolation threshold strain, the true strain at which the curve is steepest.")
    return Figure("connected-free-volume", RUN_SECTION, "Largest connected free volume",
                  caption + (ENSEMBLE_WORDS if ensemble else ""), *style.rendered(figure))


def strain_maps(deformations, palette):
    """Von Mises strain with the largest CFV on top; None where no run kept snapshots."""
    shown = [item for item in deformations if item.snapshots]
    if not shown:
        return None
    rows = max(len(item.snapshots) for item in shown)
    figure, axes = style.pyplot.subplots(rows, len(shown), squeeze=False, sharex="col", sharey="col",
                                         figsize=(2.25 * len(shown) + 0.7, 2.25 * rows + 0.5))
    _, high = style.finite_range([100 * shot.von_mises_strain for item in shown for shot in item.snapshots], 0, 99.7)
    for column, item in enumerate(shown):
        extent = _extent(item.grid, item.voxel_size_nm)
        for row, shot in enumerate(item.snapshots):
            panel = axes[row][column]
            image = panel.imshow(100 * shot.von_mises_strain, vmin=0.0, vmax=high, cmap="inferno", origin="lower",
                                 extent=extent)
            cluster = numpy.where(shot.largest_cfv, 1.0, numpy.nan)
            panel.imshow(cluster, cmap=matplotlib.colors.ListedColormap([style.LARGEST_CFV_COLOUR]), origin="lower",
                         extent=extent, alpha=0.9)
            style.map_axes(panel)
            heading = f"{100 * shot.strain:.2f} % strain"
            panel.set_title(f"{palette.name(item.label)}\n{heading}" if row == 0 else heading,
                            color=palette.colour(item.label) if row == 0 else "black")
            if row == len(item.snapshots) - 1:
                panel.set_xlabel("x (nm)")
            if column == 0:
                panel.set_ylabel("y (nm)")
        for row in range(len(item.snapshots), rows):
            axes[row][column].remove()
    figure.colorbar(image, ax=axes, label="Von Mises strain (%)", shrink=0.85, extend="max")
    layer = " Middle layer of the cell." if any(item.grid[2] > 1 for item in shown) else ""
    return Figure("strain-maps", RUN_SECTION, "Von Mises strain and the largest connected free volume",
                  "Local strain (dark to bright) with the voxels of the largest connected free volume on top (blue), at "
                  "growing strain from top to bottom; loading along x. A band of blue across the cell is a shear band that "
                  f"has percolated.{layer} One colour scale for all maps.", *style.rendered(figure))


def threshold_strain(ensemble, palette):
    """Percolation threshold strain and peak stress by glass, with single runs."""
    figure, axes = style.pyplot.subplots(1, 2, figsize=(style.DOUBLE_COLUMN_INCH, 3.1))
    for panel, quantity, scale, label in ((axes[0], "percolation_strain", 100.0, "Percolation threshold strain (%)"),
                                          (axes[1], "peak_stress_gpa", 1.0, "Peak stress (GPa)")):
        for i, group in enumerate(ensemble.group_names):
            members = [j for j, name in enumerate(ensemble.run_group) if name == group]
            values = scale * ensemble.runs[quantity][members]
            # A fixed spread: the same picture each time, and no two runs in one place.
            offsets = numpy.linspace(-0.16, 0.16, len(members)) if len(members) > 1 else numpy.zeros(len(members))
            colour = palette.colour(group)
            panel.plot(i + offsets, values, linestyle="none", marker=palette.marker(group), markersize=4,
                       markerfacecolor="none", markeredgecolor=colour, markeredgewidth=0.9, alpha=0.8)
            mean = scale * ensemble.groups[f"{quantity}_mean"][i]
            low = scale * ensemble.groups[f"{quantity}_interval_low"][i]
            high = scale * ensemble.groups[f"{quantity}_interval_high"][i]
            panel.errorbar(i + 0.3, mean, yerr=[[max(0.0, mean - low)], [max(0.0, high - mean)]], color=colour,
                           marker=palette.marker(group), markersize=7, capsize=4, linewidth=1.4)
        panel.set_xticks(range(len(ensemble.group_names)), map(palette.name, ensemble.group_names))
        panel.set_xlim(-0.5, len(ensemble.group_names) - 0.3)
        panel.set_ylabel(label)
    return Figure("threshold-strain", ENSEMBLE_SECTION, "Threshold strain by glass",
                  "Left: true strain at which the largest connected free volume grows fastest; a higher value means a glass "
                  "that localises later. Right: peak stress. Open symbols: single runs with different seeds; filled "
                  f"symbols: mean with its {100 * ensemble.confidence:g} % confidence interval.",
                  *style.rendered(figure))


def all_figures(catalogs, deformations, ensemble, palette):
    """Every figure that the simulation's files allow."""
    figures = []
    if catalogs:
        figures.append(catalog_maps(catalogs, palette))
    if deformations or ensemble is not None:
        figures += [stress_strain(deformations, ensemble, palette),
                    connected_free_volume(deformations, ensemble, palette)]
    if deformations:
        figures.append(strain_maps(deformations, palette))
    if ensemble is not None:
        figures.append(threshold_strain(ensemble, palette))
    return [figure for figure in figures if figure]
