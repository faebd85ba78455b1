#include "diffraction/speckle_regions.hpp"

#include <algorithm>
#include <array>
#include <bit>
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

// Flags looked at together.
constexpr std::int64_t word = 8;

// The first position from `x` on whose flag, 0 or 1, is not that of `same`, eight times the same flag; `end` or beyond
// where there is none before `end`. Reads up to a word beyond `end`.
std::int64_t first_other(const std::uint8_t* flags, std::int64_t x, std::int64_t end, std::uint64_t same) {
  static_assert(std::endian::native == std::endian::little);  // as the kernels' instruction sets are
  for (; x < end; x += word) {
    std::uint64_t here = 0;
    std::memcpy(&here, flags + x, sizeof(here));
    if (here != same) return x + std::countr_zero(here ^ same) / word;
  }
  return x;
}
constexpr std::uint64_t all_below = 0, all_above = 0x0101010101010101;

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

// Of a run that does not touch the map's edge.
bool RegionLabeller::touches_gap(const float* line, const Run& run) const {
  if (std::isnan(line[run.begin - 1]) || std::isnan(line[run.end])) return true;
  for (std::int64_t x = run.begin; x < run.end; ++x) {
    if (std::isnan(line[x - nx_]) || std::isnan(line[x + nx_])) return true;
  }
  return false;
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
    for (std::int64_t x = first_other(flags, 0, nx_, all_below); x < nx_;
         x = first_other(flags, current_.back().end + 1, nx_, all_below)) {
      const Run run{x, first_other(flags, x + 1, nx_, all_above), static_cast<std::int32_t>(parents_.size())};
      SpeckleRegion part{run.end - run.begin, line[x], x, y, x == 0 || run.end == nx_ || y == 0 || y == ny_ - 1};
      for (++x; x < run.end; ++x) {
        if (line[x] > part.peak) {
          part.peak = line[x];
          part.peak_x = x;
        }
      }
      if (gaps && !part.at_edge) part.at_edge = touches_gap(line, run);
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

SpeckleFit::SpeckleFit(std::int64_t ny, std::int64_t nx, int reach)
    : ny_(ny), nx_(nx), reach_(reach), width_((2 * reach + lane_group) / lane_group * lane_group) {
  for (std::int64_t y = -reach_; y <= reach_; ++y) {
    for (std::int64_t x = -reach_; x < width_ - reach_; ++x) {
      inside_.push_back(x * x + y * y <= reach_ * reach_ ? 1.0F : 0.0F);
    }
  }
  patch_.resize(inside_.size());
}

double SpeckleFit::width(std::span<const float> map, const SpeckleRegion& region, float background) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const float height = region.peak - background;
  if (!(height > 0.0F)) return nan;
  const std::int64_t left = region.peak_x - reach_, top = region.peak_y - reach_, lines = 2 * reach_ + 1;
  const bool cut = left < 0 || left + width_ > nx_ || top < 0 || top + lines > ny_;
  if (cut) {
    for (std::int64_t y = 0; y < lines; ++y) {
      for (std::int64_t x = 0; x < width_; ++x) {
        const bool there = left + x >= 0 && left + x < nx_ && top + y >= 0 && top + y < ny_;
        patch_[static_cast<std::size_t>(y * width_ + x)] =
            there ? map[static_cast<std::size_t>((top + y) * nx_ + left + x)] : background;
      }
    }
  }
  const float* peak = cut ? patch_.data() + reach_ * width_ + reach_ : map.data() + region.peak_y * nx_ + region.peak_x;
  // ln((value - b) / height) = c0 + c1 x + c2 y + c3 (x^2 + y^2)
  constexpr int least_points = 6;
  std::array<float, 16> found;
  if (best_kernels().fit_sums(peak, cut ? width_ : nx_, static_cast<int>(reach_), inside_.data(), background,
                              0.5F * height, 1.0F / height, least_points, found.data()) < least_points) {
    return nan;
  }
  std::array<double, 13> sums;
  std::copy_n(found.begin(), sums.size(), sums.begin());
  const auto& [w, wx, wy, wxx, wxy, wyy, wxq, wyq, wqq, wl, wlx, wly, wlq] = sums;
  const double curvature = last_unknown({w, wx, wxx, wy, wxy, wyy, wxx + wyy, wxq, wyq, wqq}, {wl, wlx, wly, wlq});
  return curvature < 0.0 ? 2.0 * std::sqrt(-std::log(2.0) / curvature) : nan;
}

}  // namespace mesoglass::diffraction
