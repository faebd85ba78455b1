// Gaussian smoothing of maps over the scan.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace mesoglass::diffraction {

// Of maps (ny, nx) of floats, rows one after the other. NaN and positions not kept take no part, and stay NaN. Keeps
// its memory between maps. Nothing here is collective.
class MapSmoother {
 public:
  // Fills the row `y` of a map; NaN where a position is not kept.
  using RowSource = std::function<void(std::int64_t y, std::span<float> row)>;
  using RowAction = std::function<void(std::span<const float> row)>;

  // `sigma` in steps. `kept`, one byte a position, says which positions maps usually have; empty = all.
  MapSmoother(std::int64_t ny, std::int64_t nx, double sigma, std::span<const std::uint8_t> kept = {});
  void set_sigma(double sigma);
  // In place. `mean` is subtracted first.
  void smooth(std::span<float> map, float mean = 0.0F);
  // A map that has all positions kept, from its rows to `result`; then `action` on every row of that while it is still
  // in the fastest cache.
  void smooth_whole(const RowSource& source, float mean, std::span<float> result, const RowAction& action);
  // Sums of the squares and cubes of a value's weights, away from edges: what becomes of white noise's variance and
  // third cumulant.
  [[nodiscard]] double noise_squares() const noexcept { return noise_squares_; }
  [[nodiscard]] double noise_cubes() const noexcept { return noise_cubes_; }

 private:
  // Writes the rows that `row(y)`, asked for in order, points at, less `mean`, smoothed and times `factors`, where
  // there are some, to `result`, which may be where they come from.
  template <typename Row>
  void convolve(const Row& row, float mean, std::span<const float> factors, std::span<float> result,
                const RowAction& action);
  // 1 / sum of the weights of the positions that this map has, NaN at those that it has not.
  [[nodiscard]] std::vector<float> weights_for(std::span<const float> map);
  std::int64_t ny_;
  std::int64_t nx_;
  std::vector<float> kernel_;
  double noise_squares_ = 1.0;
  double noise_cubes_ = 1.0;
  std::vector<float> kept_weights_;   // for maps that have all positions kept
  std::vector<float> other_weights_;  // for the last map that had not
  std::vector<float> lines_;          // some of the map with its gaps zero, and one of zeros
  std::vector<float> line_;           // one smoothed along the columns, with zeros on both sides
  std::vector<float> row_;            // as a source gives it
};

}  // namespace mesoglass::diffraction
