// Bins of thickness, told apart by transmittance: the later averages are given for each of them.
#pragma once

#include <cstdint>
#include <vector>

namespace mesoglass::diffraction {

// Ordered from thick (little transmitted) to thin. Patterns beyond the outer edges belong to the outermost bins.
struct ThicknessBins {
  std::vector<double> edges;  // between neighbouring bins, in transmittance, ascending; empty = one bin

  [[nodiscard]] int count() const noexcept { return static_cast<int>(edges.size()) + 1; }
  // Bin of a pattern; 0 for NaN (no disc, so one bin).
  [[nodiscard]] int bin_of(double transmittance) const noexcept;
};

// Edges that put equal numbers of the given transmittances into each of `wanted` bins. Equal or non-finite values are
// not told apart, so there may be fewer bins. Pure.
[[nodiscard]] ThicknessBins equal_thickness_bins(std::vector<double> transmittances, int wanted);

// t / lambda = -ln T. NaN where T is not positive. Pure.
[[nodiscard]] double thickness_in_mean_free_paths(double transmittance) noexcept;

}  // namespace mesoglass::diffraction
