// Dark-field maps: for every k bin and angle the map over the scan of the intensity at (k, phi), divided by all that
// the pattern scatters, so that beam current and most of the thickness drop out. Not by the pattern's own mean at that
// k: that rises where a domain is bright, flattens its speckles and makes them seem wider than they are.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "core/distribution.hpp"
#include "diffraction/aligned_values.hpp"
#include "diffraction/lane_kernels.hpp"
#include "diffraction/polar_sampling.hpp"

namespace mesoglass::diffraction {

// A relative intensity as stored: 16 bits in steps of 1/1024 of the mean from -8 to 56. The rounding adds a white
// variance of 8e-8, far below counting noise. 0 is missing, so that fresh memory is a map without values.
struct StoredIntensity {
  static constexpr float step = 1.0F / 1024.0F;
  static constexpr float zero = 8193.0F;
  static constexpr std::uint16_t missing = 0;
  [[nodiscard]] static float decode(std::uint16_t stored) noexcept {
    return (static_cast<float>(stored) - zero) * step;
  }
  // Cut to the range; missing where `relative` is NaN.
  [[nodiscard]] static std::uint16_t encode(float relative) noexcept {
    const float level = relative / step + (zero + 0.5F);
    if (level != level) return missing;
    constexpr float highest = 65535.0F;
    return static_cast<std::uint16_t>(level < 1.0F ? 1.0F : level > highest ? highest : level);
  }
};

// The maps of one k bin, all rows. Where one rank has all of them, they stay in the stack, which must outlive this.
class BinMaps {
 public:
  BinMaps(int bin, int angles, std::int64_t ny, std::int64_t nx) : bin_(bin), angles_(angles), ny_(ny), nx_(nx) {}
  [[nodiscard]] int bin() const noexcept { return bin_; }
  [[nodiscard]] int angles() const noexcept { return angles_; }
  [[nodiscard]] std::int64_t ny() const noexcept { return ny_; }
  [[nodiscard]] std::int64_t nx() const noexcept { return nx_; }
  // Relative intensities of one angle, (ny, nx), times `factors` where there are some; NaN where missing.
  void copy_map(int angle, std::span<float> map, std::span<const float> factors = {}) const;
  // The row `y` of it, times `factors` of that row.
  void copy_row(int angle, std::int64_t y, std::span<float> row, std::span<const float> factors) const;
  // Mean of the angles that are there; NaN where there is none.
  [[nodiscard]] std::vector<float> mean_over_angles() const;

 private:
  friend class MapStack;
  struct Part {
    Range rows;
    std::size_t offset = 0;  // of (angle 0, first row) in values_
  };
  int bin_;
  int angles_;
  std::int64_t ny_;
  std::int64_t nx_;
  std::vector<Part> parts_;
  std::unique_ptr<std::uint16_t[]> received_;
  const std::uint16_t* values_ = nullptr;
};

// Zeroed memory straight from the system, which takes room only where it is written, in large pages where there are
// some: the stack is written all over, and small pages would cost more than the writing.
class ZeroedMemory {
 public:
  explicit ZeroedMemory(std::size_t values);
  ~ZeroedMemory();
  ZeroedMemory(const ZeroedMemory&) = delete;
  ZeroedMemory& operator=(const ZeroedMemory&) = delete;
  [[nodiscard]] std::uint16_t* data() const noexcept { return values_; }

 private:
  std::size_t bytes_;
  std::uint16_t* values_ = nullptr;
};

// This rank's rows of the maps of a band of k bins, stored [bin][angle][row][x].
class MapStack {
 public:
  // `bins` of `grid`; `rows` are this rank's. `expected`, one a bin of the grid: the intensity that a pattern with a
  // reference of 1 has there on average, which the maps show as 1.
  MapStack(const PolarGrid& grid, Range bins, Range rows, std::int64_t scan_ny, std::int64_t scan_nx,
           std::vector<double> expected);

  // Makes room for patterns of one row at ascending columns, at most the kernels' lanes, with their references. A
  // position that never comes is missing, and one whose reference is not positive.
  void begin(std::int64_t row, std::span<const std::int64_t> columns, std::span<const double> references,
             const LaneKernels& kernels);
  // Their polar values of one bin of the band, [angle][lane].
  void add_bin(int bin, const float* values, const LaneKernels& kernels);
  // Marks what the table misses. Writes are gathered in tiles: call flush() after the last.
  void end(const InterpolationTable& table);
  void flush();

  [[nodiscard]] Range bins() const noexcept { return bins_; }
  // Bytes for one bin of `rows` rows.
  [[nodiscard]] static double bytes_per_bin(const PolarGrid& grid, std::int64_t rows, std::int64_t scan_nx) noexcept;
  // Every rank gets whole maps of one bin: rank p those of bin first + p, nothing where that lies beyond the band.
  // `row_ranges` are all ranks' rows. Collective.
  [[nodiscard]] std::vector<BinMaps> exchange(const Communicator& communicator, int first,
                                              std::span<const Range> row_ranges) const;
  // The same of any bins of the band: rank p gets those of bins[p], nothing where there are fewer. Collective.
  [[nodiscard]] std::vector<BinMaps> exchange(const Communicator& communicator, std::span<const int> bins,
                                              std::span<const Range> row_ranges) const;

  // This rank's rows of one bin as stored, (angle, row, x).
  [[nodiscard]] std::span<std::uint16_t> stored(int bin) noexcept;
  [[nodiscard]] std::span<const std::uint16_t> stored(int bin) const noexcept;
  // Mean over the angles that are there, of this rank's rows; NaN where there is none.
  [[nodiscard]] std::vector<float> ring_means(int bin) const;

 private:
  PolarGrid grid_;
  Range bins_;
  Range rows_;
  std::int64_t scan_ny_;
  std::int64_t scan_nx_;
  std::size_t samples_;  // in the band
  ZeroedMemory values_;
  AlignedValues<std::uint16_t> tile_;  // [sample][pattern], a cache line a sample
  std::vector<std::int64_t> tile_columns_;
  std::vector<double> expected_;
  std::array<double, most_lanes> references_{};
  std::size_t batch_begin_ = 0;  // in the tile
  std::int64_t tile_row_ = -1;
};

}  // namespace mesoglass::diffraction
