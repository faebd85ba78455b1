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

// A Fourier transform of `length` = the product of its steps' radices (2 to 6, 8, 9 or 10), at least two steps: see
// MapTransform.
template <typename Scalar>
struct TransformSteps {
  int length = 0;
  int count = 0;
  const int* radices = nullptr;
  // Of every step but the last exp(-2 pi i p k / (radix rest)) as real and imaginary part, p < rest, 0 < k < radix.
  const Scalar* twiddles = nullptr;
};

// Of a position at (x, y) from a speckle's peak, q = x^2 + y^2.
struct FitTerms {
  float x = 0.0F, y = 0.0F, q = 0.0F, xx = 0.0F, xy = 0.0F, yy = 0.0F, xq = 0.0F, yq = 0.0F, qq = 0.0F;
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
  // sums[pair][lane of a group] += sum over columns of values[i][column][lane] values[j][column][lane], over the groups
  // of lanes; pairs i <= j < rows in the order (0, 0), (0, 1), ... (1, 1), ...
  void (*add_products)(const float* values, int rows, int columns, float* sums);
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
  // Number and sum of the values that are not NaN, and whose `used` is positive where that is not null.
  void (*count_and_sum)(const float* values, const float* used, std::size_t count, double* two);
  // Number, sum, sum of squares and of cubes of the values that are not NaN. Of both, eight numbers at a time are added
  // in single precision.
  void (*moments)(const float* values, std::size_t count, double* four);
  // Fourier transforms of eight lines at once (four in double precision), not normalised, exp(-2 pi i ...). Numbers are
  // stored [element][real lanes, imaginary lanes]; those of `from` from `present` on are taken as zero and not read.
  // The result is in one of the two work arrays, as large as a result each, neither of which is `from`.
  const float* (*transform)(const TransformSteps<float>& steps, const float* from, std::ptrdiff_t present,
                            float* work_a, float* work_b);
  const double* (*transform_double)(const TransformSteps<double>& steps, const double* from, std::ptrdiff_t present,
                                    double* work_a, double* work_b);
  // `lines` <= 8 lines of `count` values, `stride` apart, of two maps to what `transform` reads: the first less its
  // mean to the real, the second (may be null) to the imaginary parts; 0 where missing or not used (`used` may be
  // null).
  void (*pack_lines)(const float* a, const float* b, float mean_a, float mean_b, const float* used,
                     std::ptrdiff_t stride, int lines, std::size_t count, float* packed);
  // The first `count` transformed lines to blocks of eight columns, [block][line][real columns, imaginary columns], a
  // block every `stride` floats: lanes are columns then.
  void (*turn_lines)(const float* lines, std::size_t columns, int count, float* blocks, std::ptrdiff_t stride);
  // sums[i][lane] += |z|^2 of the numbers z that `transform` gives.
  void (*add_powers)(const TransformSteps<float>& steps, const float* from, std::ptrdiff_t present, float* work_a,
                     float* work_b, double* sums);
  // target[i] = values[i] - mean, 0 where missing.
  void (*centre)(const float* values, float mean, std::size_t count, float* target);
  // With an odd number of symmetric weights, of which the first half and the middle one are read:
  // target[i] = sum over k < taps of weights[k] * sources[k][i], times factors[i] where that is not null.
  void (*weighted_sum)(const float* const* sources, const float* weights, int taps, const float* factors,
                       std::size_t count, float* target);
  // True where a value is NaN in one of the two and not in the other.
  bool (*gaps_differ)(const float* a, const float* b, std::size_t count);
  // places[i] = (values[i] - lowest) * scale, rounded down and cut to [0, last]; `absent` where missing.
  void (*find_places)(const float* values, std::size_t count, float lowest, float scale, float last,
                      std::int32_t absent, std::int32_t* places);
  // Sums for the fits of Gaussians to eight speckles at once, over their values that are above `lowest` > 0, as
  // values[position][speckle]: sums[0 ... 13][speckle] of 1, w, w x, w y, w x x, w x y, w y y, w x q, w y q, w q q, w
  // l, w l x, w l y, w l q with l = ln r (to 1e-7) and w = r^2 for r = value scale.
  void (*fit_sums)(const float* values, int positions, const FitTerms* terms, const float* lowest, const float* scale,
                   float* sums);
  // flags[i] = 1 where values[i] > threshold, else 0. True where a value is missing.
  bool (*flag_above)(const float* values, float threshold, std::size_t count, std::uint8_t* flags);
};

// What this processor can run, the widest first; the last is portable.
[[nodiscard]] std::span<const LaneKernels* const> available_kernels() noexcept;
// The first of them.
[[nodiscard]] const LaneKernels& best_kernels() noexcept;

}  // namespace mesoglass::diffraction
