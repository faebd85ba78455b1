// The table of MRO types: peaks of size(k) and of order(k).
#pragma once

#include <span>
#include <vector>

#include "diffraction/type_profiles.hpp"

namespace mesoglass::diffraction {

struct MroType {
  double k_peak = 0.0, k_low = 0.0, k_high = 0.0;  // nm^-1, or pixels without calibration
  // Of this type alone where it was found in separated maps, else as at the peak.
  double size_nm = 0.0, size_error_nm = 0.0;
  double area_fraction = 0.0, area_fraction_error = 0.0;
  double area_fraction_at_peak = 0.0;  // of the maps there, whatever types their speckles belong to
  double order = 0.0, order_error = 0.0;
  bool several = false;  // taken for one type, but wider in k than one, or another row is the same kind's
};

// What the peaks are looked for in, one value a k; NaN = unknown.
struct DescriptorCurves {
  std::span<const double> k;
  std::span<const double> size, size_error;
  std::span<const double> area_fraction, area_fraction_error;
  std::span<const double> order, order_error;
};

// A peak of order(k) or size(k) is a maximum of the curve, smoothed over three bins, that stands above the higher of
// the minima beside it by more than `significance` standard errors and 5 % of the curve's highest value, at a k whose
// order is itself significant; its range is where the curve stays above half of that height. Peaks of the two curves
// whose ranges hold each other's maximum are one type. Size, area fraction and order of a type are the error-weighted
// means over the three bins about its peak. Ordered by k. Pure.
// `separated` gives the size and area fraction of the type that adds most at its k_peak, or the nearer to its middle
// where two peaks are one kind's; a kind that has no peak of its own, hidden beside a stronger one, becomes a type with
// its middle as k_peak and half of its power as the range.
[[nodiscard]] std::vector<MroType> find_mro_types(const DescriptorCurves& curves, double significance,
                                                  std::span<const SeparatedType> separated = {});

// Sets `several` of the types whose k_peak is less than a speckle's width from a kind that is several(), and of those
// that lie so near to a kind together with another type, and neither to a second kind. Pure but for `types`.
void mark_several(std::span<const WideKind> kinds, std::vector<MroType>& types);

}  // namespace mesoglass::diffraction
