// The inner loops of the pattern pass, over several patterns at once: values are laid out [item][lane], one lane a
// pattern; and those of the maps. Compiled once for every instruction set; the widest that the processor has is taken
// when the program runs. All variants do the same operations in the same order and give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mesoglass::diffraction {

// Sums over lanes are taken in groups of this many, so that they do not depend on how many lanes a variant has.
inline constexpr int lane_group = 8;
inline constexpr int most_lanes = 16;

// The cosines and sines of a doubly folded transform, as the kernels want them: see HarmonicPowers.
struct HarmonicTables {
  int angles = 0;
  int folded = 0;      // angles / 4 + 1 values are left after folding
  int even_width = 0;  // number of even n, rounded up to a multiple of 8
  int odd_width = 0;
  const float* even_cosine = nullptr;  // (folded, width)
  const float* even_sine = nullptr;
  const float* odd_cosine = nullptr;
  const float* odd_sine = nullptr;
  // Floats that the kernel needs for its own use: four folded lines and four transformed ones.
  [[nodiscard]] std::size_t work_values(int lanes) const noexcept {
    return (4 * static_cast<std::size_t>(folded) + 2 * static_cast<std::size_t>(even_width + odd_width)) *
           static_cast<std::size_t>(lanes);
  }
};

struct LaneKernels {
  const char* name;  // "AVX2"
  int lanes;         // patterns at once, a multiple of lane_group

  // lanes[pixel][lane] = patterns[lane][pixel]; sums[pixel] += all lanes. Lanes without a pattern point at zeros.
  void (*interleave)(const float* const* patterns, std::size_t pixels, float* lanes, double* sums);
  // values[sample][lane], bilinear: four weights a sample for the pixels at offset, offset + 1, offset + row,
  // offset + row + 1.
  void (*interpolate)(const float* lanes, std::ptrdiff_t row, const std::int32_t* offsets, const float* weights,
                      std::size_t samples, float* values);
  // sums[lane] of `count` values.
  void (*sum)(const float* values, int count, float* sums);
  // powers[n][lane] = |sum_j values[j] exp(-2 pi i n j / angles)|^2, n = 0 ... angles / 2. `work` has work_values().
  void (*harmonic_powers)(const HarmonicTables& tables, const float* values, float* work, float* powers);
  // result[n][lane] = sum_m matrix[m * width + n] values[m][lane], m < count, n < width; width a multiple of 8.
  void (*multiply)(const float* values, int count, const float* matrix, int width, float* result);
  // With v[n][lane] = powers[n][lane] scale[lane] - noise_scale[lane] noise[n]: sums[n] += v, squares[n] += v^2, both
  // over the lanes, for n < orders, a multiple of 8.
  void (*accumulate)(const float* powers, int orders, const float* scale, const float* noise_scale, const float* noise,
                     double* sums, double* squares);
  // stored[sample * stride + lane] = values * scale + offset, cut to [lowest, 65535] and rounded down.
  void (*encode)(const float* values, std::size_t samples, const float* scale, const float* offset, const float* lowest,
                 std::uint16_t* stored, std::ptrdiff_t stride);
  // Sum of one pattern in double precision (not over lanes); NaN or infinite where a value is.
  double (*total)(const float* values, std::size_t count);

  // For maps over the scan, one map at a time; NaN = missing.
  // values[i] = (stored[i] - zero) * step * factors[i], NaN where stored is 0; `factors` may be null (all 1).
  void (*decode)(const std::uint16_t* stored, std::size_t count, float zero, float step, const float* factors,
                 float* values);
  // sums[i] += stored[i], present[i] += 1 where stored is not 0.
  void (*add_stored)(const std::uint16_t* stored, std::size_t count, std::uint32_t* sums, std::uint32_t* present);
  // Number, sum, sum of squares and of cubes of the values that are not NaN, and whose `used` is positive where that is
  // not null. In double precision.
  void (*moments)(const float* values, const float* used, std::size_t count, double* four);
  // packed[2 i] = a[i] - mean_a, packed[2 i + 1] = b[i] - mean_b; 0 where missing or not used. `used` may be null.
  void (*pack_pair)(const float* a, const float* b, float mean_a, float mean_b, const float* used, std::size_t count,
                    float* packed);
  // sums[i] += |spectrum[i]|^2 of `count` complex numbers.
  void (*add_powers)(const float* spectrum, std::size_t count, double* sums);
  // target[i] = values[i] - mean, 0 where missing.
  void (*centre)(const float* values, float mean, std::size_t count, float* target);
  // target[i] = sum over k < taps of weights[k] * source[i + k * step].
  void (*weighted_sum)(const float* source, std::ptrdiff_t step, const float* weights, int taps, std::size_t count,
                       float* target);
  // values[i] *= factors[i].
  void (*scale)(const float* factors, std::size_t count, float* values);
  // True where a value is NaN in one of the two and not in the other.
  bool (*gaps_differ)(const float* a, const float* b, std::size_t count);
  // places[i] = (values[i] - lowest) * scale, rounded down and cut to [0, last]; -1 where missing.
  void (*find_places)(const float* values, std::size_t count, float lowest, float scale, float last,
                      std::int32_t* places);
  // flags[i] = 1 where values[i] > threshold, else 0.
  void (*flag_above)(const float* values, float threshold, std::size_t count, std::uint8_t* flags);
};

// What this processor can run, the widest first; the last is portable.
[[nodiscard]] std::span<const LaneKernels* const> available_kernels() noexcept;
// The first of them.
[[nodiscard]] const LaneKernels& best_kernels() noexcept;

}  // namespace mesoglass::diffraction
