// Every variant of the lane kernels that this processor runs against plain loops, and all of them bit for bit alike.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/random_stream.hpp"
#include "core/units.hpp"
#include "diffraction/map_transform.hpp"
#include "diffraction/pattern_pass.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::diffraction {
namespace {

std::vector<float> random_values(std::size_t count, std::uint64_t index, double low = 0.0, double high = 3.0) {
  RandomStream random(77, RandomPurpose::test, index);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.uniform(low, high));
  return values;
}

TEST(LaneKernels, ThePortableOneIsAlwaysThereAndTheBestComesFirst) {
  const auto kernels = available_kernels();
  ASSERT_FALSE(kernels.empty());
  EXPECT_STREQ(kernels.back()->name, "portable");
  EXPECT_EQ(&best_kernels(), kernels.front());
  for (const LaneKernels* variant : kernels) {
    EXPECT_EQ(variant->lanes % lane_group, 0);
    EXPECT_LE(variant->lanes, most_lanes);
    std::cout << "runs here: " << variant->name << ", " << variant->lanes << " lanes\n";
  }
}

TEST(LaneKernels, InterleaveMovesEveryPixelAndSums) {
  constexpr std::size_t pixels = 61;  // not a multiple of eight
  for (const LaneKernels* kernels : available_kernels()) {
    const auto lanes = static_cast<std::size_t>(kernels->lanes);
    std::vector<std::vector<float>> patterns;
    std::vector<const float*> pointers;
    for (std::size_t lane = 0; lane < lanes; ++lane) patterns.push_back(random_values(pixels, lane));
    for (const auto& pattern : patterns) pointers.push_back(pattern.data());
    std::vector<float> values(pixels * lanes, -1.0F);
    std::vector<double> sums(pixels, 10.0);
    kernels->interleave(pointers.data(), pixels, values.data(), sums.data());
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
      double sum = 10.0;
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        ASSERT_EQ(values[pixel * lanes + lane], patterns[lane][pixel]) << kernels->name;
        sum += static_cast<double>(patterns[lane][pixel]);
      }
      ASSERT_NEAR(sums[pixel], sum, 1e-5);
    }
  }
}

TEST(LaneKernels, SmallOnesEqualPlainLoops) {
  constexpr int count = 23;
  constexpr int width = 24;
  for (const LaneKernels* kernels : available_kernels()) {
    const auto lanes = static_cast<std::size_t>(kernels->lanes);
    const auto values = random_values(count * lanes, 1);
    const auto matrix = random_values(count * width, 2, -1.0, 1.0);
    std::vector<float> result(width * lanes), sums(lanes);
    kernels->multiply(values.data(), count, matrix.data(), width, result.data());
    kernels->sum(values.data(), count, sums.data());
    const auto scale = random_values(lanes, 3);
    const auto noise_scale = random_values(lanes, 4, 0.0, 0.1);
    const auto noise = random_values(width, 5);
    std::vector<double> added(width, 1.0), squares(width, 2.0);
    kernels->accumulate(result.data(), width, scale.data(), noise_scale.data(), noise.data(), added.data(),
                        squares.data());
    for (std::size_t n = 0; n < width; ++n) {
      double sum = 1.0, square = 2.0;
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        double plain = 0.0;
        for (std::size_t j = 0; j < count; ++j) {
          plain += static_cast<double>(values[j * lanes + lane]) * static_cast<double>(matrix[j * width + n]);
        }
        ASSERT_NEAR(result[n * lanes + lane], plain, 1e-5) << kernels->name;
        const double value = plain * static_cast<double>(scale[lane]) -
                             static_cast<double>(noise_scale[lane]) * static_cast<double>(noise[n]);
        sum += value;
        square += value * value;
      }
      EXPECT_NEAR(added[n], sum, 3e-4) << kernels->name;
      EXPECT_NEAR(squares[n], square, 3e-6 * square) << kernels->name;
    }
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      double plain = 0.0;
      for (std::size_t j = 0; j < count; ++j) plain += static_cast<double>(values[j * lanes + lane]);
      EXPECT_NEAR(sums[lane], plain, 1e-4);
    }
    // Cut off at both ends, rounded down, and 0 in lanes that have nothing.
    const std::vector<float> level = {-5.0F, 0.99F, 1.0F, 1.999F, 100.5F, 65535.0F, 1e9F};
    std::vector<float> spread;
    for (const float value : level) spread.insert(spread.end(), lanes, value);
    std::vector<float> one(lanes, 1.0F), zero(lanes, 0.0F), low(lanes, 1.0F);
    one.back() = low.back() = 0.0F;
    std::vector<std::uint16_t> stored(level.size() * 32, 7);
    kernels->encode(spread.data(), level.size(), one.data(), zero.data(), low.data(), stored.data(), 32);
    const std::vector<int> expected = {1, 1, 1, 1, 100, 65535, 65535};
    for (std::size_t i = 0; i < level.size(); ++i) {
      EXPECT_EQ(stored[i * 32], expected[i]) << kernels->name;
      EXPECT_EQ(stored[i * 32 + lanes - 1], 0) << kernels->name;
      EXPECT_EQ(stored[i * 32 + lanes], 7) << "written beyond the lanes";
    }
    const auto many = random_values(1001, 6);
    EXPECT_NEAR(kernels->total(many.data(), many.size()), std::accumulate(many.begin(), many.end(), 0.0), 1e-9);
    auto broken = many;
    broken[500] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(kernels->total(broken.data(), broken.size())));
  }
}

// The kernels of maps: every variant against plain loops, with missing values, at a length that is no multiple of
// eight.
TEST(LaneKernels, ThoseOfMapsEqualPlainLoops) {
  constexpr std::size_t count = 77;
  constexpr float missing = std::numeric_limits<float>::quiet_NaN();
  auto a = random_values(count, 20, -1.0, 1.0);
  auto b = random_values(count, 21, -1.0, 1.0);
  a[3] = a[60] = a[count - 1] = b[17] = missing;
  std::vector<float> used(count, 1.0F);
  used[8] = used[59] = used[70] = 0.0F;
  std::vector<std::uint16_t> stored(count);
  for (std::size_t i = 0; i < count; ++i) stored[i] = static_cast<std::uint16_t>(i % 9 == 4 ? 0 : 1000 * i + 17);
  const auto factors = random_values(count, 22);
  for (const LaneKernels* kernels : available_kernels()) {
    SCOPED_TRACE(kernels->name);
    std::vector<float> plain(count), levelled(count), centred(count);
    kernels->decode(stored.data(), count, 8193.0F, 0.5F, nullptr, plain.data());
    kernels->decode(stored.data(), count, 8193.0F, 0.5F, factors.data(), levelled.data());
    std::vector<std::uint32_t> sums(count, 5), present(count, 1);
    kernels->add_stored(stored.data(), count, sums.data(), present.data());
    kernels->centre(a.data(), 0.25F, count, centred.data());
    std::vector<std::int32_t> places(count);
    kernels->find_places(a.data(), count, -0.5F, 10.0F, 7.0F, 9, places.data());
    std::vector<std::uint8_t> flags(count);
    EXPECT_TRUE(kernels->flag_above(a.data(), 0.25F, count, flags.data()));
    EXPECT_TRUE(kernels->flag_above(a.data() + count - 1, 0.25F, 1, flags.data()));
    EXPECT_TRUE(kernels->flag_above(a.data(), 0.25F, 56, flags.data()));
    EXPECT_FALSE(kernels->flag_above(b.data() + 18, 0.25F, count - 18, flags.data()));
    kernels->flag_above(a.data(), 0.25F, count, flags.data());
    for (std::size_t i = 0; i < count; ++i) {
      SCOPED_TRACE(i);
      const bool there = stored[i] != 0;
      const float level = (static_cast<float>(stored[i]) - 8193.0F) * 0.5F;
      EXPECT_EQ(std::isnan(plain[i]), !there);
      EXPECT_EQ(std::isnan(levelled[i]), !there);
      if (there) {
        EXPECT_EQ(plain[i], level);
        EXPECT_EQ(levelled[i], level * factors[i]);
      }
      EXPECT_EQ(sums[i], 5U + stored[i]);
      EXPECT_EQ(present[i], there ? 2U : 1U);
      EXPECT_EQ(centred[i], std::isnan(a[i]) ? 0.0F : a[i] - 0.25F);
      EXPECT_EQ(places[i],
                std::isnan(a[i]) ? 9 : std::clamp(static_cast<int>(std::floor((a[i] + 0.5F) * 10.0F)), 0, 7));
      EXPECT_EQ(flags[i], a[i] > 0.25F ? 1 : 0);
    }
    for (const float* mask : {static_cast<const float*>(nullptr), static_cast<const float*>(used.data())}) {
      constexpr double single = 2e-6;  // rounding of numbers up to 1 and of their sums
      double two[2], four[4], expected[4] = {};
      kernels->count_and_sum(a.data(), mask, count, two);
      kernels->moments(a.data(), count, four);
      for (std::size_t i = 0; i < count; ++i) {
        if (std::isnan(a[i]) || (mask != nullptr && mask[i] == 0.0F)) continue;
        const auto value = static_cast<double>(a[i]);
        expected[0] += 1.0;
        expected[1] += value;
        expected[2] += value * value;
        expected[3] += value * value * value;
      }
      EXPECT_EQ(two[0], expected[0]);
      EXPECT_NEAR(two[1], expected[1], single);
      if (mask != nullptr) continue;
      EXPECT_EQ(four[0], expected[0]);
      for (int power = 1; power < 4; ++power) EXPECT_NEAR(four[power], expected[power], single);
    }
    // Of five lines, or of places beside each other; 55 outputs are one whole tile, and some more.
    const auto source = random_values(55 + 4 * 20, 23, -1.0, 1.0), times = random_values(55, 24);
    const std::vector<float> symmetric = {0.25F, -1.0F, 2.0F};
    for (const std::size_t step : {1U, 20U}) {
      for (const float* by : {static_cast<const float*>(nullptr), times.data()}) {
        std::array<const float*, 5> lines{};
        for (std::size_t k = 0; k < lines.size(); ++k) lines[k] = source.data() + k * step;
        std::vector<float> target(55);
        kernels->weighted_sum(lines.data(), symmetric.data(), 5, by, target.size(), target.data());
        for (std::size_t i = 0; i < target.size(); ++i) {
          const float outer = source[i] + source[i + 4 * step], inner = source[i + step] + source[i + 3 * step];
          const float sum = (2.0F * source[i + 2 * step] + 0.25F * outer) + -1.0F * inner;
          EXPECT_EQ(target[i], by != nullptr ? sum * times[i] : sum);
        }
      }
    }
    auto same = a;
    EXPECT_FALSE(kernels->gaps_differ(a.data(), same.data(), count));
    for (const std::size_t place : {0U, 60U}) {
      same = a;
      same[place] = std::isnan(same[place]) ? 1.0F : missing;
      EXPECT_TRUE(kernels->gaps_differ(a.data(), same.data(), count)) << place;
    }
  }
}

// Whole rows through the pass: rows longer and shorter than the lanes, two centres in a row, masked pixels, gaps.
struct PassResult {
  PatternAverages averages;
  std::vector<double> pixels;
  std::vector<float> maps;
};

PassResult run_pass(const LaneKernels& kernels) {
  const PatternShape shape{64, 64};
  const PolarGrid grid{12.0, 1.0, 6, 126};
  std::vector<std::uint8_t> good(64 * 64, 1);
  for (std::size_t i = 3035; i < 3043; ++i) good[i] = good[i + 64] = 0;
  constexpr std::int64_t ny = 3, nx = 21;
  PatternStatistics statistics(grid, 2.0, 12, ny, nx, kernels);
  OrderFreeSums pixels(64 * 64, 1e4);
  MapStack maps(grid, {1, 5}, {0, ny}, ny, nx, std::vector<double>(6, 1.5));
  InterpolationTables tables(grid, shape, Ellipse::from_axes(1.02, 0.3), good);
  PatternPass pass(grid, shape, &statistics, &pixels, &maps, kernels);
  std::vector<std::vector<float>> patterns;
  for (std::int64_t i = 0; i < ny * nx; ++i)
    patterns.push_back(random_values(64 * 64, 100 + static_cast<std::uint64_t>(i)));
  for (std::int64_t row = 0; row < ny; ++row) {
    for (std::int64_t column = 0; column < nx; ++column) {
      if (column == 4 || (row == 1 && column > 6)) continue;  // left out
      const Point centre{31.4 + (column > 12 ? 0.2 : 0.0), 31.8};
      pass.add(row, column, patterns[static_cast<std::size_t>(row * nx + column)], tables.at(centre),
               1.0 + 0.01 * static_cast<double>(row * nx + column));
    }
  }
  pass.flush();
  PassResult result;
  result.averages = statistics.averages(Communicator::self());
  for (std::size_t i = 0; i < pixels.size(); ++i) result.pixels.push_back(pixels[i]);
  const Range rows{0, ny};
  for (int bin = 1; bin < 5; ++bin) {
    for (const BinMaps& map : maps.exchange(Communicator::self(), bin, std::span(&rows, 1))) {
      for (int angle = 0; angle < 126; ++angle) {
        std::vector<float> values(static_cast<std::size_t>(ny * nx));
        map.copy_map(angle, values);
        result.maps.insert(result.maps.end(), values.begin(), values.end());
      }
    }
  }
  return result;
}

// exp(-2 pi i n j / length) summed as it stands, of line `lane` of [element][real, imaginary][lane].
template <typename Scalar>
std::complex<double> plain_transform(const std::vector<Scalar>& values, std::size_t length, std::size_t lanes,
                                     std::size_t present, std::size_t lane, std::size_t n) {
  std::complex<double> sum = 0.0;
  for (std::size_t j = 0; j < present; ++j) {
    const std::complex<double> value(static_cast<double>(values[2 * lanes * j + lane]),
                                     static_cast<double>(values[2 * lanes * j + lanes + lane]));
    sum +=
        value * std::polar(1.0, -2.0 * units::pi * static_cast<double>(n * j % length) / static_cast<double>(length));
  }
  return sum;
}

template <typename Scalar>
void expect_plain_transforms(const LaneKernels& kernels, double tolerance) {
  constexpr std::size_t lanes = std::is_same_v<Scalar, float> ? 8 : 4;
  // Every radix as first, middle and last step.
  for (const int length : {8, 9, 10, 12, 15, 16, 25, 54, 60, 72, 80, 81, 90, 100, 108, 120, 144, 150, 270, 300}) {
    const MapTransform<Scalar> plan(length);
    const auto count = static_cast<std::size_t>(length);
    for (const std::size_t present : {count, count - count / 3}) {
      const auto random = random_values(2 * lanes * count, 40 + count, -1.0, 1.0);
      std::vector<Scalar> values(random.begin(), random.begin() + static_cast<std::ptrdiff_t>(2 * lanes * present));
      std::vector<Scalar> work_a(2 * lanes * count), work_b(2 * lanes * count);
      const Scalar* done = nullptr;
      if constexpr (std::is_same_v<Scalar, float>) {
        std::vector<double> powers(lanes * count, 1.0);
        kernels.add_powers(plan.steps(), values.data(), static_cast<std::ptrdiff_t>(present), work_a.data(),
                           work_b.data(), powers.data());
        done = kernels.transform(plan.steps(), values.data(), static_cast<std::ptrdiff_t>(present), work_a.data(),
                                 work_b.data());
        for (std::size_t i = 0; i < powers.size(); ++i) {
          const float* number = done + 2 * lanes * (i / lanes) + i % lanes;
          const float power = number[0] * number[0] + number[lanes] * number[lanes];
          ASSERT_EQ(powers[i], 1.0 + static_cast<double>(power)) << length << ", " << i;
        }
      } else {
        done = kernels.transform_double(plan.steps(), values.data(), static_cast<std::ptrdiff_t>(present),
                                        work_a.data(), work_b.data());
      }
      for (std::size_t n = 0; n < count; ++n) {
        const std::size_t lane = n % lanes;
        const auto expected = plain_transform(values, count, lanes, present, lane, n);
        ASSERT_NEAR(static_cast<double>(done[2 * lanes * n + lane]), expected.real(), tolerance) << length << ", " << n;
        ASSERT_NEAR(static_cast<double>(done[2 * lanes * n + lanes + lane]), expected.imag(), tolerance) << length;
      }
    }
  }
}

TEST(LaneKernels, TransformsArePlainSums) {
  for (const LaneKernels* kernels : available_kernels()) {
    SCOPED_TRACE(kernels->name);
    expect_plain_transforms<float>(*kernels, 2e-5);  // sums of up to 270 numbers up to 1
    expect_plain_transforms<double>(*kernels, 1e-12);
  }
}

TEST(MapTransform, ShapesAreLargeEnoughAndFewerThanTwiceAsLarge) {
  for (const int side : {16, 33, 75, 250, 500, 1021}) {
    const TransformShape shape = choose_transform_shape(side, side + 10, 2 * side + 10);
    EXPECT_GE(shape.height, side + 10);
    EXPECT_GE(shape.width, 2 * side + 10);
    EXPECT_LE(shape.height, 2 * (side + 10));
    EXPECT_LE(shape.width, 2 * (2 * side + 10));
    EXPECT_NO_THROW(MapTransform<float>{shape.height});
    EXPECT_NO_THROW(MapTransform<float>{shape.width});
  }
  EXPECT_THROW(MapTransform<float>{77}, std::logic_error);
  EXPECT_THROW(MapTransform<float>{5}, std::logic_error);
}

// Lines of two maps to lanes, and transformed lines to blocks of columns.
TEST(LaneKernels, LinesAreTurned) {
  constexpr float missing = std::numeric_limits<float>::quiet_NaN();
  constexpr std::size_t columns = 21, stride = 25;
  for (const LaneKernels* kernels : available_kernels()) {
    for (const int lines : {8, 5}) {
      SCOPED_TRACE(fmt::format("{}, {} lines", kernels->name, lines));
      // No line more than there are: what lies beyond must not be read.
      auto a = random_values(static_cast<std::size_t>(lines - 1) * stride + columns, 70),
           b = random_values(a.size(), 71);
      std::vector<float> used(a.size(), 1.0F);
      a[stride + 3] = a[20] = b[2 * stride + 9] = missing;
      used[3 * stride + 1] = used[4 * stride + 19] = 0.0F;
      for (const bool both : {true, false}) {
        std::vector<float> packed(2 * lane_group * columns, 7.0F);
        kernels->pack_lines(a.data(), both ? b.data() : nullptr, 0.125F, -0.5F, both ? used.data() : nullptr, stride,
                            lines, columns, packed.data());
        for (std::size_t x = 0; x < columns; ++x) {
          for (std::size_t line = 0; line < lane_group; ++line) {
            const std::size_t place = line * stride + x;
            const bool here = line < static_cast<std::size_t>(lines) && !(both && !(used[place] > 0.0F));
            const float* got = packed.data() + 2 * lane_group * x + line;
            EXPECT_EQ(got[0], here && !std::isnan(a[place]) ? a[place] - 0.125F : 0.0F) << line << ", " << x;
            EXPECT_EQ(got[lane_group], here && both && !std::isnan(b[place]) ? b[place] + 0.5F : 0.0F);
          }
        }
        std::vector<float> blocks(3 * 2 * lane_group * 8, 9.0F);
        kernels->turn_lines(packed.data(), columns, lines, blocks.data(), 2 * lane_group * 8);
        for (std::size_t x = 0; x < 24; ++x) {
          for (std::size_t line = 0; line < 8; ++line) {
            for (std::size_t part = 0; part < 2; ++part) {
              const float got = blocks[x / 8 * 2 * lane_group * 8 + line * 2 * lane_group + part * lane_group + x % 8];
              const float expected = x < columns ? packed[(2 * x + part) * lane_group + line] : 0.0F;
              EXPECT_EQ(got, line < static_cast<std::size_t>(lines) ? expected : 9.0F);
            }
          }
        }
      }
    }
  }
}

TEST(LaneKernels, SumsOfAFitArePlainSums) {
  constexpr std::size_t positions = 23, lanes = lane_group;
  auto values = random_values(positions * lanes, 80, -1.0, 3.0);
  auto lowest = random_values(lanes, 81, 0.1, 0.5), scale = random_values(lanes, 82, 0.5, 2.0);
  values[5] = std::numeric_limits<float>::quiet_NaN();
  values[6] = 300.0F;
  values[7] = lowest[7];  // not above
  lowest[3] = std::numeric_limits<float>::infinity();
  std::vector<FitTerms> terms;
  for (std::size_t i = 0; i < positions; ++i) {
    const float x = static_cast<float>(i % 5) - 2.0F, y = static_cast<float>(i / 5) - 2.0F, q = x * x + y * y;
    terms.push_back({x, y, q, x * x, x * y, y * y, x * q, y * q, q * q});
  }
  std::array<double, 14 * lanes> expected{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t lane = i % lanes;
    if (!(values[i] > lowest[lane])) continue;
    const double x = static_cast<double>(terms[i / lanes].x), y = static_cast<double>(terms[i / lanes].y);
    const double ratio = static_cast<double>(scale[lane]) * static_cast<double>(values[i]);
    const double q = x * x + y * y, l = std::log(ratio);
    const double parts[] = {1.0, x, y, x * x, x * y, y * y, x * q, y * q, q * q, l, l * x, l * y, l * q};
    expected[lane] += 1.0;
    for (std::size_t term = 0; term < 13; ++term) expected[(term + 1) * lanes + lane] += ratio * ratio * parts[term];
  }
  for (const LaneKernels* kernels : available_kernels()) {
    std::array<float, 14 * lanes> sums{};
    kernels->fit_sums(values.data(), positions, terms.data(), lowest.data(), scale.data(), sums.data());
    for (std::size_t i = 0; i < sums.size(); ++i) {
      // Single precision, of the largest of the speckle's sums.
      EXPECT_NEAR(static_cast<double>(sums[i]), expected[i],
                  1e-6 * (std::fabs(expected[i]) + expected[9 * lanes + i % lanes]))
          << kernels->name << ", term " << i / lanes << " of speckle " << i % lanes;
    }
  }
}

template <typename T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

TEST(PatternPass, GivesTheSameBitsWithEveryVariant) {
  const PassResult reference = run_pass(*available_kernels().back());
  EXPECT_GT(reference.averages.patterns.front(), 40.0);
  for (const LaneKernels* kernels : available_kernels()) {
    const PassResult result = run_pass(*kernels);
    EXPECT_TRUE(same_bits(result.averages.power, reference.averages.power)) << kernels->name;
    EXPECT_TRUE(same_bits(result.averages.power_variance, reference.averages.power_variance)) << kernels->name;
    EXPECT_TRUE(same_bits(result.averages.order_error, reference.averages.order_error)) << kernels->name;
    EXPECT_TRUE(same_bits(result.averages.radial_intensity, reference.averages.radial_intensity)) << kernels->name;
    EXPECT_TRUE(same_bits(result.pixels, reference.pixels)) << kernels->name;
    EXPECT_TRUE(same_bits(result.maps, reference.maps)) << kernels->name;
  }
}

// The maps hold each pattern's own polar values over what is expected of its reference, missing where a pattern never
// came.
TEST(PatternPass, MapsAndSumsAreThePatternsOwn) {
  const PassResult result = run_pass(best_kernels());
  const PatternShape shape{64, 64};
  const PolarGrid grid{12.0, 1.0, 6, 126};
  std::vector<std::uint8_t> good(64 * 64, 1);
  for (std::size_t i = 3035; i < 3043; ++i) good[i] = good[i + 64] = 0;
  std::vector<float> polar(grid.samples());
  int missing = 0;
  for (std::size_t position = 0; position < 63; ++position) {
    const std::size_t row = position / 21, column = position % 21;
    const bool left_out = column == 4 || (row == 1 && column > 6);
    // The tables round the centre to sixteenths.
    const double x = std::round(16.0 * (31.4 + (column > 12 ? 0.2 : 0.0))) / 16.0;
    const InterpolationTable table(grid, shape, {x, 31.8125}, Ellipse::from_axes(1.02, 0.3), good);
    table.transform(random_values(64 * 64, 100 + position), polar);
    for (std::size_t bin = 1; bin < 5; ++bin) {
      const double mean = 1.5 * (1.0 + 0.01 * static_cast<double>(position));
      for (std::size_t angle = 0; angle < 126; ++angle) {
        const float stored = result.maps[((bin - 1) * 126 + angle) * 63 + position];
        if (left_out || table.is_missing(bin * 126 + angle)) {
          ASSERT_TRUE(std::isnan(stored));
          ++missing;
        } else {
          ASSERT_NEAR(stored, static_cast<double>(polar[bin * 126 + angle]) / mean, 1.01 / 1024.0);
        }
      }
    }
  }
  EXPECT_GT(missing, 17 * 4 * 126);
  for (const std::size_t pixel : {0U, 777U, 4095U}) {
    double sum = 0.0;
    for (std::uint64_t position = 0; position < 63; ++position) {
      if (position % 21 == 4 || (position / 21 == 1 && position % 21 > 6)) continue;
      sum += static_cast<double>(random_values(64 * 64, 100 + position)[pixel]);
    }
    EXPECT_NEAR(result.pixels[pixel], sum, 1e-5);
  }
}

// Standard errors come from blocks of the scan: a pass over many rows must give every pattern to its own block, as
// adding them one by one does.
TEST(PatternPass, GivesEveryPatternToItsOwnBlock) {
  const PatternShape shape{64, 64};
  const PolarGrid grid{12.0, 1.0, 3, 126};
  constexpr std::int64_t ny = 6, nx = 13;
  const InterpolationTable table(grid, shape, {31.5, 31.5}, {}, {});
  std::vector<std::vector<float>> patterns;
  for (std::int64_t i = 0; i < ny * nx; ++i) {
    patterns.push_back(
        random_values(64 * 64, 300 + static_cast<std::uint64_t>(i), 0.0, 1.0 + 0.5 * static_cast<double>(i / nx)));
  }
  PatternStatistics together(grid, 1.0, 12, ny, nx, best_kernels());
  PatternStatistics single(grid, 1.0, 12, ny, nx, best_kernels());
  PatternPass all(grid, shape, &together, nullptr, nullptr);
  for (std::int64_t i = 0; i < ny * nx; ++i) {
    all.add(i / nx, i % nx, patterns[static_cast<std::size_t>(i)], table);
    PatternPass one(grid, shape, &single, nullptr, nullptr);
    one.add(i / nx, i % nx, patterns[static_cast<std::size_t>(i)], table);
    one.flush();
  }
  all.flush();
  const auto a = together.averages(Communicator::self());
  const auto b = single.averages(Communicator::self());
  for (std::size_t bin = 0; bin < 3; ++bin) {
    EXPECT_NEAR(a.order_error[bin], b.order_error[bin], 1e-5 * b.order_error[bin]);
    EXPECT_NEAR(a.order[bin], b.order[bin], 1e-5 * std::fabs(b.order[bin]) + 1e-9);
  }
}

// A value far below zero is the lowest there is, not missing; a pattern without a reference is missing.
TEST(MapStack, TellsLowFromMissing) {
  const auto& kernels = best_kernels();
  MapStack maps({12.0, 1.0, 1, 126}, {0, 1}, {0, 1}, 1, 2, {1.0});
  const std::vector<float> values(126UL * static_cast<std::size_t>(kernels.lanes), -100.0F);
  const std::vector<std::int64_t> columns = {0, 1};
  const std::vector<double> references = {1.0, 0.0};
  maps.begin(0, columns, references, kernels);
  maps.add_bin(0, values.data(), kernels);
  maps.flush();
  const Range rows{0, 1};
  std::vector<float> map(2);
  maps.exchange(Communicator::self(), 0, std::span(&rows, 1)).front().copy_map(3, map);
  EXPECT_EQ(map[0], -8.0F);
  EXPECT_TRUE(std::isnan(map[1]));
}

TEST(OrderFreeSums, HaveTheSameBitsInAnyOrder) {
  constexpr std::size_t terms = 1000;
  RandomStream random(8, RandomPurpose::test);
  std::vector<double> values(terms);
  for (double& value : values) value = random.normal() * std::pow(10.0, random.uniform(-9.0, 3.0));
  OrderFreeSums forward(1, 1e6), backward(1, 1e6);
  long double exact = 0.0L;
  for (std::size_t i = 0; i < terms; ++i) {
    forward.add(0, std::span(&values[i], 1));
    backward.add(0, std::span(&values[terms - 1 - i], 1));
    exact += static_cast<long double>(values[i]);
  }
  EXPECT_EQ(forward[0], backward[0]);
  EXPECT_NEAR(forward[0], static_cast<double>(exact), 1e-15 * 1e3 * 100);
}

}  // namespace
}  // namespace mesoglass::diffraction
