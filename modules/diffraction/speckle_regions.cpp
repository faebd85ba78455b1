#include "diffraction/speckle_regions.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/units.hpp"
#include "diffraction/lane_kernels.hpp"

namespace mesoglass::diffraction {

double SpeckleRegion::equivalent_diameter() const noexcept {
  return 2.0 * std::sqrt(static_cast<double>(pixels) / units::pi);
}

namespace {

// Positions looked at together where nothing is above the threshold.
constexpr std::int64_t word = 8;

}  // namespace

RegionLabeller::RegionLabeller(std::int64_t ny, std::int64_t nx)
    : ny_(ny), nx_(nx), flags_(static_cast<std::size_t>(nx + word), 0) {}

std::int32_t RegionLabeller::root(std::int32_t region) {
  while (parents_[static_cast<std::size_t>(region)] != region) {
    auto& parent = parents_[static_cast<std::size_t>(region)];
    parent = parents_[static_cast<std::size_t>(parent)];
    region = parent;
  }
  return region;
}

std::span<const SpeckleRegion> RegionLabeller::label(std::span<const float> map, float threshold) {
  previous_.clear();
  parents_.clear();
  found_.clear();
  regions_.clear();
  for (std::int64_t y = 0; y < ny_; ++y) {
    const float* line = map.data() + y * nx_;
    current_.clear();
    std::size_t above = 0;
    best_kernels().flag_above(line, threshold, static_cast<std::size_t>(nx_), flags_.data());
    for (std::int64_t x = 0; x < nx_; ++x) {
      if (flags_[static_cast<std::size_t>(x)] == 0) {
        std::uint64_t here = 0;
        std::memcpy(&here, flags_.data() + x, sizeof(here));
        if (here == 0) x += word - 1;
        continue;
      }
      Run run{x, x, static_cast<std::int32_t>(parents_.size())};
      SpeckleRegion part{0, line[x], x, y, x == 0 || y == 0 || y == ny_ - 1};
      if (x > 0 && std::isnan(line[x - 1])) part.at_edge = true;
      for (; flags_[static_cast<std::size_t>(x)] != 0; ++x) {
        if (line[x] > part.peak) {
          part.peak = line[x];
          part.peak_x = x;
        }
        const bool beside_missing = (y > 0 && std::isnan(line[x - nx_])) || (y + 1 < ny_ && std::isnan(line[x + nx_]));
        part.at_edge = part.at_edge || beside_missing;
      }
      run.end = x;
      part.pixels = run.end - run.begin;
      part.at_edge = part.at_edge || x == nx_ || std::isnan(line[x]);
      parents_.push_back(run.region);
      found_.push_back(part);
      // Runs of the row above that touch, corners included.
      while (above < previous_.size() && previous_[above].end < run.begin) ++above;
      for (std::size_t other = above; other < previous_.size() && previous_[other].begin <= run.end; ++other) {
        const auto a = root(previous_[other].region);
        const auto b = root(run.region);
        parents_[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
      }
      current_.push_back(run);
    }
    std::swap(previous_, current_);
  }
  for (std::size_t part = 0; part < found_.size(); ++part) {
    const auto whole = static_cast<std::size_t>(root(static_cast<std::int32_t>(part)));
    if (whole == part) continue;
    SpeckleRegion& region = found_[whole];
    region.pixels += found_[part].pixels;
    region.at_edge = region.at_edge || found_[part].at_edge;
    if (found_[part].peak > region.peak) {
      region.peak = found_[part].peak;
      region.peak_x = found_[part].peak_x;
      region.peak_y = found_[part].peak_y;
    }
  }
  for (std::size_t part = 0; part < found_.size(); ++part) {
    if (parents_[part] == static_cast<std::int32_t>(part)) regions_.push_back(found_[part]);
  }
  return regions_;
}

double fitted_width(std::span<const float> map, std::int64_t ny, std::int64_t nx, const SpeckleRegion& region,
                    float background, int reach) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto height = static_cast<double>(region.peak - background);
  if (!(height > 0.0)) return nan;
  // ln(value - b) = c0 + c1 x + c2 y + c3 (x^2 + y^2)
  Eigen::Matrix4d normal = Eigen::Matrix4d::Zero();
  Eigen::Vector4d right = Eigen::Vector4d::Zero();
  int points = 0;
  for (std::int64_t y = std::max<std::int64_t>(0, region.peak_y - reach); y <= std::min(ny - 1, region.peak_y + reach);
       ++y) {
    for (std::int64_t x = std::max<std::int64_t>(0, region.peak_x - reach);
         x <= std::min(nx - 1, region.peak_x + reach); ++x) {
      const auto dx = static_cast<double>(x - region.peak_x);
      const auto dy = static_cast<double>(y - region.peak_y);
      const double squared = dx * dx + dy * dy;
      const auto value = static_cast<double>(map[static_cast<std::size_t>(y * nx + x)] - background);
      if (squared > static_cast<double>(reach * reach) || !(value > 0.5 * height)) continue;
      const Eigen::Vector4d basis(1.0, dx, dy, squared);
      normal += value * value * basis * basis.transpose();
      right += value * value * std::log(value) * basis;
      ++points;
    }
  }
  constexpr int least_points = 6;
  if (points < least_points) return nan;
  const double curvature = normal.ldlt().solve(right)[3];
  return curvature < 0.0 ? 2.0 * std::sqrt(-std::log(2.0) / curvature) : nan;
}

}  // namespace mesoglass::diffraction
