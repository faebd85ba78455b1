// Part of lane_kernels_body.hpp: Fourier transforms of several lines at once, one lane a line.

// A Stockham transform: every step reads all of one array and writes all of another, in an order that leaves the result
// sorted. Complex numbers are stored [element][real lanes, imaginary lanes].
template <typename Vector, typename Scalar>
struct Transform {
  static constexpr std::ptrdiff_t width = sizeof(Vector) / sizeof(Scalar);

  struct Complex {
    Vector re, im;
  };
  static MESOGLASS_INLINE Complex at(const Scalar* from, std::ptrdiff_t index) {
    return {load<Vector>(from + 2 * width * index), load<Vector>(from + 2 * width * index + width)};
  }
  static MESOGLASS_INLINE void put(const Complex& value, Scalar* to, std::ptrdiff_t index) {
    store(value.re, to + 2 * width * index);
    store(value.im, to + 2 * width * index + width);
  }
  static MESOGLASS_INLINE Complex plus(const Complex& a, const Complex& b) { return {a.re + b.re, a.im + b.im}; }
  static MESOGLASS_INLINE Complex minus(const Complex& a, const Complex& b) { return {a.re - b.re, a.im - b.im}; }
  static MESOGLASS_INLINE Complex times(const Complex& a, Scalar factor) { return {a.re * factor, a.im * factor}; }
  // a - i b and a + i b
  static MESOGLASS_INLINE Complex minus_i(const Complex& a, const Complex& b) { return {a.re + b.im, a.im - b.re}; }
  static MESOGLASS_INLINE Complex plus_i(const Complex& a, const Complex& b) { return {a.re - b.im, a.im + b.re}; }

  // The transforms of 2 to 5 numbers, exp(-2 pi i n j / radix).
  template <int radix>
  static MESOGLASS_INLINE void small(Complex* a) {
    if constexpr (radix == 2) {
      const Complex sum = plus(a[0], a[1]);
      a[1] = minus(a[0], a[1]);
      a[0] = sum;
    } else if constexpr (radix == 3) {
      constexpr auto sine = static_cast<Scalar>(0.86602540378443864676);
      const Complex sum = plus(a[1], a[2]);
      const Complex difference = times(minus(a[1], a[2]), sine);
      const Complex rest = minus(a[0], times(sum, static_cast<Scalar>(0.5)));
      a[0] = plus(a[0], sum);
      a[1] = minus_i(rest, difference);
      a[2] = plus_i(rest, difference);
    } else if constexpr (radix == 4) {
      const Complex even_sum = plus(a[0], a[2]);
      const Complex even_difference = minus(a[0], a[2]);
      const Complex odd_sum = plus(a[1], a[3]);
      const Complex odd_difference = minus(a[1], a[3]);
      a[0] = plus(even_sum, odd_sum);
      a[1] = minus_i(even_difference, odd_difference);
      a[2] = minus(even_sum, odd_sum);
      a[3] = plus_i(even_difference, odd_difference);
    } else {
      static_assert(radix == 5);
      constexpr auto cosine_1 = static_cast<Scalar>(0.30901699437494742410);
      constexpr auto cosine_2 = static_cast<Scalar>(-0.80901699437494742410);
      constexpr auto sine_1 = static_cast<Scalar>(0.95105651629515357212);
      constexpr auto sine_2 = static_cast<Scalar>(0.58778525229247312917);
      const Complex outer = plus(a[1], a[4]);
      const Complex inner = plus(a[2], a[3]);
      const Complex outer_difference = minus(a[1], a[4]);
      const Complex inner_difference = minus(a[2], a[3]);
      const Complex real_1 = plus(a[0], plus(times(outer, cosine_1), times(inner, cosine_2)));
      const Complex real_2 = plus(a[0], plus(times(outer, cosine_2), times(inner, cosine_1)));
      const Complex imaginary_1 = plus(times(outer_difference, sine_1), times(inner_difference, sine_2));
      const Complex imaginary_2 = minus(times(outer_difference, sine_2), times(inner_difference, sine_1));
      a[0] = plus(a[0], plus(outer, inner));
      a[1] = minus_i(real_1, imaginary_1);
      a[2] = minus_i(real_2, imaginary_2);
      a[3] = plus_i(real_2, imaginary_2);
      a[4] = plus_i(real_1, imaginary_1);
    }
  }

  // One step: transforms of `done` numbers become such of `radix` times as many, `rest` of each are left to do.
  // Elements from `present` on are zero, which only a first step needs to know (`done` is 1 there; `rest` is 1 in a
  // last one).
  template <int radix, bool first, bool last>
  static MESOGLASS_INLINE void step_of(const Scalar* from, Scalar* to, std::ptrdiff_t rest, std::ptrdiff_t done,
                                       const Scalar* twiddles, std::ptrdiff_t present) {
    for (std::ptrdiff_t p = 0; p < rest; ++p) {
      const Scalar* w = twiddles + 2 * (radix - 1) * p;
      for (std::ptrdiff_t q = 0; q < done; ++q) {
        Complex a[radix];
#pragma GCC unroll 5
        for (int k = 0; k < radix; ++k) {
          const std::ptrdiff_t index = q + done * (p + rest * k);
          a[k] = !first || index < present ? at(from, index) : Complex{};
        }
        small<radix>(a);
        put(a[0], to, q + done * radix * p);
#pragma GCC unroll 4
        for (int k = 1; k < radix; ++k) {
          if constexpr (!last) {
            const Scalar re = w[2 * (k - 1)];
            const Scalar im = w[2 * (k - 1) + 1];
            a[k] = {a[k].re * re - a[k].im * im, a[k].re * im + a[k].im * re};
          }
          put(a[k], to, q + done * (radix * p + k));
        }
      }
    }
  }

  template <bool first, bool last>
  static MESOGLASS_INLINE void step(int radix, const Scalar* from, Scalar* to, std::ptrdiff_t rest, std::ptrdiff_t done,
                                    const Scalar* twiddles, std::ptrdiff_t present) {
    if (radix == 2) {
      step_of<2, first, last>(from, to, rest, done, twiddles, present);
    } else if (radix == 3) {
      step_of<3, first, last>(from, to, rest, done, twiddles, present);
    } else if (radix == 4) {
      step_of<4, first, last>(from, to, rest, done, twiddles, present);
    } else {
      step_of<5, first, last>(from, to, rest, done, twiddles, present);
    }
  }

  static const Scalar* run(const TransformSteps<Scalar>& steps, const Scalar* from, std::ptrdiff_t present,
                           Scalar* work_a, Scalar* work_b) {
    std::ptrdiff_t rest = steps.length;
    std::ptrdiff_t done = 1;
    const Scalar* twiddles = steps.twiddles;
    for (int index = 0; index < steps.count; ++index) {
      const int radix = steps.radices[index];
      rest /= radix;
      Scalar* to = index % 2 == 0 ? work_a : work_b;
      if (index == 0) {
        step<true, false>(radix, from, to, rest, done, twiddles, present);
      } else if (rest > 1) {
        step<false, false>(radix, from, to, rest, done, twiddles, present);
      } else {
        step<false, true>(radix, from, to, rest, done, twiddles, present);
      }
      twiddles += 2 * (radix - 1) * rest;
      done *= radix;
      from = to;
    }
    return from;
  }
};

const float* transform(const TransformSteps<float>& steps, const float* from, std::ptrdiff_t present, float* work_a,
                       float* work_b) {
  return Transform<Group, float>::run(steps, from, present, work_a, work_b);
}

const double* transform_double(const TransformSteps<double>& steps, const double* from, std::ptrdiff_t present,
                               double* work_a, double* work_b) {
  return Transform<Half, double>::run(steps, from, present, work_a, work_b);
}

// A vector of a line's values less their mean, zero where missing or not used.
MESOGLASS_INLINE Group centred(const Group& values, float mean) {
  const Group value = values - mean;
  return masked(value, value == value);
}
MESOGLASS_INLINE Group first_of(const float* from, std::size_t count) {
  Group values = {};
  __builtin_memcpy(&values, from, sizeof(float) * count);
  return values;
}

// Eight lines of two maps: the first to the real, the second to the imaginary part; 0 where missing or not used.
void pack_lines(const float* a, const float* b, float mean_a, float mean_b, const float* used, std::ptrdiff_t stride,
                int lines, std::size_t count, float* packed) {
  const std::size_t whole = count / group * group;
  for (int map = 0; map < 2; ++map) {
    const float* from = map == 0 ? a : b;
    const float mean = map == 0 ? mean_a : mean_b;
    float* to = packed + map * group;
    for (std::size_t x = 0; x < count; x += group) {
      Group rows[group] = {};
      if (from != nullptr && lines == group && x < whole) {
#pragma GCC unroll 8
        for (int line = 0; line < group; ++line) rows[line] = centred(load<Group>(from + line * stride + x), mean);
        if (used != nullptr) {
#pragma GCC unroll 8
          for (int line = 0; line < group; ++line) {
            rows[line] = masked(rows[line], load<Group>(used + line * stride + x) > 0.0F);
          }
        }
      } else if (from != nullptr) {
        const std::size_t here = x < whole ? group : count - whole;
        for (int line = 0; line < lines; ++line) {
          rows[line] = centred(first_of(from + line * stride + x, here), mean);
          const Group use = used != nullptr ? first_of(used + line * stride + x, here) : Group{} + 1.0F;
          rows[line] = masked(rows[line], use > 0.0F);
        }
      }
      transpose(rows);
      const std::size_t columns = x < whole ? group : count - whole;
#pragma GCC unroll 8
      for (std::size_t i = 0; i < group; ++i) {
        if (i < columns) store(rows[i], to + (x + i) * 2 * group);
      }
    }
  }
}

// From [column][real, imaginary][line] to [block of eight columns][line][real, imaginary][column], `stride` floats from
// block to block; columns beyond the last are 0.
void turn_lines(const float* lines, std::size_t columns, int count, float* blocks, std::ptrdiff_t stride) {
  for (std::size_t x = 0; x < columns; x += group, blocks += stride) {
    for (int part = 0; part < 2; ++part) {
      Group rows[group] = {};
#pragma GCC unroll 8
      for (std::size_t i = 0; i < group; ++i) {
        if (x + i < columns)
          rows[i] = load<Group>(lines + (x + i) * 2 * group + static_cast<std::size_t>(part) * group);
      }
      transpose(rows);
#pragma GCC unroll 8
      for (int line = 0; line < group; ++line) {
        if (line < count) store(rows[line], blocks + line * 2 * group + part * group);
      }
    }
  }
}

// sums[i][lane] += |spectrum[i][lane]|^2
void add_powers(const float* spectrum, std::size_t count, double* sums) {
  for (std::size_t i = 0; i < count; ++i) {
    const Group re = load<Group>(spectrum + 2 * group * i);
    const Group im = load<Group>(spectrum + 2 * group * i + group);
    add_to(re * re + im * im, sums + group * i);
  }
}
