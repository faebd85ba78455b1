// The source of all variants of the lane kernels. A variant's file defines MESOGLASS_VARIANT (a namespace),
// MESOGLASS_VARIANT_NAME and MESOGLASS_VARIANT_LANES, is compiled for its instruction set, and includes this. Nothing
// with inline functions is included here: the linker could keep this file's copy of one for the whole program.
#include "diffraction/lane_kernels.hpp"

namespace mesoglass::diffraction::MESOGLASS_VARIANT {

namespace {

constexpr int lanes = MESOGLASS_VARIANT_LANES;
constexpr int group = lane_group;

typedef float Lanes __attribute__((vector_size(4 * lanes)));
typedef float Group __attribute__((vector_size(4 * group)));
typedef double Half __attribute__((vector_size(8 * group / 2)));
typedef float HalfFloats __attribute__((vector_size(4 * group / 2)));
typedef std::int32_t Integers __attribute__((vector_size(4 * lanes)));
typedef std::uint16_t Shorts __attribute__((vector_size(2 * lanes)));

#define MESOGLASS_INLINE inline __attribute__((always_inline))

template <typename Vector, typename Scalar>
MESOGLASS_INLINE Vector load(const Scalar* from) {
  Vector vector;
  __builtin_memcpy(&vector, from, sizeof(Vector));
  return vector;
}
template <typename Vector, typename Scalar>
MESOGLASS_INLINE void store(const Vector& vector, Scalar* to) {
  __builtin_memcpy(to, &vector, sizeof(Vector));
}

MESOGLASS_INLINE Half to_double(const HalfFloats& values) {
#if defined(__AVX__) && __has_builtin(__builtin_ia32_cvtps2pd256)
  return __builtin_ia32_cvtps2pd256(values);  // one instruction, where GCC 12 makes three of what is below
#else
  return __builtin_convertvector(values, Half);
#endif
}
MESOGLASS_INLINE Half low_half(const Group& values) {
  return to_double(__builtin_shufflevector(values, values, 0, 1, 2, 3));
}
MESOGLASS_INLINE Half high_half(const Group& values) {
  return to_double(__builtin_shufflevector(values, values, 4, 5, 6, 7));
}

// rows[i][j] <-> rows[j][i].
MESOGLASS_INLINE void transpose(Group* rows) {
  Group pairs[group];
  for (int i = 0; i < group; i += 2) {
    pairs[i] = __builtin_shufflevector(rows[i], rows[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[i + 1] = __builtin_shufflevector(rows[i], rows[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  Group quads[group];
  for (int i = 0; i < group; i += 4) {
    for (int k = 0; k < 2; ++k) {
      quads[i + 2 * k] = __builtin_shufflevector(pairs[i + k], pairs[i + 2 + k], 0, 1, 8, 9, 4, 5, 12, 13);
      quads[i + 2 * k + 1] = __builtin_shufflevector(pairs[i + k], pairs[i + 2 + k], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int i = 0; i < group / 2; ++i) {
    rows[i] = __builtin_shufflevector(quads[i], quads[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    rows[i + 4] = __builtin_shufflevector(quads[i], quads[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

MESOGLASS_INLINE Group sum_of_rows(const Group* r) {
  return ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
}

MESOGLASS_INLINE void add_to(const Group& values, double* sums) {
  store(load<Half>(sums) + low_half(values), sums);
  store(load<Half>(sums + group / 2) + high_half(values), sums + group / 2);
}

void interleave(const float* const* patterns, std::size_t pixels, float* values, double* sums) {
  const std::size_t whole = pixels / group * group;
  for (int first = 0; first < lanes; first += group) {
    const float* const* source = patterns + first;
    float* target = values + first;
    for (std::size_t pixel = 0; pixel < whole; pixel += group) {
      Group rows[group];
      for (int lane = 0; lane < group; ++lane) rows[lane] = load<Group>(source[lane] + pixel);
      add_to(sum_of_rows(rows), sums + pixel);
      transpose(rows);
      for (int i = 0; i < group; ++i) store(rows[i], target + (pixel + static_cast<std::size_t>(i)) * lanes);
    }
    for (std::size_t pixel = whole; pixel < pixels; ++pixel) {
      float here[group];
      for (int lane = 0; lane < group; ++lane) here[lane] = target[pixel * lanes + lane] = source[lane][pixel];
      sums[pixel] += static_cast<double>(((here[0] + here[1]) + (here[2] + here[3])) +
                                         ((here[4] + here[5]) + (here[6] + here[7])));
    }
  }
}

void interpolate(const float* pattern, std::ptrdiff_t row, const std::int32_t* offsets, const float* weights,
                 std::size_t samples, float* values) {
  for (std::size_t sample = 0; sample < samples; ++sample) {
    const float* upper = pattern + static_cast<std::ptrdiff_t>(offsets[sample]) * lanes;
    const float* lower = upper + row * lanes;
    const float* w = weights + 4 * sample;
    store((load<Lanes>(upper) * w[0] + load<Lanes>(upper + lanes) * w[1]) +
              (load<Lanes>(lower) * w[2] + load<Lanes>(lower + lanes) * w[3]),
          values + sample * lanes);
  }
}

void sum(const float* values, int count, float* sums) {
  Lanes total[4] = {};
  int index = 0;
  for (; index + 4 <= count; index += 4) {
    for (int k = 0; k < 4; ++k) total[k] += load<Lanes>(values + (index + k) * lanes);
  }
  for (; index < count; ++index) total[0] += load<Lanes>(values + index * lanes);
  store((total[0] + total[1]) + (total[2] + total[3]), sums);
}

void multiply(const float* values, int count, const float* matrix, int width, float* result) {
  constexpr int tile = 8;  // sums held in registers
  for (int first = 0; first < width; first += tile) {
    Lanes total[tile] = {};
    for (int j = 0; j < count; ++j) {
      const Lanes value = load<Lanes>(values + static_cast<std::ptrdiff_t>(j) * lanes);
      const float* line = matrix + static_cast<std::ptrdiff_t>(j) * width + first;
#pragma GCC unroll 8
      for (int n = 0; n < tile; ++n) total[n] += value * line[n];
    }
#pragma GCC unroll 8
    for (int n = 0; n < tile; ++n) store(total[n], result + static_cast<std::ptrdiff_t>(first + n) * lanes);
  }
}

// cos(n phi) and sin(n phi) at j and half - j differ by signs that depend only on whether n is even.
MESOGLASS_INLINE void fold(int angles, const float* values, float* even_cosine, float* even_sine, float* odd_cosine,
                           float* odd_sine) {
  const int half = angles / 2;
  const auto at = [&](int j) __attribute__((always_inline)) {
    return load<Lanes>(values + j * lanes);
  };
  const Lanes zero = {};
  store(at(0) + at(half), even_cosine);
  store(at(0) - at(half), odd_cosine);
  store(zero, even_sine);
  store(zero, odd_sine);
  for (int j = 1; j <= angles / 4; ++j) {
    const int to = j * lanes;
    const Lanes even_near = at(j) + at(j + half);
    const Lanes odd_near = at(j) - at(j + half);
    if (2 * j == half) {
      store(even_near, even_cosine + to);
      store(zero, even_sine + to);
      store(zero, odd_cosine + to);
      store(odd_near, odd_sine + to);
      continue;
    }
    const Lanes even_far = at(half - j) + at(angles - j);
    const Lanes odd_far = at(half - j) - at(angles - j);
    store(even_near + even_far, even_cosine + to);
    store(even_near - even_far, even_sine + to);
    store(odd_near - odd_far, odd_cosine + to);
    store(odd_near + odd_far, odd_sine + to);
  }
}

void harmonic_powers(const HarmonicTables& tables, const float* values, float* work, float* powers) {
  const std::ptrdiff_t line = static_cast<std::ptrdiff_t>(tables.folded) * lanes;
  float* folded[4] = {work, work + line, work + 2 * line, work + 3 * line};
  fold(tables.angles, values, folded[0], folded[1], folded[2], folded[3]);
  float* real = work + 4 * line;
  for (int odd = 0; odd < 2; ++odd) {
    const int width = odd == 0 ? tables.even_width : tables.odd_width;
    float* imaginary = real + static_cast<std::ptrdiff_t>(width) * lanes;
    multiply(folded[2 * odd], tables.folded, odd == 0 ? tables.even_cosine : tables.odd_cosine, width, real);
    multiply(folded[2 * odd + 1], tables.folded, odd == 0 ? tables.even_sine : tables.odd_sine, width, imaginary);
    for (int n = odd; n <= tables.angles / 2; n += 2) {
      const Lanes a = load<Lanes>(real + n / 2 * lanes);
      const Lanes b = load<Lanes>(imaginary + n / 2 * lanes);
      store(a * a + b * b, powers + n * lanes);
    }
  }
}

void accumulate(const float* powers, int orders, const float* scale, const float* noise_scale, const float* noise,
                double* sums, double* squares) {
  for (int first = 0; first < lanes; first += group) {
    const Group scaled = load<Group>(scale + first);
    const Group noise_scaled = load<Group>(noise_scale + first);
    for (int n = 0; n < orders; n += group) {
      Group rows[group];
      for (int i = 0; i < group; ++i) {
        rows[i] = load<Group>(powers + (n + i) * lanes + first) * scaled - noise_scaled * noise[n + i];
      }
      transpose(rows);
      add_to(sum_of_rows(rows), sums + n);
      for (int i = 0; i < group; ++i) rows[i] *= rows[i];
      add_to(sum_of_rows(rows), squares + n);
    }
  }
}

void add_products(const float* values, int rows, int columns, float* sums) {
  constexpr int together = 4;
  for (int first = 0; first < lanes; first += group) {
    float* target = sums;
    for (int i = 0; i < rows; ++i) {
      const float* left = values + static_cast<std::ptrdiff_t>(i) * columns * lanes + first;
      for (int j = i; j < rows; j += together) {
        const int count = rows - j < together ? rows - j : together;
        // Beyond the last row its products are worked out again and not kept.
        const float* right[together];
        Group products[together] = {};
        for (int k = 0; k < together; ++k) {
          right[k] = values + static_cast<std::ptrdiff_t>(k < count ? j + k : j) * columns * lanes + first;
        }
        for (int column = 0; column < columns; ++column) {
          const Group one = load<Group>(left + column * lanes);
          for (int k = 0; k < together; ++k) products[k] += one * load<Group>(right[k] + column * lanes);
        }
        for (int k = 0; k < count; ++k, target += group) store(load<Group>(target) + products[k], target);
      }
    }
  }
}

void encode(const float* values, std::size_t samples, const float* scale, const float* offset, const float* lowest,
            std::uint16_t* stored, std::ptrdiff_t stride) {
  const Lanes scaled = load<Lanes>(scale);
  const Lanes zero = load<Lanes>(offset);
  const Lanes low = load<Lanes>(lowest);
  const Lanes high = low * 0.0F + 65535.0F;
  for (std::size_t sample = 0; sample < samples; ++sample) {
    Lanes level = load<Lanes>(values + sample * lanes) * scaled + zero;
    level = level > low ? level : low;
    level = level < high ? level : high;
    const Integers whole = __builtin_convertvector(level, Integers);
    store(__builtin_convertvector(whole, Shorts), stored + static_cast<std::ptrdiff_t>(sample) * stride);
  }
}

double total(const float* values, std::size_t count) {
  constexpr std::size_t step = 4 * group / 2;
  Half sums[4] = {};
  std::size_t index = 0;
  for (; index + step <= count; index += step) {
    for (std::size_t k = 0; k < 4; ++k) {
      sums[k] += to_double(load<HalfFloats>(values + index + k * group / 2));
    }
  }
  double rest = 0.0;
  for (; index < count; ++index) rest += static_cast<double>(values[index]);
  const Half all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  return rest + ((all[0] + all[1]) + (all[2] + all[3]));
}

// ---- Maps: eight positions at once, the rest one by one with the same operations ----

typedef std::int32_t GroupIntegers __attribute__((vector_size(4 * group)));
typedef std::uint32_t GroupCounts __attribute__((vector_size(4 * group)));
typedef std::uint16_t GroupShorts __attribute__((vector_size(2 * group)));
typedef std::int16_t GroupWords __attribute__((vector_size(2 * group)));
typedef std::int8_t GroupBytes __attribute__((vector_size(group)));

constexpr float missing_value = __builtin_nanf("");

// The same bits as another vector.
template <typename To, typename From>
MESOGLASS_INLINE To as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof(To));
  return to;
}

MESOGLASS_INLINE Group masked(const Group& values, const GroupIntegers& mask) {
  return as<Group>(as<GroupIntegers>(values) & mask);
}

// Memory that is read once from end to end is asked for this early: the processor's own prefetching ends with a page.
MESOGLASS_INLINE void read_ahead(const void* from) {
  constexpr std::ptrdiff_t bytes_ahead = 2048;
  __builtin_prefetch(static_cast<const char*>(from) + bytes_ahead);
}

// Calls `many(first)` for whole groups and `one(index)` for what is left.
template <typename Many, typename One>
MESOGLASS_INLINE void over(std::size_t count, Many&& many, One&& one) {
  std::size_t index = 0;
  for (; index + group <= count; index += group) many(index);
  for (; index < count; ++index) one(index);
}

void decode(const std::uint16_t* stored, std::size_t count, float zero, float step, const float* factors,
            float* values) {
  const Group missing = Group{} + missing_value;
  const GroupIntegers missing_bits = as<GroupIntegers>(missing);
  const auto decoded = [&](const std::uint16_t* from) __attribute__((always_inline)) {
    read_ahead(from);
    const GroupIntegers whole = __builtin_convertvector(load<GroupShorts>(from), GroupIntegers);
    const Group level = (__builtin_convertvector(whole, Group) - zero) * step;
    const GroupIntegers absent = whole == 0;
    const GroupIntegers bits = (as<GroupIntegers>(level) & ~absent) | (missing_bits & absent);
    return as<Group>(bits);
  };
  const auto one = [&](std::size_t i) __attribute__((always_inline)) {
    return stored[i] == 0 ? missing_value : (static_cast<float>(stored[i]) - zero) * step;
  };
  if (factors == nullptr) {
    over(
        count, [&](std::size_t i) __attribute__((always_inline)) { store(decoded(stored + i), values + i); },
        [&](std::size_t i) { values[i] = one(i); });
  } else {
    over(
        count,
        [&](std::size_t i)
            __attribute__((always_inline)) { store(decoded(stored + i) * load<Group>(factors + i), values + i); },
        [&](std::size_t i) { values[i] = one(i) * factors[i]; });
  }
}

void add_stored(const std::uint16_t* stored, std::size_t count, std::uint32_t* sums, std::uint32_t* present) {
  over(
      count,
      [&](std::size_t i) __attribute__((always_inline)) {
        read_ahead(stored + i);
        const GroupCounts whole = __builtin_convertvector(load<GroupShorts>(stored + i), GroupCounts);
        store(load<GroupCounts>(sums + i) + whole, sums + i);
        const GroupIntegers there = whole != 0;  // -1 where true
        store(load<GroupCounts>(present + i) - as<GroupCounts>(there), present + i);
      },
      [&](std::size_t i) {
        sums[i] += stored[i];
        present[i] += stored[i] != 0 ? 1U : 0U;
      });
}

// Sums of powers 1 to `powers` of the values that are not NaN and are used, and their number before them.
template <int powers>
MESOGLASS_INLINE void power_sums(const float* values, const float* used, std::size_t count, double* result) {
  constexpr std::size_t piece = 8 * group;  // summed in single precision
  Half sums[powers] = {};
  GroupIntegers present = {};
  std::size_t index = 0;
  for (std::size_t next = 0; index + group <= count; index = next) {
    next = index + piece <= count ? index + piece : count / group * group;
    Group parts[powers] = {};
    for (std::size_t i = index; i < next; i += group) {
      const Group here = load<Group>(values + i);
      GroupIntegers mask = here == here;  // -1 where true
      if (used != nullptr) mask &= load<Group>(used + i) > 0.0F;
      present -= mask;
      const Group kept = masked(here, mask);
      Group power = kept;
      for (int n = 0; n < powers; ++n, power *= kept) parts[n] += power;
    }
    for (int n = 0; n < powers; ++n) sums[n] += low_half(parts[n]) + high_half(parts[n]);
  }
  result[0] = 0.0;
  for (int lane = 0; lane < group; ++lane) result[0] += static_cast<double>(present[lane]);
  for (int n = 0; n < powers; ++n) result[n + 1] = (sums[n][0] + sums[n][1]) + (sums[n][2] + sums[n][3]);
  for (; index < count; ++index) {
    if (values[index] != values[index] || (used != nullptr && !(used[index] > 0.0F))) continue;
    const auto value = static_cast<double>(values[index]);
    double power = 1.0;
    for (int n = 0; n <= powers; ++n, power *= value) result[n] += power;
  }
}

void count_and_sum(const float* values, const float* used, std::size_t count, double* two) {
  power_sums<1>(values, used, count, two);
}

void moments(const float* values, std::size_t count, double* four) {
  power_sums<3>(values, nullptr, count, four);
}

void centre(const float* values, float mean, std::size_t count, float* target) {
  over(
      count,
      [&](std::size_t i) __attribute__((always_inline)) {
        const Group value = load<Group>(values + i) - mean;
        store(masked(value, value == value), target + i);
      },
      [&](std::size_t i) {
        const float value = values[i] - mean;
        target[i] = value == value ? value : 0.0F;
      });
}

void weighted_sum(const float* const* sources, const float* weights, int taps, const float* factors, std::size_t count,
                  float* target) {
  const int middle = taps / 2;
  // `tile` vectors from `index` on: their sums stay in registers.
  const auto many = [&]<std::size_t tile>(std::size_t index) __attribute__((always_inline)) {
    constexpr std::size_t width = lanes;
    Lanes sums[tile];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < tile; ++i) {
      sums[i] = weights[middle] * load<Lanes>(sources[middle] + index + i * width);
    }
    for (int k = 0; k < middle; ++k) {
      const float weight = weights[k];
      const float* left = sources[k] + index;
      const float* right = sources[taps - 1 - k] + index;
#pragma GCC unroll 4
      for (std::size_t i = 0; i < tile; ++i) {
        sums[i] += weight * (load<Lanes>(left + i * width) + load<Lanes>(right + i * width));
      }
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < tile; ++i) {
      if (factors != nullptr) sums[i] *= load<Lanes>(factors + index + i * width);
      store(sums[i], target + index + i * width);
    }
  };
  std::size_t index = 0;
  for (; index + 4 * lanes <= count; index += 4 * lanes) many.template operator()<4>(index);
  for (; index + lanes <= count; index += lanes) many.template operator()<1>(index);
  if (index < count && count >= lanes) {
    many.template operator()<1>(count - lanes);  // some of them a second time
    return;
  }
  for (; index < count; ++index) {
    float sum = weights[middle] * sources[middle][index];
    for (int k = 0; k < middle; ++k) sum += weights[k] * (sources[k][index] + sources[taps - 1 - k][index]);
    target[index] = factors != nullptr ? sum * factors[index] : sum;
  }
}

bool gaps_differ(const float* a, const float* b, std::size_t count) {
  GroupIntegers differ = {};
  bool rest = false;
  over(
      count,
      [&](std::size_t i) __attribute__((always_inline)) {
        const Group left = load<Group>(a + i);
        const Group right = load<Group>(b + i);
        differ |= (left == left) ^ (right == right);
      },
      [&](std::size_t i) { rest |= (a[i] == a[i]) != (b[i] == b[i]); });
  for (int lane = 0; lane < group; ++lane) rest |= differ[lane] != 0;
  return rest;
}

void find_places(const float* values, std::size_t count, float lowest, float scaling, float last, std::int32_t absent,
                 std::int32_t* places) {
  const Lanes top = Lanes{} + last;
  const Integers nowhere = Integers{} + absent;
  std::size_t index = 0;
  for (; index + lanes <= count; index += lanes) {
    const Lanes value = load<Lanes>(values + index);
    Lanes place = (value - lowest) * scaling;
    place = place > 0.0F ? place : Lanes{};  // NaN too
    place = place < top ? place : top;
    const Integers whole = __builtin_convertvector(place, Integers);
    store(value == value ? whole : nowhere, places + index);
  }
  for (; index < count; ++index) {
    float place = (values[index] - lowest) * scaling;
    place = place > 0.0F ? place : 0.0F;
    place = place < last ? place : last;
    places[index] = values[index] == values[index] ? static_cast<std::int32_t>(place) : absent;
  }
}

// Of positive, normal numbers; to 1e-7 of it or of 1.
MESOGLASS_INLINE Group logarithm(const Group& values) {
  constexpr std::int32_t mantissa = (1 << 23) - 1;
  constexpr std::int32_t one = 127 << 23;
  const GroupIntegers bits = as<GroupIntegers>(values);
  const Group number = as<Group>((bits & mantissa) | one);  // 1 to 2
  const GroupIntegers upper = number > 1.5F;                // -1 where true: taken as half, of one power more
  const Group ratio = as<Group>(as<GroupIntegers>(number) + (upper & -(1 << 23)));
  const Group power = __builtin_convertvector(((bits >> 23) - 127) - upper, Group);
  // ln r = 2 artanh((r - 1) / (r + 1)), 3/4 < r <= 3/2
  const Group z = (ratio - 1.0F) / (ratio + 1.0F);
  const Group z2 = z * z;
  const Group series = z2 * (1.0F / 3 + z2 * (1.0F / 5 + z2 * (1.0F / 7 + z2 * (1.0F / 9))));
  return 2.0F * z * (series + 1.0F) + 0.69314718F * power;
}

void fit_sums(const float* values, int positions, const FitTerms* terms, const float* lowest, const float* scaling,
              float* sums) {
  Group points = {}, w_sums[9] = {}, l_sums[4] = {};
  const Group low = load<Group>(lowest), scaled = load<Group>(scaling);
  for (int position = 0; position < positions; ++position) {
    const FitTerms& at = terms[position];
    const Group value = load<Group>(values + position * group);
    const GroupIntegers wanted = value > low;
    const Group ratio = masked(value * scaled, wanted);
    const Group w = ratio * ratio;
    const Group wl = w * masked(logarithm(ratio), wanted);
    points -= __builtin_convertvector(wanted, Group);
    w_sums[0] += w;
    w_sums[1] += w * at.x;
    w_sums[2] += w * at.y;
    w_sums[3] += w * at.xx;
    w_sums[4] += w * at.xy;
    w_sums[5] += w * at.yy;
    w_sums[6] += w * at.xq;
    w_sums[7] += w * at.yq;
    w_sums[8] += w * at.qq;
    l_sums[0] += wl;
    l_sums[1] += wl * at.x;
    l_sums[2] += wl * at.y;
    l_sums[3] += wl * at.q;
  }
  store(points, sums);
  for (int term = 0; term < 9; ++term) store(w_sums[term], sums + (1 + term) * group);
  for (int term = 0; term < 4; ++term) store(l_sums[term], sums + (10 + term) * group);
}

bool flag_above(const float* values, float threshold, std::size_t count, std::uint8_t* flags) {
  GroupIntegers missing = {};
  bool rest = false;
  over(
      count,
      [&](std::size_t i) __attribute__((always_inline)) {
        read_ahead(values + i);
        const Group value = load<Group>(values + i);
        missing |= value != value;
        const GroupIntegers above = value > threshold;
        // In two steps, each of which is one instruction.
        const auto shorts = __builtin_convertvector(above, GroupWords);
        store(__builtin_convertvector(shorts, GroupBytes) & 1, flags + i);
      },
      [&](std::size_t i) {
        rest |= values[i] != values[i];
        flags[i] = values[i] > threshold ? 1 : 0;
      });
  for (int lane = 0; lane < group; ++lane) rest |= missing[lane] != 0;
  return rest;
}

#include "diffraction/lane_transform_body.hpp"

}  // namespace

extern const LaneKernels kernels;
const LaneKernels kernels = {MESOGLASS_VARIANT_NAME,
                             lanes,
                             interleave,
                             interpolate,
                             sum,
                             harmonic_powers,
                             multiply,
                             accumulate,
                             add_products,
                             encode,
                             total,
                             decode,
                             add_stored,
                             count_and_sum,
                             moments,
                             transform,
                             transform_double,
                             pack_lines,
                             turn_lines,
                             add_powers,
                             centre,
                             weighted_sum,
                             gaps_differ,
                             find_places,
                             fit_sums,
                             flag_above};

}  // namespace mesoglass::diffraction::MESOGLASS_VARIANT
