// The size of speckles in maps, from the maps' autocorrelation: independent of how many there are.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace mesoglass::diffraction {

// Autocorrelation at one lag vector (columns, rows) of a half plane, mean over pairs of positions and over maps.
struct LagValue {
  int dx = 0;
  int dy = 0;
  double value = 0.0;
  double pairs = 0.0;  // pairs of kept positions
};

struct SpeckleSize {
  double fwhm = 0.0;      // full width at half maximum of the autocorrelation, in scan steps; NaN where there is none
  double variance = 0.0;  // of the maps without noise: the autocorrelation extrapolated to zero lag
  double noise_variance = 0.0;  // the spike at zero lag above that
};

// The radial mean's full width at half maximum. The spike of uncorrelated noise at zero lag is left out: the value
// there is extrapolated from small lags with a + b r^2 + c r^4. The maps' means were taken from the maps themselves,
// which lowers every lag by the variance of the mean; that is put back, assuming no correlation beyond `largest_lag`
// steps. NaN where the half maximum lies beyond the lags or under one step, or where the signal is lost in the scatter.
// Pure; tested against Gaussian and disc speckles.
[[nodiscard]] SpeckleSize speckle_size(std::span<const LagValue> lags, double positions, double largest_lag);

// Sums of the autocorrelations of maps of one shape, in groups, by zero-padded single-precision transforms.
class MapAutocorrelation {
 public:
  // `kept` is one byte a position, 0 = excluded; `groups` sums are kept apart (for the jackknife).
  MapAutocorrelation(std::int64_t ny, std::int64_t nx, int largest_lag, std::span<const std::uint8_t> kept, int groups);
  ~MapAutocorrelation();
  MapAutocorrelation(const MapAutocorrelation&) = delete;
  MapAutocorrelation& operator=(const MapAutocorrelation&) = delete;

  void clear();
  // A map (ny, nx); NaN = missing, counted as the map's mean. False, and nothing added, where more than half of the
  // kept positions are missing.
  bool add(std::span<const float> map, int group);
  struct Added {
    float mean = 0.0F;   // over the kept positions; NaN where the map was not added
    bool whole = false;  // has all positions kept
  };
  // Two maps of a group by one transform, in half of the time of two calls.
  std::array<Added, 2> add_pair(std::span<const float> a, std::span<const float> b, int group);
  // Mean over the maps of all groups except `left_out` (-1 = of all groups). Empty where no map was added.
  [[nodiscard]] std::vector<LagValue> lags(int left_out = -1) const;
  [[nodiscard]] double positions() const noexcept;
  [[nodiscard]] int largest_lag() const noexcept;
  [[nodiscard]] int maps(int group) const noexcept;
  // What an object of this size takes.
  [[nodiscard]] static double bytes(std::int64_t ny, std::int64_t nx, int largest_lag, int groups) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mesoglass::diffraction
