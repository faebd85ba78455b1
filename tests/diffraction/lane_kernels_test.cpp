// Every variant of the lane kernels that this processor runs against plain loops, and all of them bit for bit alike.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/random_stream.hpp"
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
  constexpr std::size_t count = 61;
  constexpr float missing = std::numeric_limits<float>::quiet_NaN();
  auto a = random_values(count, 20, -1.0, 1.0);
  auto b = random_values(count, 21, -1.0, 1.0);
  a[3] = a[60] = b[17] = missing;
  std::vector<float> used(count, 1.0F);
  used[8] = used[59] = 0.0F;
  std::vector<std::uint16_t> stored(count);
  for (std::size_t i = 0; i < count; ++i) stored[i] = static_cast<std::uint16_t>(i % 9 == 4 ? 0 : 1000 * i + 17);
  const auto factors = random_values(count, 22);
  const std::vector<float> weights = {0.25F, -1.0F, 2.0F};
  for (const LaneKernels* kernels : available_kernels()) {
    SCOPED_TRACE(kernels->name);
    std::vector<float> plain(count), levelled(count), centred(count), scaled = a;
    kernels->decode(stored.data(), count, 8193.0F, 0.5F, nullptr, plain.data());
    kernels->decode(stored.data(), count, 8193.0F, 0.5F, factors.data(), levelled.data());
    std::vector<std::uint32_t> sums(count, 5), present(count, 1);
    kernels->add_stored(stored.data(), count, sums.data(), present.data());
    std::vector<float> packed(2 * count);
    kernels->pack_pair(a.data(), b.data(), 0.125F, -0.5F, used.data(), count, packed.data());
    kernels->centre(a.data(), 0.25F, count, centred.data());
    kernels->scale(b.data(), count, scaled.data());
    std::vector<double> powers(count / 2, 1.0);
    kernels->add_powers(packed.data(), count / 2, powers.data());
    std::vector<std::int32_t> places(count);
    kernels->find_places(a.data(), count, -0.5F, 10.0F, 7.0F, places.data());
    std::vector<std::uint8_t> flags(count);
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
      const bool in_use = used[i] > 0.0F;
      EXPECT_EQ(packed[2 * i], in_use && !std::isnan(a[i]) ? a[i] - 0.125F : 0.0F);
      EXPECT_EQ(packed[2 * i + 1], in_use && !std::isnan(b[i]) ? b[i] + 0.5F : 0.0F);
      EXPECT_EQ(centred[i], std::isnan(a[i]) ? 0.0F : a[i] - 0.25F);
      EXPECT_EQ(std::isnan(scaled[i]), std::isnan(a[i]) || std::isnan(b[i]));
      if (!std::isnan(scaled[i])) {
        EXPECT_EQ(scaled[i], a[i] * b[i]);
      }
      EXPECT_EQ(places[i],
                std::isnan(a[i]) ? -1 : std::clamp(static_cast<int>(std::floor((a[i] + 0.5F) * 10.0F)), 0, 7));
      EXPECT_EQ(flags[i], a[i] > 0.25F ? 1 : 0);
    }
    for (std::size_t i = 0; i < powers.size(); ++i) {
      EXPECT_EQ(powers[i],
                1.0 + static_cast<double>(packed[2 * i] * packed[2 * i] + packed[2 * i + 1] * packed[2 * i + 1]));
    }
    for (const float* mask : {static_cast<const float*>(nullptr), static_cast<const float*>(used.data())}) {
      double four[4], expected[4] = {};
      kernels->moments(a.data(), mask, count, four);
      for (std::size_t i = 0; i < count; ++i) {
        if (std::isnan(a[i]) || (mask != nullptr && mask[i] == 0.0F)) continue;
        const auto value = static_cast<double>(a[i]);
        expected[0] += 1.0;
        expected[1] += value;
        expected[2] += value * value;
        expected[3] += value * value * value;
      }
      EXPECT_EQ(four[0], expected[0]);
      for (int power = 1; power < 4; ++power) EXPECT_NEAR(four[power], expected[power], 1e-13 * count);
    }
    // Steps of 1 and of 20 (lines of a map); 55 outputs are one whole tile, and some more.
    const auto source = random_values(55 + 2 * 20, 23, -1.0, 1.0);
    for (const std::ptrdiff_t step : {1, 20}) {
      std::vector<float> target(55);
      kernels->weighted_sum(source.data(), step, weights.data(), 3, target.size(), target.data());
      for (std::size_t i = 0; i < target.size(); ++i) {
        const auto stride = static_cast<std::size_t>(step);
        EXPECT_EQ(target[i],
                  (weights[0] * source[i] + weights[1] * source[i + stride]) + weights[2] * source[i + 2 * stride]);
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
