#include "diffraction/ring_fit.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "diffraction/polar_sampling.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr double radial_step_px = 0.5;
constexpr int sectors = 180;
constexpr int most_rounds = 60;
constexpr double settled_px = 1e-4;
constexpr int harmonics = 5;  // n = 0 ... 4

struct Peak {
  std::size_t bin = 0;
  double prominence = 0.0;
  double half_width = 0.0;  // distance to half of the prominence, mean of both sides
};

double smoothed(const std::vector<double>& values, std::size_t i) {
  const std::size_t before = i > 0 ? i - 1 : i;
  const std::size_t after = i + 1 < values.size() ? i + 1 : i;
  return 0.25 * values[before] + 0.5 * values[i] + 0.25 * values[after];
}

// The most prominent maximum of `values` in [first, last): height above the higher of the two lowest points that
// separate it from anything higher.
std::optional<Peak> most_prominent(const std::vector<double>& values, std::size_t first, std::size_t last) {
  std::optional<Peak> best;
  for (std::size_t i = first + 1; i + 1 < last; ++i) {
    if (!(values[i] >= values[i - 1] && values[i] > values[i + 1])) continue;
    double left = values[i];
    for (std::size_t j = i; j-- > first && values[j] <= values[i];) left = std::min(left, values[j]);
    double right = values[i];
    for (std::size_t j = i + 1; j < last && values[j] <= values[i]; ++j) right = std::min(right, values[j]);
    const double prominence = values[i] - std::max(left, right);
    if (best && prominence <= best->prominence) continue;
    const double level = values[i] - 0.5 * prominence;
    std::size_t low = i;
    while (low > first && values[low] > level) --low;
    std::size_t high = i;
    while (high + 1 < last && values[high] > level) ++high;
    best = Peak{i, prominence, 0.5 * static_cast<double>(high - low)};
  }
  return best;
}

// The mean and its slope over sectors, and every sector's displacement from it.
struct Displacements {
  std::vector<double> delta;    // pixels; NaN where the sector does not show the ring
  std::vector<double> profile;  // mean over sectors
};

Displacements displacements(std::span<const float> polar, const InterpolationTable& table) {
  const auto& grid = table.grid();
  const auto bins = static_cast<std::size_t>(grid.bins);
  const auto angles = static_cast<std::size_t>(grid.angles);
  Displacements result;
  result.profile.assign(bins, 0.0);
  for (std::size_t bin = 0; bin < bins; ++bin) {
    double sum = 0.0;
    for (std::size_t angle = 0; angle < angles; ++angle) sum += static_cast<double>(polar[bin * angles + angle]);
    result.profile[bin] = sum / std::max(1, table.valid_angles(static_cast<int>(bin)));
  }
  std::vector<double> slope(bins, 0.0);
  for (std::size_t bin = 1; bin + 1 < bins; ++bin) {
    slope[bin] = (result.profile[bin + 1] - result.profile[bin - 1]) / (2.0 * grid.radius_step_px);
  }
  const double floor = 1e-3 * *std::max_element(result.profile.begin(), result.profile.end());
  result.delta.assign(angles, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t angle = 0; angle < angles; ++angle) {
    Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
    Eigen::Vector3d right = Eigen::Vector3d::Zero();
    std::size_t used = 0;
    for (std::size_t bin = 1; bin + 1 < bins; ++bin) {
      const std::size_t sample = bin * angles + angle;
      if (table.is_missing(sample)) continue;
      const double weight = 1.0 / std::max(result.profile[bin], floor);  // counting noise
      const Eigen::Vector3d basis(1.0, result.profile[bin], slope[bin]);
      normal += weight * basis * basis.transpose();
      right += weight * static_cast<double>(polar[sample]) * basis;
      ++used;
    }
    if (used < bins * 3 / 4) continue;
    const Eigen::Vector3d fit = normal.ldlt().solve(right);
    constexpr double least_visibility = 0.2;
    const double reach = 0.25 * grid.radius_step_px * grid.bins;
    if (!(fit[1] > least_visibility)) continue;
    result.delta[angle] = std::clamp(-fit[2] / fit[1], -reach, reach);
  }
  return result;
}

// delta(phi) = sum over n of cosine[n] cos(n phi) + sine[n] sin(n phi), least squares over the sectors that have a
// value.
struct HarmonicFit {
  double cosine[harmonics] = {};
  double sine[harmonics] = {};
  double residual = 0.0;
  int used = 0;
};

HarmonicFit fit_harmonics(const std::vector<double>& delta) {
  constexpr int unknowns = 2 * harmonics - 1;
  Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(unknowns, unknowns);
  Eigen::VectorXd right = Eigen::VectorXd::Zero(unknowns);
  const auto basis_at = [&](std::size_t angle) {
    Eigen::VectorXd basis(unknowns);
    const double phi = 2.0 * units::pi * static_cast<double>(angle) / static_cast<double>(delta.size());
    basis[0] = 1.0;
    for (int n = 1; n < harmonics; ++n) {
      basis[2 * n - 1] = std::cos(n * phi);
      basis[2 * n] = std::sin(n * phi);
    }
    return basis;
  };
  HarmonicFit fit;
  for (std::size_t angle = 0; angle < delta.size(); ++angle) {
    if (!std::isfinite(delta[angle])) continue;
    const Eigen::VectorXd basis = basis_at(angle);
    normal += basis * basis.transpose();
    right += delta[angle] * basis;
    ++fit.used;
  }
  if (fit.used < sectors / 3) return fit;
  const Eigen::VectorXd solution = normal.colPivHouseholderQr().solve(right);
  fit.cosine[0] = solution[0];
  for (int n = 1; n < harmonics; ++n) {
    fit.cosine[n] = solution[2 * n - 1];
    fit.sine[n] = solution[2 * n];
  }
  double squares = 0.0;
  for (std::size_t angle = 0; angle < delta.size(); ++angle) {
    if (!std::isfinite(delta[angle])) continue;
    const Eigen::VectorXd basis = basis_at(angle);
    const double model = solution.head(5).dot(basis.head(5));
    squares += (delta[angle] - model) * (delta[angle] - model);
  }
  fit.residual = std::sqrt(squares / fit.used);
  return fit;
}

// Middle and half width of the profile at half of its height over the higher of the minima beside it.
void measure_radius(const std::vector<double>& profile, const PolarGrid& grid, RingFit& ring) {
  const std::size_t last = profile.size() - 1;
  const auto peak_place = std::max_element(profile.begin() + 1, profile.end() - 1);
  const auto peak = static_cast<std::size_t>(peak_place - profile.begin());
  const double left = *std::min_element(profile.begin(), peak_place);
  const double right = *std::min_element(peak_place, profile.end());
  const double base = std::max(left, right);
  const double level = 0.5 * (*peak_place + base);
  const auto crossing = [&](std::size_t inside, std::size_t outside) {
    const double share = (profile[inside] - level) / (profile[inside] - profile[outside]);
    return grid.radius_px(static_cast<int>(inside)) +
           share * (grid.radius_px(static_cast<int>(outside)) - grid.radius_px(static_cast<int>(inside)));
  };
  std::size_t low = peak;
  while (low > 0 && profile[low - 1] > level) --low;
  std::size_t high = peak;
  while (high < last && profile[high + 1] > level) ++high;
  const double inner = low > 0 ? crossing(low, low - 1) : grid.radius_px(0);
  const double outer = high < last ? crossing(high, high + 1) : grid.radius_px(static_cast<int>(last));
  ring.radius_px = 0.5 * (inner + outer);
  ring.half_width_px = 0.5 * (outer - inner);
  ring.prominence = *peak_place - base;
}

}  // namespace

RadialProfile radial_profile(std::span<const float> pattern, const PatternShape& shape,
                             std::span<const std::uint8_t> good, Point centre) {
  RadialProfile profile;
  const double reach = std::hypot(static_cast<double>(shape.nx), static_cast<double>(shape.ny)) + 2.0;
  profile.mean.assign(static_cast<std::size_t>(reach), 0.0);
  profile.pixels.assign(profile.mean.size(), 0.0);
  for (std::int64_t line = 0; line < shape.ny; ++line) {
    for (std::int64_t column = 0; column < shape.nx; ++column) {
      const auto pixel = static_cast<std::size_t>(line * shape.nx + column);
      if (!good.empty() && good[pixel] == 0) continue;
      const double radius = std::hypot(static_cast<double>(column) - centre.x, static_cast<double>(line) - centre.y);
      const auto bin = static_cast<std::size_t>(radius);
      if (bin >= profile.mean.size()) continue;
      profile.mean[bin] += static_cast<double>(pattern[pixel]);
      profile.pixels[bin] += 1.0;
    }
  }
  for (std::size_t bin = 0; bin < profile.mean.size(); ++bin) {
    if (profile.pixels[bin] > 0.0) profile.mean[bin] /= profile.pixels[bin];
  }
  return profile;
}

RingFit fit_ring(std::span<const float> mean_pattern, const PatternShape& shape, std::span<const std::uint8_t> good,
                 Point start, const RingFitOptions& options, const std::string& source) {
  // Only radii of which at least half of the circle is on the detector and not masked.
  const RadialProfile rough = radial_profile(mean_pattern, shape, good, start);
  const auto first = static_cast<std::size_t>(std::ceil(options.inner_radius_px));
  std::size_t last = std::min(first, rough.mean.size());
  while (last < rough.mean.size() && rough.pixels[last] >= 0.5 * 2.0 * units::pi * static_cast<double>(last)) ++last;
  std::vector<double> values(last, 0.0);
  {
    std::vector<double> raw(rough.mean.begin(), rough.mean.begin() + static_cast<std::ptrdiff_t>(last));
    for (std::size_t i = 0; i < last; ++i) values[i] = smoothed(raw, i);
  }
  Peak peak;
  if (options.radius_px) {
    peak.bin = static_cast<std::size_t>(*options.radius_px);
    if (peak.bin < 3 || peak.bin + 3 >= last) {
      throw input_error(
          "{}: --ring-radius {} px is not on the detector (radii up to {} px have half a circle on it): give another",
          source, *options.radius_px, last);
    }
    const std::size_t reach = std::max<std::size_t>(6, peak.bin / 8);
    const auto near =
        most_prominent(values, std::max(first, peak.bin - std::min(peak.bin, reach)), std::min(last, peak.bin + reach));
    if (near)
      peak = *near;
    else
      peak.half_width = 0.08 * static_cast<double>(peak.bin);
  } else {
    std::optional<Peak> found;
    if (first + 4 < last) found = most_prominent(values, first, last);
    // Scatter of the profile about its own smooth course: second differences of white noise have variance 6 s^2.
    double squares = 0.0;
    std::size_t count = 0;
    for (std::size_t i = first + 2; i + 2 < last; ++i) {
      const double second = rough.mean[i - 1] - 2.0 * rough.mean[i] + rough.mean[i + 1];
      squares += second * second;
      ++count;
    }
    constexpr double least_significance = 4.0;
    const double noise = count > 0 ? std::sqrt(squares / static_cast<double>(count) / 6.0) : 0.0;
    if (!found || count < 8 || found->half_width < 1.0 || found->prominence < least_significance * noise ||
        found->prominence < 0.01 * values[found->bin]) {
      throw input_error(
          "{}: no ring or halo on the mean pattern (radial profile from {} to {} px, best peak {:.3g} above its sides, "
          "scatter "
          "{:.3g}): give --ring-radius PX, or --no-ring-fit to keep the disc's centre",
          source, first, last, found ? found->prominence : 0.0, noise);
    }
    peak = *found;
  }

  RingFit ring;
  ring.centre = start;
  if (options.ellipse) ring.ellipse = *options.ellipse;
  ring.radius_px = static_cast<double>(peak.bin) + 0.5;
  const double reach = std::clamp(2.5 * peak.half_width, 4.0, 0.35 * ring.radius_px);
  const auto outermost = static_cast<double>(last);
  const double inner = std::max(ring.radius_px - reach, options.inner_radius_px);
  const double outer = std::min(ring.radius_px + reach, outermost);
  PolarGrid grid{inner, radial_step_px, static_cast<int>((outer - inner) / radial_step_px) + 1, sectors};
  std::vector<float> polar(grid.samples());
  Displacements measured;
  HarmonicFit fit;
  double step = 1.0;
  double previous = std::numeric_limits<double>::infinity();
  for (int round = 0; round < most_rounds; ++round) {
    const InterpolationTable table(grid, shape, ring.centre, ring.ellipse, good);
    table.transform(mean_pattern, polar);
    measured = displacements(polar, table);
    fit = fit_harmonics(measured.delta);
    if (fit.used < sectors / 3) {
      throw input_error(
          "{}: the ring near {:.1f} px is seen in only {} of {} sectors about x = {:.1f}, y = {:.1f}: mask what covers "
          "it, or "
          "give --ring-radius PX or --centre X,Y",
          source, ring.radius_px, fit.used, sectors, ring.centre.x, ring.centre.y);
    }
    const double size = std::hypot(std::hypot(fit.cosine[1], fit.sine[1]), std::hypot(fit.cosine[2], fit.sine[2]));
    if (size > previous) step = std::max(0.25, 0.7 * step);  // an overshooting linearisation is damped
    previous = size;
    const Point shift = ring.ellipse.distort({fit.cosine[1], fit.sine[1]});
    ring.centre.x += step * shift.x;
    ring.centre.y += step * shift.y;
    if (!options.ellipse) {
      ring.ellipse.c += step * fit.cosine[2] / ring.radius_px;
      ring.ellipse.s += step * fit.sine[2] / ring.radius_px;
    }
    const double change = options.ellipse ? std::hypot(fit.cosine[1], fit.sine[1]) : size;
    if (change < settled_px) {
      ring.converged = true;
      break;
    }
  }
  const InterpolationTable table(grid, shape, ring.centre, ring.ellipse, good);
  table.transform(mean_pattern, polar);
  measured = displacements(polar, table);
  measure_radius(measured.profile, grid, ring);
  // The mean profile leans towards the bright sectors; in the ring's radius every sector counts the same.
  ring.radius_px += fit_harmonics(measured.delta).cosine[0];
  ring.residual_px = fit.residual;
  ring.sectors = fit.used;
  return ring;
}

}  // namespace mesoglass::diffraction
