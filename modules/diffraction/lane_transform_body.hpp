// Part of lane_kernels_body.hpp: Fourier transforms of several lines at once, one lane a line.

// cos(2 pi k / n) and sin(2 pi k / n), as far as the transforms of n numbers below need them.
template <int n>
struct Roots;
template <>
struct Roots<6> {
  static constexpr double cosine[] = {1.0, 0.5, -0.5};
  static constexpr double sine[] = {0.0, 0.86602540378443864676, 0.86602540378443864676};
};
template <>
struct Roots<8> {
  static constexpr double cosine[] = {1.0, 0.70710678118654752440, 0.0, -0.70710678118654752440};
  static constexpr double sine[] = {0.0, 0.70710678118654752440, 1.0, 0.70710678118654752440};
};
template <>
struct Roots<9> {
  static constexpr double cosine[] = {1.0, 0.76604444311897803520, 0.17364817766693034885, -0.5,
                                      -0.93969262078590838405};
  static constexpr double sine[] = {0.0, 0.64278760968653932632, 0.98480775301220805937, 0.86602540378443864676,
                                    0.34202014332566873304};
};
template <>
struct Roots<10> {
  static constexpr double cosine[] = {1.0, 0.80901699437494742410, 0.30901699437494742410, -0.30901699437494742410,
                                      -0.80901699437494742410};
  static constexpr double sine[] = {0.0, 0.58778525229247312917, 0.95105651629515357212, 0.95105651629515357212,
                                    0.58778525229247312917};
};

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
  static MESOGLASS_INLINE Complex turned(const Complex& a, Scalar re, Scalar im) {
    return {a.re * re - a.im * im, a.re * im + a.im * re};
  }
  // a - i b and a + i b
  static MESOGLASS_INLINE Complex minus_i(const Complex& a, const Complex& b) { return {a.re + b.im, a.im - b.re}; }
  static MESOGLASS_INLINE Complex plus_i(const Complex& a, const Complex& b) { return {a.re - b.im, a.im + b.re}; }

  // The transforms of 2 to 10 numbers, exp(-2 pi i n j / radix).
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
    } else if constexpr (radix == 5) {
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
    } else {
      constexpr int inner = radix == 9 ? 3 : 2;
      product<radix, inner, radix / inner>(a);
    }
  }

  // The transform of radix = inner outer numbers by such of `inner` and of `outer`.
  template <int radix, int inner, int outer>
  static MESOGLASS_INLINE void product(Complex* a) {
    Complex parts[outer][inner];
#pragma GCC unroll 5
    for (int j = 0; j < outer; ++j) {
#pragma GCC unroll 3
      for (int i = 0; i < inner; ++i) parts[j][i] = a[outer * i + j];
      small<inner>(parts[j]);
    }
#pragma GCC unroll 3
    for (int k = 0; k < inner; ++k) {
      Complex line[outer];
#pragma GCC unroll 5
      for (int j = 0; j < outer; ++j) {
        line[j] = j * k == 0 ? parts[j][k]
                             : turned(parts[j][k], static_cast<Scalar>(Roots<radix>::cosine[j * k]),
                                      static_cast<Scalar>(-Roots<radix>::sine[j * k]));
      }
      small<outer>(line);
#pragma GCC unroll 5
      for (int j = 0; j < outer; ++j) a[k + inner * j] = line[j];
    }
  }

  // One step: transforms of `done` numbers become such of `radix` times as many, `rest` of each are left to do, and go
  // to `to`(number, index). Elements from `present` on are zero, which only a first step needs to know (`done` is 1
  // there; `rest` is 1 in a last one).
  template <int radix, bool first, bool last, typename To>
  static MESOGLASS_INLINE void step_of(const Scalar* from, const To& to, std::ptrdiff_t rest, std::ptrdiff_t done,
                                       const Scalar* twiddles, std::ptrdiff_t present) {
    for (std::ptrdiff_t p = 0; p < rest; ++p) {
      const Scalar* w = twiddles + 2 * (radix - 1) * p;
      for (std::ptrdiff_t q = 0; q < done; ++q) {
        Complex a[radix];
#pragma GCC unroll 10
        for (int k = 0; k < radix; ++k) {
          const std::ptrdiff_t index = q + done * (p + rest * k);
          a[k] = !first || index < present ? at(from, index) : Complex{};
        }
        small<radix>(a);
        to(a[0], q + done * radix * p);
#pragma GCC unroll 9
        for (int k = 1; k < radix; ++k) {
          if constexpr (!last) a[k] = turned(a[k], w[2 * (k - 1)], w[2 * (k - 1) + 1]);
          to(a[k], q + done * (radix * p + k));
        }
      }
    }
  }

  template <bool first, bool last, typename To>
  static MESOGLASS_INLINE void step(int radix, const Scalar* from, const To& to, std::ptrdiff_t rest,
                                    std::ptrdiff_t done, const Scalar* twiddles, std::ptrdiff_t present) {
    switch (radix) {
      case 2:
        return step_of<2, first, last>(from, to, rest, done, twiddles, present);
      case 3:
        return step_of<3, first, last>(from, to, rest, done, twiddles, present);
      case 4:
        return step_of<4, first, last>(from, to, rest, done, twiddles, present);
      case 5:
        return step_of<5, first, last>(from, to, rest, done, twiddles, present);
      case 6:
        return step_of<6, first, last>(from, to, rest, done, twiddles, present);
      case 8:
        return step_of<8, first, last>(from, to, rest, done, twiddles, present);
      case 9:
        return step_of<9, first, last>(from, to, rest, done, twiddles, present);
      default:
        return step_of<10, first, last>(from, to, rest, done, twiddles, present);
    }
  }

  // The last step's numbers go to `to`(number, index).
  template <typename To>
  static MESOGLASS_INLINE void run(const TransformSteps<Scalar>& steps, const Scalar* from, std::ptrdiff_t present,
                                   Scalar* work_a, Scalar* work_b, const To& to) {
    std::ptrdiff_t rest = steps.length;
    std::ptrdiff_t done = 1;
    const Scalar* twiddles = steps.twiddles;
    for (int index = 0; index + 1 < steps.count; ++index) {
      const int radix = steps.radices[index];
      rest /= radix;
      Scalar* between = index % 2 == 0 ? work_a : work_b;
      const auto keep = [between](const Complex& value, std::ptrdiff_t place) __attribute__((always_inline)) {
        put(value, between, place);
      };
      if (index == 0) {
        step<true, false>(radix, from, keep, rest, done, twiddles, present);
      } else {
        step<false, false>(radix, from, keep, rest, done, twiddles, present);
      }
      twiddles += 2 * (radix - 1) * rest;
      done *= radix;
      from = between;
    }
    step<false, true>(steps.radices[steps.count - 1], from, to, 1, done, twiddles, present);
  }

  static const Scalar* run(const TransformSteps<Scalar>& steps, const Scalar* from, std::ptrdiff_t present,
                           Scalar* work_a, Scalar* work_b) {
    Scalar* result = steps.count % 2 == 0 ? work_b : work_a;
    run(
        steps, from, present, work_a,
        work_b, [result](const Complex& value, std::ptrdiff_t place) __attribute__((always_inline)) {
          put(value, result, place);
        });
    return result;
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

void add_powers(const TransformSteps<float>& steps, const float* from, std::ptrdiff_t present, float* work_a,
                float* work_b, double* sums) {
  using Lines = Transform<Group, float>;
  Lines::run(
      steps, from, present, work_a,
      work_b, [sums](const Lines::Complex& value, std::ptrdiff_t place) __attribute__((always_inline)) {
        add_to(value.re * value.re + value.im * value.im, sums + group * place);
      });
}
