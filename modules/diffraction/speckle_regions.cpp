#include "diffraction/speckle_regions.hpp"

#include <algorithm>
#include <array>
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
    : ny_(ny), nx_(nx), flags_(static_cast<std::size_t>(ny * (nx + word)), 0) {}

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
  bool gaps = false;
  for (std::int64_t y = 0; y < ny_; ++y) {
    gaps |= best_kernels().flag_above(map.data() + y * nx_, threshold, static_cast<std::size_t>(nx_),
                                      flags_.data() + y * (nx_ + word));
  }
  for (std::int64_t y = 0; y < ny_; ++y) {
    const float* line = map.data() + y * nx_;
    const std::uint8_t* flags = flags_.data() + y * (nx_ + word);
    current_.clear();
    std::size_t above = 0;
    for (std::int64_t x = 0; x < nx_; ++x) {
      if (flags[x] == 0) {
        std::uint64_t here = 0;
        std::memcpy(&here, flags + x, sizeof(here));
        if (here == 0) x += word - 1;
        continue;
      }
      Run run{x, x, static_cast<std::int32_t>(parents_.size())};
      SpeckleRegion part{0, line[x], x, y, x == 0 || y == 0 || y == ny_ - 1};
      if (x > 0 && std::isnan(line[x - 1])) part.at_edge = true;
      for (; flags[x] != 0; ++x) {
        if (line[x] > part.peak) {
          part.peak = line[x];
          part.peak_x = x;
        }
        if (!gaps) continue;
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

namespace {

// The last unknown of four equations with a matrix of squares, given as its lower triangle row by row. Unknowns that
// the others decide (all points on a line) are taken as 0.
double last_unknown(std::array<double, 10> lower, std::array<double, 4> right) {
  const auto at = [&](std::size_t row, std::size_t column) -> double& { return lower[row * (row + 1) / 2 + column]; };
  constexpr double negligible = 1e-12;
  const std::array<double, 4> diagonal = {at(0, 0), at(1, 1), at(2, 2), at(3, 3)};
  for (std::size_t pivot = 0; pivot < 3; ++pivot) {
    if (!(at(pivot, pivot) > negligible * diagonal[pivot])) continue;
    for (std::size_t row = 3; row > pivot; --row) {
      const double factor = at(row, pivot) / at(pivot, pivot);
      for (std::size_t column = pivot + 1; column <= row; ++column) at(row, column) -= factor * at(column, pivot);
      right[row] -= factor * right[pivot];
    }
  }
  return at(3, 3) > negligible * diagonal[3] ? right[3] / at(3, 3) : 0.0;
}

}  // namespace

namespace {

constexpr std::size_t step = 4;  // points that the kernel takes at once

}  // namespace

SpeckleFit::SpeckleFit(std::int64_t ny, std::int64_t nx, int reach) : ny_(ny), nx_(nx), reach_(reach) {
  for (int y = -reach; y <= reach; ++y) {
    for (int x = -reach; x <= reach; ++x) {
      if (x * x + y * y > reach * reach) continue;
      x_.push_back(x);
      y_.push_back(y);
      offsets_.push_back(y * nx + x);
    }
  }
  values_.resize(offsets_.size() + step);
  used_x_.resize(values_.size());
  used_y_.resize(values_.size());
}

double SpeckleFit::width(std::span<const float> map, const SpeckleRegion& region, float background) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const float height = region.peak - background;
  if (!(height > 0.0F)) return nan;
  const std::int64_t place = region.peak_y * nx_ + region.peak_x;
  const bool inside = region.peak_x >= reach_ && region.peak_x + reach_ < nx_ && region.peak_y >= reach_ &&
                      region.peak_y + reach_ < ny_;
  const float lowest = 0.5F * height;
  std::size_t points = 0;
  for (std::size_t i = 0; i < offsets_.size(); ++i) {
    if (!inside) {
      const std::int64_t x = region.peak_x + static_cast<std::int64_t>(x_[i]);
      const std::int64_t y = region.peak_y + static_cast<std::int64_t>(y_[i]);
      if (x < 0 || x >= nx_ || y < 0 || y >= ny_) continue;
    }
    // Written in any case, counted only where it is wanted: faster than to jump.
    values_[points] = map[static_cast<std::size_t>(place + offsets_[i])] - background;
    used_x_[points] = x_[i];
    used_y_[points] = y_[i];
    points += values_[points] > lowest ? 1 : 0;
  }
  constexpr std::size_t least_points = 6;
  if (points < least_points) return nan;
  for (; points % step != 0; ++points) values_[points] = 0.0F;
  // ln((value - b) / height) = c0 + c1 x + c2 y + c3 (x^2 + y^2)
  std::array<double, 13> sums;
  best_kernels().fit_sums(values_.data(), used_x_.data(), used_y_.data(), static_cast<int>(points), lowest,
                          1.0 / static_cast<double>(height), sums.data());
  const auto& [w, wx, wy, wxx, wxy, wyy, wxq, wyq, wqq, wl, wlx, wly, wlq] = sums;
  const double curvature = last_unknown({w, wx, wxx, wy, wxy, wyy, wxx + wyy, wxq, wyq, wqq}, {wl, wlx, wly, wlq});
  return curvature < 0.0 ? 2.0 * std::sqrt(-std::log(2.0) / curvature) : nan;
}

}  // namespace mesoglass::diffraction
