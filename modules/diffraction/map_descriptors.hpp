// Speckle size and area fraction of the maps of one k.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "diffraction/aligned_values.hpp"
#include "diffraction/area_fraction.hpp"
#include "diffraction/map_autocorrelation.hpp"
#include "diffraction/map_smoother.hpp"
#include "diffraction/map_stack.hpp"
#include "diffraction/speckle_regions.hpp"

namespace mesoglass::diffraction {

// Regions' equivalent diameters are counted in bins of half a scan step; the last holds all larger ones.
inline constexpr int diameter_bins = 64;
inline constexpr double diameter_bin_steps = 0.5;

// Lengths in scan steps, the probe not taken out; NaN where not found.
struct MapDescriptors {
  double size = 0.0;  // FWHM of the autocorrelation / sqrt 2
  double size_error = 0.0;
  double area_fraction = 0.0;
  double area_fraction_error = 0.0;
  double background = 0.0;  // of the relative intensity, where no speckle shows
  double variance = 0.0;    // of the relative intensity, noise removed
  double noise_variance = 0.0;
  double share_above = 0.0;      // of the smoothed maps above the threshold: area fraction before any model
  double null_share = 0.0;       // the same of maps whose angles were shuffled
  double region_diameter = 0.0;  // median equivalent diameter of the regions above the threshold, smoothing removed
  double region_diameter_error = 0.0;
  double null_region_diameter = 0.0;  // of shuffled maps
  double fit_width = 0.0;             // median full width at half maximum of the speckles' Gaussians, smoothing removed
  double fit_width_error = 0.0;
  double null_fit_width = 0.0;
  std::array<double, diameter_bins> region_diameters{};  // regions a bin, over all angles
};

// Angles fall into groups of neighbours together with their Friedel opposites: what one group sees is nearly
// independent of the others, and the errors come from leaving out one group at a time.
inline constexpr int angle_groups = 9;
[[nodiscard]] inline int angle_group(int angle, int angles) noexcept {
  const int half = angles / 2;
  return (angle % half) * angle_groups / half;
}

// How much of MapDescriptors is wanted: sizes and area fractions alone, or also what single speckles and the null model
// tell, which takes more time and is NaN else.
enum class MapDetail { area, speckles };

// Measures the maps of one bin after another, all of one scan. Keeps its memory between bins.
class MapDescriber {
 public:
  // `kept` is one byte a position; what a map shows where it is 0 is left out. `largest_lag` of the autocorrelation in
  // steps.
  MapDescriber(std::int64_t ny, std::int64_t nx, int angles, int largest_lag, std::span<const std::uint8_t> kept);
  // `most_false`: see choose_area_threshold.
  [[nodiscard]] MapDescriptors describe(const BinMaps& maps, double most_false, MapDetail detail = MapDetail::speckles);
  // What an object of this size takes.
  [[nodiscard]] static double bytes(std::int64_t ny, std::int64_t nx, int angles, int largest_lag) noexcept;

 private:
  // What tells single speckles from their surroundings in the smoothed maps.
  struct Level {
    float background = 0.0F, threshold = 0.0F;
    double smoothing_sigma = 0.0;  // steps
  };
  // The steps of describe(). The first leaves in `added_` which maps take part; the second gives no level where they
  // show nothing, else leaves them smoothed.
  void measure_size(const BinMaps& maps, std::span<const float> factors, MapDetail detail, MapDescriptors& result);
  [[nodiscard]] std::optional<Level> measure_area(const BinMaps& maps, std::span<const float> factors,
                                                  double most_false, MapDescriptors& result);
  void measure_speckles(const Level& level, MapDescriptors& result);
  [[nodiscard]] std::span<float> smoothed_of(int angle) {
    return std::span<float>(smoothed_).subspan(static_cast<std::size_t>(angle) * positions_, positions_);
  }
  [[nodiscard]] std::vector<float> levelling_factors(const BinMaps& maps);
  void draw_null_angles(int bin);
  void add_to_null_maps(int angle, std::span<const float> map);
  void make_null_map(int index, std::span<float> map) const;
  std::int64_t ny_, nx_;
  int angles_;
  std::size_t positions_;
  std::vector<std::uint8_t> kept_;
  MapAutocorrelation correlation_;
  MapSmoother slow_;  // over what single domains do not show
  MapSmoother smoother_;
  RegionLabeller labeller_;
  std::vector<MapAutocorrelation::Added> added_;  // an angle
  AlignedValues<float> pair_;                     // two maps, levelled
  AlignedValues<float> smoothed_;                 // (angle, position)
  // The null model: every position of a map begins at an angle drawn at random, and no two of the maps show it the same
  // angle, so that the values stay and what neighbours have in common goes.
  AlignedValues<float> null_values_;        // (map, place in null_order_)
  std::vector<std::uint32_t> null_order_;   // positions by the angle they begin at
  std::vector<std::uint32_t> null_starts_;  // of each angle in that order, and the end
};

}  // namespace mesoglass::diffraction
