"""Figures of what was measured from the diffraction patterns."""

import html

import matplotlib.colors
import matplotlib.patches
import numpy

from . import style
from .figure import Figure

SECTION = "Measured from the scan"
K_LABEL = "Scattering vector k (nm$^{-1}$)"


def mean_patterns(measurements, palette):
    """Mean pattern of each glass with the centre and the ellipse found on it."""
    figure, axes = style.panels(len(measurements), 3, 2.4, 2.75)
    for panel, item in zip(axes, measurements):
        found = item.calibration
        scale = found["k_per_pixel"]
        height, width = item.mean_pattern.shape
        x, y = found["centre_x_px"], found["centre_y_px"]
        pattern = numpy.where(item.mean_pattern > 0, item.mean_pattern, numpy.nan)
        low, high = style.finite_range([pattern], 1.0, 99.9)
        image = panel.imshow(pattern, norm=matplotlib.colors.LogNorm(low or 0.1, high), origin="lower",
                             extent=[(-0.5 - x) * scale, (width - 0.5 - x) * scale,
                                     (-0.5 - y) * scale, (height - 0.5 - y) * scale])
        root = numpy.sqrt(found["ellipse_axis_ratio"])
        ring = 2.0 * found["ring_radius_px"] * scale
        panel.add_patch(matplotlib.patches.Ellipse(
            (0.0, 0.0), ring * root, ring / root, angle=numpy.degrees(found["ellipse_angle_rad"]), fill=False,
            edgecolor="white", linestyle=(0, (4, 3)), linewidth=1.1))
        panel.plot(0.0, 0.0, marker="+", color="white", markersize=9, markeredgewidth=1.8)
        panel.plot(0.0, 0.0, marker="+", color="black", markersize=9, markeredgewidth=0.8)
        style.map_axes(panel)
        panel.set_title(f"{palette.name(item.label)}\naxis ratio {found['ellipse_axis_ratio']:.4f}", color=palette.colour(item.label))
        panel.set_xlabel("k$_x$ (nm$^{-1}$)")
        panel.set_ylabel("k$_y$ (nm$^{-1}$)")
        bar = figure.colorbar(image, ax=panel, orientation="horizontal", shrink=0.9, pad=0.02)
        bar.set_label("Intensity (detector units)")
    numbers = "; ".join(
        f"{html.escape(item.label)}: centre ({item.calibration['centre_x_px']:.2f}, {item.calibration['centre_y_px']:.2f}) px, ring "
        f"{item.calibration['ring_radius_px']:.2f} px, axis ratio {item.calibration['ellipse_axis_ratio']:.4f} at "
        f"{numpy.degrees(item.calibration['ellipse_angle_rad']):.0f}°" for item in measurements)
    return Figure("mean-pattern", SECTION, "Mean diffraction pattern",
                  "Mean of the kept patterns on a logarithmic scale. The cross is the centre that was found; the dashed "
                  "line is the ellipse fitted to the first amorphous halo. Every later k is measured from this centre "
                  f"with this distortion taken out. {numbers}.", *style.rendered(figure))


def thickness(measurements, palette):
    """Map and histogram of the transmittance, the measure of thickness."""
    figure, axes = style.panels(2 * len(measurements), len(measurements), 2.4, 2.35)
    low, high = style.finite_range([item.transmittance for item in measurements], 0.5, 99.5)
    for column, item in enumerate(measurements):
        panel = axes[column]
        step = item.calibration["scan_step_nm"]
        height, width = item.transmittance.shape
        image = panel.imshow(item.transmittance, vmin=low, vmax=high, cmap="cividis", origin="lower",
                             extent=[0, width * step, 0, height * step])
        style.map_axes(panel)
        panel.set_title(palette.name(item.label), color=palette.colour(item.label))
        panel.set_xlabel("x (nm)")
        panel.set_ylabel("y (nm)")
        histogram = item.transmittance_histogram
        panel = axes[len(measurements) + column]
        panel.fill_between(histogram.k, histogram.value, step="mid", color=palette.colour(item.label), alpha=0.85,
                           linewidth=0)
        panel.set_xlabel("Transmittance T")
        panel.set_ylabel("Patterns")
        occupied = histogram.k[histogram.value > 0]
        if occupied.size:
            margin = 0.05 * (occupied.max() - occupied.min()) + 0.01
            panel.set_xlim(occupied.min() - margin, occupied.max() + margin)
        panel.set_ylim(bottom=0)
    figure.colorbar(image, ax=axes[:len(measurements)], label="Transmittance T", shrink=0.9)
    kept = "; ".join(f"{html.escape(item.label)}: {item.calibration['kept_patterns']:.0f} of "
                     f"{item.calibration['total_patterns']:.0f} patterns kept" for item in measurements)
    return Figure("thickness", SECTION, "Transmittance (thickness) map",
                  "Share of the electrons left in the undiffracted disc at each probe position, T = I<sub>disc</sub> / "
                  "I<sub>total</sub>, and its histogram. Thickness in mean free paths is −ln T, so dark is thick; "
                  f"patterns from regions that are too thick are left out of all that follows. {kept}.",
                  *style.rendered(figure))


def example_maps(measurements, palette):
    """A few dark-field maps a glass; None where no file holds any."""
    shown = [item for item in measurements if item.example_maps]
    if not shown:
        return None
    columns = max(len(item.example_maps) for item in shown)
    figure, axes = style.pyplot.subplots(len(shown), columns, squeeze=False, sharex=True, sharey="row",
                                         figsize=(1.55 * columns + 0.9, 1.95 * len(shown) + 0.2))
    # Over its mean, so that maps at k of strong and of weak scattering share one scale.
    relative = {id(example): example.image / (numpy.nanmean(example.image) if numpy.isfinite(example.image).any() else 1.0)
                for item in shown for example in item.example_maps}
    # The middle one of the maps' own ranges: a map of pure noise must not set the scale of the others.
    low, high = numpy.median([style.finite_range([image], 1.0, 99.7) for image in relative.values()], axis=0)
    for row, item in zip(axes, shown):
        step = item.calibration["scan_step_nm"]
        for panel, example in zip(row, item.example_maps):
            height, width = example.image.shape
            image = panel.imshow(relative[id(example)], vmin=low, vmax=high, origin="lower",
                                 extent=[0, width * step, 0, height * step])
            style.map_axes(panel)
            panel.set_title(f"k = {example.k:.2f} nm$^{{-1}}$\nφ = {numpy.degrees(example.phi):.0f}°", fontsize=8.5)
            if item is shown[-1]:
                panel.set_xlabel("x (nm)")
        for unused in row[len(item.example_maps):]:
            unused.remove()
        row[0].set_ylabel(f"{palette.name(item.label)}\ny (nm)", color=palette.colour(item.label))
    figure.colorbar(image, ax=axes, label="Intensity over the map's mean", shrink=0.7, aspect=30,
                    extend="both")
    return Figure("mro-maps", SECTION, "Example MRO maps",
                  "Dark-field maps: the intensity scattered to one point (k, φ) of the pattern, over the scan, divided by "
                  "its mean. Each bright speckle is a domain of medium-range order that happens to meet its Bragg condition "
                  "there.", *style.rendered(figure))


def _curves(measurements, truths, palette, name, title, quantity, label, planted, caption, of_types=None):
    """`planted` names a column of the truth's types, `of_types` one of the measured types and its error."""
    figure, axes = style.pyplot.subplots(figsize=(style.DOUBLE_COLUMN_INCH * 0.8, 3.3))
    for item in measurements:
        curve, colour = getattr(item, quantity), palette.colour(item.label)
        axes.plot(curve.k, curve.value, color=colour, label=palette.name(item.label))
        axes.fill_between(curve.k, curve.value - curve.error, curve.value + curve.error, color=colour, alpha=0.22,
                          linewidth=0)
    marked = False
    if planted:
        for truth in truths:
            axes.plot([kind.k for kind in truth.types], [getattr(kind, planted) for kind in truth.types],
                      linestyle="none", marker=palette.marker(truth.label), markersize=7.5, markerfacecolor="white",
                      markeredgecolor=palette.colour(truth.label), markeredgewidth=1.5)
            marked = marked or bool(truth.types)
    if of_types:
        for item in measurements:
            axes.errorbar(item.types["k_peak"], item.types[of_types[0]], yerr=item.types[of_types[1]],
                          linestyle="none", marker=palette.marker(item.label), markersize=4.5, capsize=2,
                          color=palette.colour(item.label))
        axes.plot([], [], linestyle="none", marker="o", markersize=4.5, color="0.3", label="one type alone")
    if marked:
        axes.plot([], [], linestyle="none", marker="o", markersize=7.5, markerfacecolor="white", markeredgecolor="0.3",
                  markeredgewidth=1.5, label="planted")
    axes.set_xlabel(K_LABEL)
    axes.set_ylabel(label)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.margins(x=0.01)
    axes.legend()
    if marked:
        caption += " Open symbols: what the phantom planted, as ideal maps would show it, at its k."
    return Figure(name, SECTION, title, caption, *style.rendered(figure))


def size_curves(measurements, truths, palette):
    """MRO size against k."""
    removed = [item.calibration["probe_fwhm_nm"] > 0 for item in measurements]
    probe = ("and the probe removed" if all(removed) else
             "removed; the probe's width is still in it" if not any(removed) else
             "removed, and the probe where its width was given")
    return _curves(measurements, truths, palette, "mro-size", "MRO size", "size", "MRO size (nm)", "size_nm",
                   "Mean size of the speckles in the dark-field maps at each k: full width at half maximum of the map's "
                   f"autocorrelation over √2, with shot noise {probe}. Filled symbols: the types of the table, each "
                   "alone where types could be told apart. Bands and bars: one standard error, counted from independent "
                   "maps and probe positions.", of_types=("size_nm", "size_error_nm"))


def area_fraction_curves(measurements, truths, palette):
    """Area fraction against k."""
    return _curves(measurements, truths, palette, "mro-area-fraction", "MRO area fraction", "area_fraction",
                   "Area fraction of MRO", "area_fraction",
                   "Share of the maps of each k that domains cover, from the law of sums of speckles that their values "
                   "follow. Lines count the speckles of all types that reach this k. Filled symbols: the types of the "
                   "table, each alone where types could be told apart. Bands and bars: one standard error.",
                   of_types=("area_fraction", "area_fraction_error"))


def order_curves(measurements, palette):
    """Degree of order against k."""
    return _curves(measurements, [], palette, "mro-order", "Degree of order", "order",
                   "Degree of order, even n combined", None,
                   "Even-n angular correlation power combined into one number a k: how strictly the domains are ordered. "
                   "Odd n come from plural scattering and are left out. Bands: one standard error.")


def power_maps(measurements, palette):
    """Angular correlation power against n and k."""
    figure, axes = style.panels(len(measurements), 3, 2.4, 2.7, sharey=True)
    tops = [item.power[item.power_n >= 2] for item in measurements]
    _, high = style.finite_range(tops, 0, 99.9)
    high = high if high > 0 else 1.0
    norm = matplotlib.colors.LogNorm(high / 300.0, high, clip=True)
    for panel, item in zip(axes, measurements):
        rows = (item.power_n >= 1) & (item.power_n <= 12)
        # Noise removal leaves values about zero; on a logarithmic scale they stand at its floor.
        power = numpy.where(item.power[rows] > norm.vmin, item.power[rows], norm.vmin)
        image = panel.pcolormesh(item.power_k, item.power_n[rows], power, norm=norm, shading="nearest", rasterized=True)
        panel.set_title(palette.name(item.label), color=palette.colour(item.label))
        panel.set_xlabel("k (nm$^{-1}$)")
        panel.set_yticks([n for n in item.power_n[rows] if n % 2 == 0])
        for spine in panel.spines.values():
            spine.set_visible(True)
    axes[0].set_ylabel("Rotational symmetry n")
    figure.colorbar(image, ax=axes, label="Power c$_n$", shrink=0.95)
    return Figure("power-map", SECTION, "n-fold power map",
                  "Power of the n-fold term of each pattern's angular correlation, c<sub>n</sub> = |I<sub>n</sub>|² / "
                  "|I<sub>0</sub>|², averaged over the kept patterns with the shot noise removed; one logarithmic scale "
                  "for all glasses. Bright even rows are ordered domains; odd rows, where they show, are plural "
                  "scattering.", *style.rendered(figure))


def pair_distributions(measurements, palette):
    """Structure factor and reduced pair distribution function; None where no file holds them."""
    shown = [item for item in measurements if item.pair_distribution]
    if not shown:
        return None
    figure, panels = style.pyplot.subplots(1, 2, figsize=(style.DOUBLE_COLUMN_INCH, 2.9))
    for panel, quantity, x, y in ((panels[0], "structure_factor", K_LABEL, "Structure factor S(k)"),
                                  (panels[1], "distribution", "Distance r (nm)", "G(r) (nm$^{-2}$)")):
        for item in shown:
            curve, colour = getattr(item.pair_distribution, quantity), palette.colour(item.label)
            panel.plot(curve.k, curve.value, color=colour, label=palette.name(item.label))
            panel.fill_between(curve.k, curve.value - curve.error, curve.value + curve.error, color=colour, alpha=0.22,
                               linewidth=0)
        panel.set_xlabel(x)
        panel.set_ylabel(y)
        panel.margins(x=0.01)
    panels[0].axhline(1.0, color="0.6", linewidth=0.7, zorder=0)
    panels[1].axhline(0.0, color="0.6", linewidth=0.7, zorder=0)
    panels[1].legend()
    peaks = "; ".join(f"{html.escape(item.label)}: {item.pair_distribution.peak_nm:.4f} ± "
                      f"{item.pair_distribution.peak_error_nm:.1g} nm" for item in shown)
    warnings = "".join(f" <b>{html.escape(item.label)}: {html.escape(item.pair_distribution.warning)}.</b>"
                       for item in shown if item.pair_distribution.warning)
    return Figure("pair-distribution", SECTION, "Structure factor and pair distribution",
                  "Structure factor and reduced pair distribution function G(r) = 4πr (ρ(r) − ρ<sub>0</sub>) from the radial "
                  "intensity and the alloy's scattering factors. Bands: one standard error, statistical only: plural scattering and "
                  f"the end of the k range change G by more. Highest peak: {peaks}.{warnings}", *style.rendered(figure))


def all_figures(measurements, truths, palette):
    """Every figure that the measurements allow."""
    if not measurements:
        return []
    figures = [mean_patterns(measurements, palette), thickness(measurements, palette),
               example_maps(measurements, palette), size_curves(measurements, truths, palette),
               area_fraction_curves(measurements, truths, palette), power_maps(measurements, palette),
               order_curves(measurements, palette), pair_distributions(measurements, palette)]
    return [figure for figure in figures if figure]
