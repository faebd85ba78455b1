#include "diffraction/beam_disc.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/error.hpp"
#include "diffraction/lane_kernels.hpp"
#include "diffraction/pixel_mask.hpp"

namespace mesoglass::diffraction {

namespace {

bool is_good(std::span<const std::uint8_t> good, std::size_t pixel) {
  return good.empty() || good[pixel] != 0;
}

// The median of a pixel's good 3 x 3 neighbourhood: a hot pixel or a cosmic ray does not survive it.
double neighbourhood_median(std::span<const float> pattern, const PatternShape& shape,
                            std::span<const std::uint8_t> good, std::int64_t line, std::int64_t column) {
  std::array<float, 9> values;
  std::size_t count = 0;
  for (std::int64_t y = std::max<std::int64_t>(line - 1, 0); y <= std::min(line + 1, shape.ny - 1); ++y) {
    for (std::int64_t x = std::max<std::int64_t>(column - 1, 0); x <= std::min(column + 1, shape.nx - 1); ++x) {
      const auto pixel = static_cast<std::size_t>(y * shape.nx + x);
      if (is_good(good, pixel)) values[count++] = pattern[pixel];
    }
  }
  if (count == 0) return 0.0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count / 2),
                   values.begin() + static_cast<std::ptrdiff_t>(count));
  return static_cast<double>(values[count / 2]);
}

}  // namespace

BeamDisc find_beam_disc(std::span<const float> mean_pattern, const PatternShape& shape,
                        std::span<const std::uint8_t> good, const std::string& source) {
  double brightest = 0.0;
  Point peak;
  double total = 0.0;
  for (std::int64_t line = 0; line < shape.ny; ++line) {
    for (std::int64_t column = 0; column < shape.nx; ++column) {
      const auto pixel = static_cast<std::size_t>(line * shape.nx + column);
      if (is_good(good, pixel)) total += static_cast<double>(mean_pattern[pixel]);
      const double value = neighbourhood_median(mean_pattern, shape, good, line, column);
      if (value > brightest) {
        brightest = value;
        peak = {static_cast<double>(column), static_cast<double>(line)};
      }
    }
  }
  const double average = total / static_cast<double>(shape.pixels());
  // The disc of a thin film holds most of the beam on a small part of the detector; without that contrast the
  // brightest place is noise or the halo.
  constexpr double least_contrast = 3.0;
  if (!(brightest > 0.0) || brightest < least_contrast * average) {
    throw input_error(
        "{}: no unscattered disc on the mean pattern (its brightest place has {:.4g}, the average pixel {:.4g}): is "
        "the "
        "beam on the detector? With a beam stop or a dark-field geometry give --centre X,Y",
        source, brightest, average);
  }
  // Centre of mass of what is brighter than half the peak and connected with it closely enough: two rounds within a
  // circle that follows the disc.
  BeamDisc disc{peak, 0.0};
  double reach = 0.25 * static_cast<double>(std::min(shape.ny, shape.nx));
  for (int round = 0; round < 4; ++round) {
    double sum = 0.0, sum_x = 0.0, sum_y = 0.0, area = 0.0;
    bool at_edge = false;
    for (std::int64_t line = 0; line < shape.ny; ++line) {
      for (std::int64_t column = 0; column < shape.nx; ++column) {
        const auto pixel = static_cast<std::size_t>(line * shape.nx + column);
        const double dx = static_cast<double>(column) - disc.centre.x;
        const double dy = static_cast<double>(line) - disc.centre.y;
        if (dx * dx + dy * dy > reach * reach || !is_good(good, pixel)) continue;
        const double value = static_cast<double>(mean_pattern[pixel]);
        if (value < 0.5 * brightest) continue;
        at_edge = at_edge || line == 0 || column == 0 || line == shape.ny - 1 || column == shape.nx - 1;
        sum += value;
        sum_x += value * static_cast<double>(column);
        sum_y += value * static_cast<double>(line);
        area += 1.0;
      }
    }
    if (at_edge) {
      throw input_error(
          "{}: the unscattered disc near pixel x = {:.1f}, y = {:.1f} touches the detector's edge: centre the beam, or "
          "give "
          "--centre X,Y",
          source, disc.centre.x, disc.centre.y);
    }
    if (!(sum > 0.0)) break;
    disc.centre = {sum_x / sum, sum_y / sum};
    disc.radius_px = std::max(1.0, std::sqrt(area / units::pi));
    reach = 2.0 * disc.radius_px + 2.0;
  }
  return disc;
}

DiscMeter::DiscMeter(const PatternShape& shape, std::span<const std::uint8_t> good, double aperture_radius_px)
    : shape_(shape), good_(good), bad_pixels_(left_out_pixels(good)), aperture_radius_px_(aperture_radius_px) {}

DiscMeter::Moments DiscMeter::moments(std::span<const float> pattern, Point centre) const {
  constexpr double rim_width_px = 2.0;
  Moments m;
  const double outer = aperture_radius_px_ + rim_width_px;
  const double inner2 = std::pow(std::max(0.0, aperture_radius_px_ - 0.5), 2);
  const auto first_line = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(centre.y - outer)));
  const auto last_line = std::min(shape_.ny - 1, static_cast<std::int64_t>(std::floor(centre.y + outer)));
  for (std::int64_t line = first_line; line <= last_line; ++line) {
    const double dy = static_cast<double>(line) - centre.y;
    const double chord = std::sqrt(std::max(0.0, outer * outer - dy * dy));
    const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(centre.x - chord)));
    const auto last = std::min(shape_.nx - 1, static_cast<std::int64_t>(std::floor(centre.x + chord)));
    for (std::int64_t column = first; column <= last; ++column) {
      const auto pixel = static_cast<std::size_t>(line * shape_.nx + column);
      if (!is_good(good_, pixel)) continue;
      const double dx = static_cast<double>(column) - centre.x;
      const double value = static_cast<double>(pattern[pixel]);
      // A soft edge one pixel wide, so that the aperture's area does not jump with its centre.
      const double squared = dx * dx + dy * dy;
      const double weight =
          squared < inner2 ? 1.0 : std::clamp(aperture_radius_px_ + 0.5 - std::sqrt(squared), 0.0, 1.0);
      m.sum += weight * value;
      m.x += weight * value * dx;
      m.y += weight * value * dy;
      m.pixels += weight;
      m.pixels_x += weight * dx;
      m.pixels_y += weight * dy;
      m.rim += (1.0 - weight) * value;
      m.rim_pixels += 1.0 - weight;
    }
  }
  return m;
}

DiscMeasurement DiscMeter::measure(std::span<const float> pattern, Point expected) const {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  DiscMeasurement result;
  result.centre = {nan, nan};
  result.total = best_kernels().total(pattern.data(), pattern.size());
  result.finite = std::isfinite(result.total);  // a NaN or infinite pixel shows in the sum
  if (!result.finite) return result;
  for (const std::size_t pixel : bad_pixels_) result.total -= static_cast<double>(pattern[pixel]);
  Point centre = expected;
  for (int round = 0; round < 2; ++round) {
    const Moments m = moments(pattern, centre);
    result.disc = m.sum;
    const double background = m.rim_pixels > 0.0 ? m.rim / m.rim_pixels : 0.0;
    const double mass = m.sum - background * m.pixels;
    if (!(mass > 0.0)) return result;
    result.centre = {centre.x + (m.x - background * m.pixels_x) / mass,
                     centre.y + (m.y - background * m.pixels_y) / mass};
    // A disc that has left its aperture is not followed across the pattern.
    if (std::hypot(result.centre.x - expected.x, result.centre.y - expected.y) > aperture_radius_px_) return result;
    centre = result.centre;
  }
  return result;
}

DescanPlane fit_descan_plane(std::span<const DiscPosition> positions) {
  if (positions.empty()) throw std::logic_error("no disc positions");
  const auto [first_row, last_row] = std::minmax_element(positions.begin(), positions.end(),
                                                         [](const auto& a, const auto& b) { return a.row < b.row; });
  const auto [first_column, last_column] = std::minmax_element(
      positions.begin(), positions.end(), [](const auto& a, const auto& b) { return a.column < b.column; });
  const bool rows_differ = last_row->row > first_row->row;
  const bool columns_differ = last_column->column > first_column->column;
  // Centred and scaled coordinates keep the normal equations well conditioned.
  const double row_middle = 0.5 * (first_row->row + last_row->row);
  const double column_middle = 0.5 * (first_column->column + last_column->column);
  const double row_scale = rows_differ ? 0.5 * (last_row->row - first_row->row) : 1.0;
  const double column_scale = columns_differ ? 0.5 * (last_column->column - first_column->column) : 1.0;
  constexpr double tukey = 4.685;  // 95 % efficiency for a normal distribution
  constexpr int rounds = 20;

  std::vector<double> weights(positions.size(), 1.0);
  Eigen::Vector3d x_plane = Eigen::Vector3d::Zero();
  Eigen::Vector3d y_plane = Eigen::Vector3d::Zero();
  double scatter = 0.0;
  std::vector<double> distances(positions.size());
  for (int round = 0; round < rounds; ++round) {
    Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
    Eigen::Vector3d right_x = Eigen::Vector3d::Zero();
    Eigen::Vector3d right_y = Eigen::Vector3d::Zero();
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const Eigen::Vector3d basis(1.0, columns_differ ? (positions[i].column - column_middle) / column_scale : 0.0,
                                  rows_differ ? (positions[i].row - row_middle) / row_scale : 0.0);
      normal += weights[i] * basis * basis.transpose();
      right_x += weights[i] * positions[i].centre.x * basis;
      right_y += weights[i] * positions[i].centre.y * basis;
    }
    if (!columns_differ) normal(1, 1) = 1.0;
    if (!rows_differ) normal(2, 2) = 1.0;
    const auto solver = normal.colPivHouseholderQr();
    x_plane = solver.solve(right_x);
    y_plane = solver.solve(right_y);
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const double u = columns_differ ? (positions[i].column - column_middle) / column_scale : 0.0;
      const double v = rows_differ ? (positions[i].row - row_middle) / row_scale : 0.0;
      const double dx = positions[i].centre.x - (x_plane[0] + x_plane[1] * u + x_plane[2] * v);
      const double dy = positions[i].centre.y - (y_plane[0] + y_plane[1] * u + y_plane[2] * v);
      distances[i] = std::hypot(dx, dy);
    }
    std::vector<double> sorted = distances;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
    // The median length of a two-component normal vector is 1.1774 standard deviations of a component.
    constexpr double rayleigh_median = 1.17741;
    scatter = sorted[sorted.size() / 2] / rayleigh_median;
    if (!(scatter > 1e-9)) break;
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const double u = distances[i] / (tukey * scatter);
      weights[i] = u < 1.0 ? (1.0 - u * u) * (1.0 - u * u) : 0.0;
    }
  }
  DescanPlane plane;
  plane.x_column = columns_differ ? x_plane[1] / column_scale : 0.0;
  plane.x_row = rows_differ ? x_plane[2] / row_scale : 0.0;
  plane.x0 = x_plane[0] - plane.x_column * column_middle - plane.x_row * row_middle;
  plane.y_column = columns_differ ? y_plane[1] / column_scale : 0.0;
  plane.y_row = rows_differ ? y_plane[2] / row_scale : 0.0;
  plane.y0 = y_plane[0] - plane.y_column * column_middle - plane.y_row * row_middle;
  plane.scatter_px = scatter;
  return plane;
}

}  // namespace mesoglass::diffraction
