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

namespace {

constexpr auto fit_lanes = static_cast<std::size_t>(lane_group);

}  // namespace

SpeckleFit::SpeckleFit(std::int64_t ny, std::int64_t nx, int reach) : ny_(ny), nx_(nx), reach_(reach) {
  for (int row = -reach; row <= reach; ++row) {
    for (int column = -reach; column <= reach; ++column) {
      const auto x = static_cast<float>(column), y = static_cast<float>(row), q = x * x + y * y;
      if (q > static_cast<float>(reach * reach)) continue;
      terms_.push_back({x, y, q, x * x, x * y, y * y, x * q, y * q, q * q});
      offsets_.push_back(row * nx + column);
    }
  }
  values_.resize(offsets_.size() * fit_lanes);
}

// Positions beyond the map's edge are left at the background, which no fit uses.
void SpeckleFit::gather(std::span<const float> map, const SpeckleRegion& region, float background, std::size_t lane) {
  const float* peak = map.data() + region.peak_y * nx_ + region.peak_x;
  const bool inside = region.peak_x >= reach_ && region.peak_x + reach_ < nx_ && region.peak_y >= reach_ &&
                      region.peak_y + reach_ < ny_;
  for (std::size_t i = 0; i < offsets_.size(); ++i) {
    if (!inside) {
      const std::int64_t x = region.peak_x + static_cast<std::int64_t>(terms_[i].x);
      const std::int64_t y = region.peak_y + static_cast<std::int64_t>(terms_[i].y);
      if (x < 0 || x >= nx_ || y < 0 || y >= ny_) {
        values_[i * fit_lanes + lane] = 0.0F;
        continue;
      }
    }
    values_[i * fit_lanes + lane] = peak[offsets_[i]] - background;
  }
}

std::span<const double> SpeckleFit::widths(std::span<const float> map, std::span<const SpeckleRegion> regions,
                                           float background) {
  constexpr std::size_t lanes = fit_lanes;
  constexpr std::size_t terms = 14;
  constexpr float least_points = 6;
  constexpr float nothing = std::numeric_limits<float>::infinity();
  widths_.assign(regions.size(), std::numeric_limits<double>::quiet_NaN());
  for (std::size_t first = 0; first < regions.size(); first += lanes) {
    const auto here = regions.subspan(first, std::min(lanes, regions.size() - first));
    std::array<float, lanes> lowest, scale;
    lowest.fill(nothing);
    scale.fill(0.0F);
    for (std::size_t lane = 0; lane < here.size(); ++lane) {
      const float height = here[lane].peak - background;
      if (!(height > 0.0F)) continue;
      gather(map, here[lane], background, lane);
      lowest[lane] = 0.5F * height;
      scale[lane] = 1.0F / height;
    }
    // ln((value - b) / height) = c0 + c1 x + c2 y + c3 (x^2 + y^2)
    std::array<float, terms * lanes> sums;
    best_kernels().fit_sums(values_.data(), static_cast<int>(offsets_.size()), terms_.data(), lowest.data(),
                            scale.data(), sums.data());
    for (std::size_t lane = 0; lane < here.size(); ++lane) {
      if (sums[lane] < least_points) continue;
      std::array<double, terms> of_one;
      for (std::size_t term = 0; term < terms; ++term) of_one[term] = static_cast<double>(sums[term * lanes + lane]);
      const auto& [points, w, wx, wy, wxx, wxy, wyy, wxq, wyq, wqq, wl, wlx, wly, wlq] = of_one;
      const double curvature = last_unknown({w, wx, wxx, wy, wxy, wyy, wxx + wyy, wxq, wyq, wqq}, {wl, wlx, wly, wlq});
      if (curvature < 0.0) widths_[first + lane] = 2.0 * std::sqrt(-std::log(2.0) / curvature);
    }
  }
  return widths_;
}

}  // namespace mesoglass::diffraction
