"""The self-contained HTML page."""

import base64
import html

import numpy

from . import heterogeneity, sample_comparison, simulation, truth_comparison
from .page_style import STYLE_SHEET


def _escape(text):
    return html.escape(str(text), quote=True)


def _identifier(text):
    return "".join(character if character.isalnum() else "-" for character in text.lower())


def number(value, decimals):
    """A number for a table; an en dash where there is none."""
    return f"{value:.{decimals}f}" if numpy.isfinite(value) else "–"


def with_error(value, error, decimals):
    """value ± error, with as many decimals as the error's first digit needs, at most two more than usual."""
    if not numpy.isfinite(value):
        return "–"
    if numpy.isfinite(error) and error > 0:
        decimals = min(decimals + 2, max(decimals, -int(numpy.floor(numpy.log10(error)))))
    return f"{number(value, decimals)} ± {number(error, decimals)}" if numpy.isfinite(error) else number(value, decimals)


def p_value(value):
    """A p-value with as many digits as it deserves."""
    if not numpy.isfinite(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def table(head, rows, note):
    """A table with a note below; columns of words are left-aligned, those of numbers right-aligned."""
    words = [all(row[i][:1].isalpha() for row in rows) and bool(rows) for i in range(len(head))]

    def cell(tag, i, text):
        return f"<{tag}{' class=words' if words[i] else ''}>{_escape(text)}</{tag.split()[0]}>"

    top = "".join(cell('th scope="col"', i, text) for i, text in enumerate(head))
    body = "".join("<tr>" + "".join(cell("td", i, text) for i, text in enumerate(row)) + "</tr>\n" for row in rows)
    return (f"<div class=\"table\"><table><thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
            f"<p class=\"note\">{note}</p>\n")


def truth_section(rows, sequences):
    """Planted beside measured, then the sequences."""
    body = []
    for row in rows:
        cells = [row.glass, row.planted.name, number(row.planted.k, 2), number(row.measured_k, 2),
                 number(row.planted.diameter_nm, 2)]
        for name, key, _, decimals in truth_comparison.QUANTITIES:
            planted = getattr(row.planted, key)
            cells += [number(planted, min(decimals, 3)), with_error(*row.measured[name], decimals)]
        body.append(cells)
    text = table(["glass", "type", "k planted (nm⁻¹)", "k found (nm⁻¹)", "diameter planted (nm)", "size planted (nm)",
                  "size measured (nm)",
                  "area fraction planted", "area fraction measured", "order planted", "order measured"], body,
                 "What the phantom planted and what the analysis found. Measured values are those of the MRO type whose k "
                 "range holds the planted k; with no such type (no k found) the curves are read at the planted k. Size "
                 "planted and area fraction planted are what ideal maps of the planted domains show. The measured degree of "
                 "order is correlation power, which grows with the planted order (a scale from 0 to 1) and with how many "
                 "domains the probe meets: it is the sequence over the glasses that must come back.")
    if sequences:
        body = [[item.quantity, " > ".join(item.planted), " > ".join(item.measured), "yes" if item.agrees else "NO"]
                for item in sequences]
        text += table(["quantity", "planted sequence", "measured sequence", "agrees"], body,
                      "The glasses in falling sequence, each by the type that is planted with its largest value. Pairs planted "
                      "within 1 % of each other count as equal.")
    return text


def type_section(measurements):
    """The MRO types that the catalog is made from."""
    body = []
    for item in measurements:
        for i in range(len(item.types["k_peak"])):
            value = {name: column[i] for name, column in item.types.items()}
            several = " *" if value.get("several", 0) else ""
            body.append([item.label, number(value["k_peak"], 2) + several,
                         f"{number(value['k_low'], 2)} to {number(value['k_high'], 2)}",
                         with_error(value["size_nm"], value["size_error_nm"], 2),
                         with_error(value["area_fraction"], value["area_fraction_error"], 3),
                         with_error(value["order"], value["order_error"], 4)])
    return table(["glass", "k peak (nm⁻¹)", "k range (nm⁻¹)", "size (nm)", "area fraction", "degree of order"], body,
                 "MRO types: the peaks of size(k) and order(k), with one standard error." +
                 (" *: several types too close in k to be told apart, taken for one." if any("*" in row[1] for row in body)
                  else ""))


def difference_section(measurements, differences):
    """Every sample against the first, at the k of the types."""
    decimals = {name: digits for name, _, _, digits in sample_comparison.QUANTITIES}
    body = [[row.sample, row.quantity, number(row.k, 2), with_error(*row.sample_value, decimals[row.quantity]),
             with_error(*row.reference_value, decimals[row.quantity]),
             with_error(row.difference, row.error, decimals[row.quantity]), p_value(row.p_value), p_value(row.adjusted),
             "yes" if row.significant else "no"] for row in differences]
    areas = ", ".join(f"{item.label}: {item.areas}" for item in measurements)
    return table(["sample", "quantity", "k (nm⁻¹)", "value", _escape_reference(measurements), "difference", "p-value",
                  "p-value, Holm", "significant"], body,
                 "Curves at the k of every MRO type that any sample has. Errors: one standard error, from independent maps and "
                 "blocks of the scan, or from the scatter between areas where a sample has at least three and that is larger. "
                 "p-values: two-sided, for normally distributed differences; Holm's adjustment allows for the number of rows, and "
                 f"significant means below {sample_comparison.SIGNIFICANT:g} after it. One area a sample says nothing about how "
                 f"samples made alike differ. Areas: {_escape(areas)}.")


def _escape_reference(measurements):
    return f"reference ({measurements[0].label})"


def local_map_section(measurements):
    """Statistics of the local maps of each sample's first area."""
    body = []
    for item in measurements:
        if not item.heterogeneity:
            continue
        for found in item.heterogeneity.maps:
            if found.name not in heterogeneity.SHOWN_MAPS or not numpy.isfinite(found.deviation):
                continue
            signal = numpy.sqrt(max(0.0, found.deviation ** 2 - found.noise_deviation ** 2))
            body.append([item.label, found.name, with_error(found.mean, found.mean_error, 4), f"{signal:.2g}",
                         f"{found.noise_deviation:.2g}", number(found.correlation_length, 2), number(found.independent, 0)])
    return table(["sample", "map", "mean", "deviation", "noise", "correlation length (nm)", "independent places"], body,
                 "Local maps of the first area: mean with its standard error, standard deviation over the places with the noise "
                 "taken off, that noise, the distance at which the autocorrelation has fallen to 1/e, and how many independent "
                 "values the map holds.")


def zone_section(catalogs):
    """The kinds of zones of every catalog, with what the measurement's errors make of them."""
    body = []
    for item in catalogs:
        for i, name in enumerate(item.type_names):
            value = {column: numbers[i] for column, numbers in item.types.items()}

            def between(quantity, decimals, value=value):
                low, high = (value.get(f"{quantity}_at_{side}_order", numpy.nan) for side in ("more", "less"))
                spread = f" ({number(low, decimals)} to {number(high, decimals)})" if numpy.isfinite(low) else ""
                return number(value[quantity], decimals) + spread

            body.append([item.label, name, between("modes", 0), between("amplitude", 2), between("softening", 3),
                         with_error(item.volume_fraction[i], value.get("volume_fraction_error", numpy.nan), 3)])
    return table(["glass", "kind of zone", "modes", "amplitude", "softening", "volume fraction"], body,
                 "Kinds of shear transformation zones; in brackets the values at one standard error more and less order, ± one "
                 "standard error of the measured share.")


def ensemble_section(ensemble):
    """Group statistics, and what failed."""
    labels = {"percolation_strain": ("percolation strain (%)", 100.0, 3), "peak_stress_gpa": ("peak stress (GPa)", 1.0, 3),
              "flow_stress_gpa": ("flow stress (GPa)", 1.0, 3)}
    body = []
    for quantity in simulation.GROUP_QUANTITIES:
        label, scale, decimals = labels[quantity]
        for i, group in enumerate(ensemble.group_names):
            value = {name: ensemble.groups[f"{quantity}_{name}"][i] for name in simulation.GROUP_STATISTICS}
            body.append([label, group, f"{ensemble.group_runs[i]:.0f}",
                         with_error(scale * value["mean"], scale * value["standard_error"], decimals),
                         number(scale * value["standard_deviation"], decimals),
                         f"{number(scale * value['interval_low'], decimals)} to "
                         f"{number(scale * value['interval_high'], decimals)}",
                         number(value["effect_size"], 2), p_value(value["p_value"])])
    unfinished = [status for status in ensemble.run_status if status != "complete"]
    missing = f" {len(unfinished)} of {len(ensemble.run_status)} runs are not complete and are left out." if unfinished else ""
    return table(["quantity", "glass", "runs", "mean ± standard error", "standard deviation",
                  f"{100 * ensemble.confidence:g} % interval", "effect size", "p-value"], body,
                 "Statistics over the seeds. Effect size and p-value compare a glass with the reference glass (no value)."
                 + missing)


def provenance_section(sources):
    """Where each file comes from; `sources` is a list of (label, path, provenance)."""
    parts = []
    for label, path, entries in sources:
        rows = "".join(f"<tr><th scope=\"row\">{_escape(name.replace('_', ' '))}</th><td><pre>{_escape(text)}</pre></td></tr>"
                       for name, text in entries.items())
        parts.append(f"<details><summary><b>{_escape(label)}</b> {_escape(path)}</summary>"
                     f"<div class=\"table\"><table class=\"provenance\">{rows}</table></div></details>\n")
    return "".join(parts)


def figure_block(figure):
    """One figure with its caption and the way to its print version."""
    data = base64.b64encode(figure.png).decode("ascii")
    return (f"<figure id=\"{figure.name}\"><h3>{_escape(figure.title)}</h3>\n"
            f"<img alt=\"{_escape(figure.title)}\" src=\"data:image/png;base64,{data}\">\n"
            f"<figcaption>{figure.caption} <span class=\"files\">figures/{figure.name}.pdf, .png</span></figcaption>"
            "</figure>\n")


def page(title, lead, sections, footer):
    """The whole document; `sections` maps a heading to its HTML, `lead` is HTML under the title."""
    contents = "".join(f"<li><a href=\"#{_identifier(heading)}\">{_escape(heading)}</a></li>" for heading in sections)
    body = "".join(f"<section id=\"{_identifier(heading)}\"><h2>{_escape(heading)}</h2>\n{content}</section>\n"
                   for heading, content in sections.items())
    return ("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<meta name=\"generator\" content=\"mg-report\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
            f"<title>{_escape(title)}</title>\n<style>\n{STYLE_SHEET}</style>\n</head>\n<body>\n"
            f"<header><h1>{_escape(title)}</h1>\n{lead}</header>\n"
            f"<nav aria-label=\"Contents\"><ol>{contents}</ol></nav>\n<main>\n{body}</main>\n"
            f"<footer>{footer}</footer>\n</body>\n</html>\n")
