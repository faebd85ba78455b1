// Kinds of order that overlap in k, told apart: profiles from a covariance, the covariance from patterns, and planted
// speckles of two kinds through all of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "core/random_stream.hpp"
#include "core/units.hpp"
#include "diffraction/k_covariance.hpp"
#include "diffraction/map_descriptors.hpp"
#include "diffraction/mro_types.hpp"
#include "diffraction/type_maps.hpp"
#include "diffraction/type_profiles.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::diffraction {
namespace {

std::vector<double> even_k(double first, double step, int bins) {
  std::vector<double> k;
  for (int bin = 0; bin < bins; ++bin) k.push_back(first + step * bin);
  return k;
}

// A halo as the phantom's.
std::vector<double> halo(const std::vector<double>& k) {
  std::vector<double> expected;
  for (const double place : k) expected.push_back(1e-3 * (std::exp(-2.5 * (place - 4.2) * (place - 4.2)) + 0.8));
  return expected;
}

std::vector<double> covariance_of(const std::vector<TypeProfile>& types, const std::vector<double>& k,
                                  const std::vector<double>& expected) {
  std::vector<double> covariance(k.size() * k.size(), 0.0);
  for (std::size_t i = 0; i < k.size(); ++i) {
    for (std::size_t j = 0; j < k.size(); ++j) {
      for (const TypeProfile& type : types) {
        covariance[i * k.size() + j] +=
            1e-7 * type.strength * type.at(k[i]) * type.at(k[j]) / (expected[i] * expected[j]);
      }
    }
  }
  return covariance;
}

TEST(TypeProfiles, AreFoundAgainFromTheirCovariance) {
  const auto k = even_k(2.6, 0.1, 33);
  const auto expected = halo(k);
  for (const std::vector<TypeProfile>& planted : {std::vector<TypeProfile>{{4.1, 0.33, 1.0}},
                                                  {{3.9, 0.34, 1.0}, {4.4, 0.36, 0.4}},
                                                  {{3.64, 0.32, 1.0}, {4.19, 0.31, 0.07}},
                                                  {{3.9, 0.35, 1.0}, {4.35, 0.35, 0.4}, {5.0, 0.37, 0.04}}}) {
    auto covariance = covariance_of(planted, k, expected);
    const ProfileFit fit = fit_type_profiles(k, covariance, expected);
    ASSERT_EQ(fit.types.size(), planted.size());
    for (std::size_t type = 0; type < planted.size(); ++type) {
      EXPECT_NEAR(fit.types[type].k, planted[type].k, 1e-4);
      EXPECT_NEAR(fit.types[type].width, planted[type].width, 1e-4);
    }
    EXPECT_LT(fit.residual, 1e-5);
    // 2 % of scatter in every element, far more than a real scan's, makes no kinds that are not there.
    RandomStream random(8, RandomPurpose::test, planted.size());
    for (std::size_t i = 0; i < k.size(); ++i) {
      for (std::size_t j = i; j < k.size(); ++j) {
        const double spread = std::sqrt(covariance[i * (k.size() + 1)] * covariance[j * (k.size() + 1)]);
        covariance[i * k.size() + j] += random.normal(0.0, 0.02) * spread;
        covariance[j * k.size() + i] = covariance[i * k.size() + j];
      }
    }
    EXPECT_LE(fit_type_profiles(k, covariance, expected).types.size(), planted.size());
  }
}

// Two kinds closer than a speckle's width look like one whose speckles' middles scatter.
TEST(WideKinds, ShowTheVarianceOfMiddlesOfKindsThatAreTooClose) {
  const auto k = even_k(2.6, 0.1, 33);
  const auto expected = halo(k);
  const auto wide_kinds = [&](const std::vector<TypeProfile>& planted) {
    const auto covariance = covariance_of(planted, k, expected);
    const std::vector<std::vector<double>> without(4, covariance);  // no scatter: no error
    const ProfileFit fit = fit_type_profiles(k, covariance, expected);
    return fit_wide_kinds(k, covariance, without, expected, fit.types);
  };
  for (const double apart : {0.15, 0.2, 0.25, 0.3}) {
    for (const double weaker : {1.0, 0.4}) {
      const auto kinds = wide_kinds({{4.0, 0.34, 1.0}, {4.0 + apart, 0.34, weaker}});
      ASSERT_EQ(kinds.size(), 1U);
      const double share = 1.0 / (1.0 + weaker);
      const double variance = share * (1.0 - share) * apart * apart;
      // Two middles are no Gaussian of middles: a tenth at most at these distances.
      EXPECT_NEAR(kinds[0].middle_variance, variance, 0.1 * variance) << apart << " " << weaker;
      EXPECT_NEAR(kinds[0].speckle.k, 4.0 + (1.0 - share) * apart, 0.01);
      EXPECT_NEAR(kinds[0].speckle.width, 0.34, 0.01);
      EXPECT_TRUE(kinds[0].several());
    }
  }
  for (const std::vector<TypeProfile>& planted :
       {std::vector<TypeProfile>{{4.1, 0.33, 1.0}}, {{3.9, 0.34, 1.0}, {4.4, 0.36, 0.4}}}) {
    const auto kinds = wide_kinds(planted);
    ASSERT_EQ(kinds.size(), planted.size());
    for (const WideKind& kind : kinds) {
      EXPECT_NEAR(kind.middle_variance, 0.0, 1e-6);
      EXPECT_FALSE(kind.several());
    }
  }
  // Of three kinds the two that are close are one.
  const auto kinds = wide_kinds({{3.7, 0.34, 1.0}, {3.95, 0.34, 0.8}, {4.9, 0.34, 0.5}});
  ASSERT_EQ(kinds.size(), 2U);
  EXPECT_TRUE(kinds[0].several());
  EXPECT_FALSE(kinds[1].several());
}

TEST(TypeProfiles, AreNotMadeOfNothingOrOfWhatIsNoGaussian) {
  const auto k = even_k(2.6, 0.1, 33);
  const auto expected = halo(k);
  EXPECT_TRUE(fit_type_profiles(k, std::vector<double>(k.size() * k.size(), 0.0), expected).types.empty());
  std::vector<double> white(k.size() * k.size(), 0.0);
  for (std::size_t i = 0; i < k.size(); ++i) white[i * (k.size() + 1)] = 1.0;
  EXPECT_TRUE(fit_type_profiles(k, white, expected).types.empty());
  EXPECT_TRUE(
      fit_type_profiles(even_k(3.0, 0.1, 4), std::vector<double>(16, 1.0), std::vector<double>(4, 1.0)).types.empty());
}

TEST(TypeUnmixing, CancelsTheOtherKindsAndWhatAllAnglesShare) {
  const auto k = even_k(2.6, 0.1, 33);
  const auto expected = halo(k);
  const std::vector<TypeProfile> types = {{3.9, 0.35, 1.0}, {4.35, 0.35, 0.4}, {5.0, 0.37, 0.04}};
  const auto unmixing = unmix_types(types, k, expected);
  ASSERT_EQ(unmixing.kinds.size(), types.size());
  double common = 0.0;
  for (std::size_t bin = 0; bin < k.size(); ++bin) {
    common += unmixing.common[bin];
    // A kind's own k, whose mean is its speckles' in part, hardly counts.
    if (types[1].at(k[bin]) > 0.9) {
      EXPECT_LT(std::abs(unmixing.common[bin]), 0.05);
    }
  }
  EXPECT_NEAR(common, 1.0, 1e-9);
  for (std::size_t kind = 0; kind < types.size(); ++kind) {
    EXPECT_NEAR(k[static_cast<std::size_t>(unmixing.kinds[kind].bin)], types[kind].k, 0.0501);
    for (std::size_t other = 0; other < types.size(); ++other) {
      const auto shown = [&](std::size_t bin) { return types[other].at(k[bin]) / expected[bin]; };
      double seen = 0.0;
      double in_common = 0.0;
      for (std::size_t j = 0; j < types.size(); ++j) {
        seen += unmixing.kinds[kind].weights[j] * shown(static_cast<std::size_t>(unmixing.kinds[j].bin));
      }
      for (std::size_t bin = 0; bin < k.size(); ++bin) in_common += unmixing.common[bin] * shown(bin);
      const double own = shown(static_cast<std::size_t>(unmixing.kinds[kind].bin));
      EXPECT_NEAR(seen, other == kind ? own : 0.0, 1e-9 * own);
      EXPECT_NEAR(in_common, 0.0, 1e-6 * own);
    }
  }
  EXPECT_TRUE(unmix_types(std::vector<TypeProfile>{{4.0, 0.1, 1.0}, {4.04, 0.1, 1.0}}, k, expected).kinds.empty());
}

constexpr PatternShape small_detector{64, 64};

TEST(KCovariance, EqualsPlainLoopsInEveryVariant) {
  const PolarGrid grid{8.0, 0.8, 9, 42};
  const InterpolationTable table(grid, small_detector, {31.5, 31.5}, {}, {});
  constexpr std::size_t patterns = 16;  // whole batches of every variant
  std::vector<double> expected, references;
  for (int bin = 0; bin < grid.bins; ++bin) expected.push_back(0.5 + 0.1 * bin);
  for (std::size_t i = 0; i < patterns; ++i) references.push_back(i == 5 ? 0.0 : 1.0 + 0.05 * static_cast<double>(i));
  const std::size_t samples = grid.samples();
  RandomStream random(21, RandomPurpose::test, 0);
  std::vector<float> values(patterns * samples);
  for (float& value : values) value = static_cast<float>(random.uniform(0.0, 2.0));

  // By the definition: every one of the angles used, opposites, less the ring's mean and the mean map.
  const int half = grid.angles / 2;
  const auto relative = [&](std::size_t pattern, int bin, int angle) {
    const float* ring = values.data() + pattern * samples + static_cast<std::size_t>(bin * grid.angles);
    double mean = 0.0;
    for (int j = 0; j < grid.angles; ++j) mean += static_cast<double>(ring[j]) / grid.angles;
    return (static_cast<double>(ring[angle]) - mean) / (references[pattern] * expected[static_cast<std::size_t>(bin)]);
  };
  const auto plain = [&](int i, int j) {
    const bool near = std::abs(i - j) * grid.radius_step_px < 2.0;
    double sum = 0.0, count = 0.0;
    for (int angle = 0; angle < half; ++angle) {  // 0.15 rad are one step of 42 angles
      double products = 0.0, of_i[2] = {}, of_j[2] = {}, odd_products = 0.0, here = 0.0;
      for (std::size_t pattern = 0; pattern < patterns; ++pattern) {
        if (!(references[pattern] > 0.0)) continue;
        const double a = relative(pattern, i, angle), b = relative(pattern, i, angle + half);
        const double c = relative(pattern, j, angle), d = relative(pattern, j, angle + half);
        products += 0.25 * (a + b) * (c + d);
        odd_products += 0.25 * (a - b) * (c - d);
        of_i[0] += 0.5 * (a + b);
        of_i[1] += 0.5 * (a - b);
        of_j[0] += 0.5 * (c + d);
        of_j[1] += 0.5 * (c - d);
        here += 1.0;
      }
      sum += products - of_i[0] * of_j[0] / here;
      if (near) sum -= odd_products - of_i[1] * of_j[1] / here;
      count += here;
    }
    return sum / count;
  };

  std::vector<double> first;
  for (const LaneKernels* kernels : available_kernels()) {
    const auto lanes = static_cast<std::size_t>(kernels->lanes);
    KCovariance covariance(grid, expected, 1, patterns, *kernels);
    for (std::size_t begin = 0; begin < patterns; begin += lanes) {
      covariance.begin(std::span<const double>(references).subspan(begin, lanes));
      for (int bin = 0; bin < grid.bins; ++bin) {
        std::vector<float> batch, sums(lanes);
        for (int angle = 0; angle < grid.angles; ++angle) {
          for (std::size_t lane = 0; lane < lanes; ++lane) {
            batch.push_back(values[(begin + lane) * samples + static_cast<std::size_t>(bin * grid.angles + angle)]);
          }
        }
        kernels->sum(batch.data(), grid.angles, sums.data());
        covariance.add_bin(bin, batch.data(), sums.data(), table);
      }
      covariance.end(table);
    }
    covariance.close_row(0);
    covariance.reduce(Communicator::self());
    const auto matrix = covariance.matrix();
    for (int i = 0; i < grid.bins; ++i) {
      for (int j = 0; j < grid.bins; ++j) {
        // Single precision.
        EXPECT_NEAR(matrix[static_cast<std::size_t>(i * grid.bins + j)], plain(i, j), 2e-6) << kernels->name;
      }
    }
    if (first.empty()) first = matrix;
    EXPECT_EQ(first, matrix) << kernels->name;
  }
}

// Speckles of two kinds at random places, angles and distances from the Bragg condition, in Friedel pairs.
struct PlantedMaps {
  static constexpr std::int64_t side = 60;
  static constexpr int angles = 126;
  static constexpr double width_steps = 2.2;
  static constexpr double width_rad = 0.09;
  std::vector<TypeProfile> types;
  std::vector<double> heights;
  std::vector<int> speckles;
  std::vector<double> covered;
  std::vector<double> k = even_k(2.6, 0.2, 14);
  std::vector<std::vector<float>> maps;   // a bin: (position, angle)
  std::vector<std::vector<float>> alone;  // a kind's own speckles and the same noise, at its own k
  PlantedMaps(std::vector<TypeProfile> planted, std::vector<double> of_height, std::vector<int> of_number,
              std::uint64_t seed)
      : types(std::move(planted)), heights(std::move(of_height)), speckles(std::move(of_number)) {
    constexpr double reach = 3.5, most_tilt = 3.5;
    const auto positions = static_cast<std::size_t>(side * side);
    maps.assign(k.size(), std::vector<float>(positions * angles));
    RandomStream random(seed, RandomPurpose::test, 1);
    for (std::size_t i = 0; i < positions; ++i) {
      // What all angles and k of a pattern share, as tall as the second kind's speckles seldom are.
      const double common = random.normal(0.0, 0.02) + 0.1 * std::sin(0.3 * static_cast<double>(i % side));
      for (auto& map : maps) {
        for (int angle = 0; angle < angles; ++angle) {
          map[i * angles + static_cast<std::size_t>(angle)] =
              static_cast<float>(1.0 + common + random.uniform(-0.09, 0.09));
        }
      }
    }
    for (std::size_t kind = 0; kind < types.size(); ++kind) {
      auto& own = alone.emplace_back(positions * angles);
      for (float& value : own) value = static_cast<float>(1.0 + random.uniform(-0.09, 0.09));
      std::vector<std::uint8_t> mark(positions * angles, 0);
      for (int speckle = 0; speckle < speckles[kind]; ++speckle) {
        const double x = random.uniform(-reach * width_steps, side + reach * width_steps);
        const double y = random.uniform(-reach * width_steps, side + reach * width_steps);
        const double phi = random.uniform(0.0, units::pi);
        const double tilt = random.uniform(-most_tilt, most_tilt);
        std::vector<std::pair<int, double>> lit;  // angles near the speckle or its opposite, and how far from it
        for (int angle = 0; angle < angles; ++angle) {
          const double away = std::remainder(2.0 * units::pi * angle / angles - phi, units::pi) / width_rad;
          if (std::abs(away) < reach) lit.emplace_back(angle, away);
        }
        for (std::int64_t row = 0; row < side; ++row) {
          const double dy = (static_cast<double>(row) - y) / width_steps;
          if (std::abs(dy) > reach) continue;
          for (std::int64_t column = 0; column < side; ++column) {
            const double dx = (static_cast<double>(column) - x) / width_steps;
            if (std::abs(dx) > reach) continue;
            for (const auto& [angle, away] : lit) {
              const double part = std::exp(-0.5 * (dx * dx + dy * dy + away * away + tilt * tilt));
              const auto place = static_cast<std::size_t>((row * side + column) * angles + angle);
              if (part >= 0.5) mark[place] = 1;
              own[place] += static_cast<float>(heights[kind] * part);
              for (std::size_t bin = 0; bin < k.size(); ++bin) {
                maps[bin][place] += static_cast<float>(heights[kind] * types[kind].at(k[bin]) * part);
              }
            }
          }
        }
      }
      covered.push_back(static_cast<double>(std::count(mark.begin(), mark.end(), 1)) /
                        static_cast<double>(mark.size()));
    }
  }
  // A row's patterns, a batch at a time, handed to `begin`, `add` and `end`.
  template <typename Begin, typename Add, typename End>
  static void each_batch(const std::vector<std::vector<float>>& maps, Range bins, Begin begin, Add add, End end) {
    const auto lanes = static_cast<std::int64_t>(best_kernels().lanes);
    std::vector<float> values(static_cast<std::size_t>(angles * lanes)), sums(static_cast<std::size_t>(lanes));
    for (std::int64_t row = 0; row < side; ++row) {
      for (std::int64_t first = 0; first < side; first += lanes) {
        std::vector<std::int64_t> columns;
        for (std::int64_t x = first; x < std::min(side, first + lanes); ++x) columns.push_back(x);
        begin(row, columns);
        for (auto bin = static_cast<int>(bins.begin); bin < bins.end; ++bin) {
          std::fill(values.begin(), values.end(), 0.0F);
          for (std::size_t lane = 0; lane < columns.size(); ++lane) {
            for (int angle = 0; angle < angles; ++angle) {
              values[static_cast<std::size_t>(angle * lanes) + lane] =
                  maps[static_cast<std::size_t>(bin)]
                      [static_cast<std::size_t>((row * side + columns[lane]) * angles + angle)];
            }
          }
          best_kernels().sum(values.data(), angles, sums.data());
          add(bin, values.data(), sums.data());
        }
        end();
      }
    }
  }
  [[nodiscard]] KCovariance covariance() const {
    const int bins = static_cast<int>(k.size());
    const PolarGrid grid{10.0, 1.0, bins, angles};
    const InterpolationTable table(grid, small_detector, {31.5, 31.5}, {}, {});
    const std::vector<double> ones(std::max<std::size_t>(most_lanes, k.size()), 1.0);
    KCovariance result(grid, std::vector<double>(k.size(), 1.0), side, side, best_kernels());
    std::int64_t row_now = 0;
    each_batch(
        maps, {0, bins},
        [&](std::int64_t row, const auto& columns) {
          row_now = row;
          result.begin(std::span(ones).first(columns.size()));
        },
        [&](int bin, const float* values, const float* sums) { result.add_bin(bin, values, sums, table); },
        [&] {
          result.end(table);
          result.close_row(row_now);
        });
    result.reduce(Communicator::self());
    return result;
  }
  static std::unique_ptr<MapStack> stack_of(const std::vector<std::vector<float>>& maps, Range bins) {
    const PolarGrid grid{10.0, 1.0, static_cast<int>(maps.size()), angles};
    const std::vector<double> ones(std::max<std::size_t>(most_lanes, maps.size()), 1.0);
    auto stack = std::make_unique<MapStack>(grid, bins, Range{0, side}, side, side, ones);
    each_batch(
        maps, bins,
        [&](std::int64_t row, const auto& columns) {
          stack->begin(row, columns, std::span(ones).first(columns.size()), best_kernels());
        },
        [&](int bin, const float* values, const float*) { stack->add_bin(bin, values, best_kernels()); }, [] {});
    stack->flush();
    return stack;
  }
};

TEST(SeparatedTypes, PlantedSpecklesOfTwoKindsKeepTheirAreas) {
  // The second kind's speckles are half as high as the first's.
  const PlantedMaps planted({{3.64, 0.32, 1.0}, {4.19, 0.32, 1.0}}, {0.9, 0.45}, {2100, 800}, 5);
  const int bins = static_cast<int>(planted.k.size());
  const PolarGrid grid{10.0, 1.0, bins, PlantedMaps::angles};
  const std::vector<double> expected(planted.k.size(), 1.0);
  const Range rows{0, PlantedMaps::side};
  const ProfileFit fit = fit_type_profiles(planted.k, planted.covariance().matrix(), expected);
  ASSERT_EQ(fit.types.size(), 2U);
  for (std::size_t kind = 0; kind < 2; ++kind) {
    EXPECT_NEAR(fit.types[kind].k, planted.types[kind].k, 0.02);
    EXPECT_NEAR(fit.types[kind].width, planted.types[kind].width, 0.02);
  }
  const auto unmixing = unmix_types(fit.types, planted.k, expected);
  ASSERT_EQ(unmixing.kinds.size(), 2U);

  const std::vector<std::uint8_t> kept(static_cast<std::size_t>(PlantedMaps::side * PlantedMaps::side), 1);
  MapDescriber describer(PlantedMaps::side, PlantedMaps::side, PlantedMaps::angles, 12, kept);
  const auto rows_here = std::span<const Range>(&rows, 1);
  const auto alone = PlantedMaps::stack_of(planted.alone, {0, 2});
  // All k at once, and in bands of five: the same bits.
  std::vector<std::vector<float>> shown[2];
  for (const int round : {0, 1}) {
    const int band = round == 0 ? bins : 5;
    TypeMaps types(unmixing, grid, rows, PlantedMaps::side, PlantedMaps::side);
    for (int first = 0; first < bins; first += band) {
      types.add(PlantedMaps::stack_of(planted.maps, {first, std::min(bins, first + band)}));
    }
    types.unmix();
    std::vector<double> backgrounds;
    for (int kind = 0; kind < 2; ++kind) {
      backgrounds.push_back(
          describer.describe(types.exchange(Communicator::self(), kind, rows_here).front(), 0.005).background);
      // What the speckles add on average, over the maps' mean; the law finds some 150 bright ones.
      const auto& own = planted.alone[static_cast<std::size_t>(kind)];
      const double mean = std::accumulate(own.begin(), own.end(), 0.0) / static_cast<double>(own.size());
      EXPECT_NEAR(backgrounds.back(), 1.0 / mean, 0.1 * (1.0 - 1.0 / mean)) << kind;
    }
    types.restore_heights(backgrounds);
    for (int kind = 0; kind < 2; ++kind) {
      const auto here = types.exchange(Communicator::self(), kind, rows_here);
      here.front().copy_map(17, shown[round].emplace_back(kept.size()));
      if (round > 0) continue;
      const MapDescriptors found = describer.describe(here.front(), 0.005);
      const MapDescriptors wanted =
          describer.describe(alone->exchange(Communicator::self(), kind, rows_here).front(), 0.005);
      // As if there were no other kind, but for noise: 1.4 times as much of it.
      EXPECT_NEAR(found.area_fraction, wanted.area_fraction, 0.05 * wanted.area_fraction) << kind;
      EXPECT_NEAR(found.size, wanted.size, 0.02 * wanted.size) << kind;
      // Some 150 speckles of each are bright enough to be seen: 8 % of scatter.
      const double covered = planted.covered[static_cast<std::size_t>(kind)];
      EXPECT_NEAR(found.area_fraction, covered, 0.15 * covered) << kind;
    }
  }
  EXPECT_EQ(shown[0], shown[1]);
}

// One kind is never taken for several, in none of ten planted scans; two kinds 0.2 to 0.3 nm^-1 apart always are.
TEST(WideKinds, AreSeenInPlantedSpecklesOfTwoCloseKindsOnly) {
  const auto kinds_of = [](const PlantedMaps& planted) {
    const KCovariance covariance = planted.covariance();
    const std::vector<double> expected(planted.k.size(), 1.0);
    std::vector<std::vector<double>> without;
    for (int strip = 0; strip < covariance.strips(); ++strip) without.push_back(covariance.matrix(strip));
    const ProfileFit fit = fit_type_profiles(planted.k, covariance.matrix(), expected);
    return fit_wide_kinds(planted.k, covariance.matrix(), without, expected, fit.types);
  };
  constexpr std::uint64_t scans = 10;
  std::vector<double> variances;
  double mean = 0.0, stated = 0.0;
  for (std::uint64_t seed = 0; seed < scans; ++seed) {
    const auto kinds = kinds_of(PlantedMaps({{3.9, 0.32, 1.0}}, {0.9}, {800}, seed));
    ASSERT_EQ(kinds.size(), 1U) << seed;
    EXPECT_FALSE(kinds[0].several()) << seed;
    variances.push_back(kinds[0].middle_variance);
    mean += variances.back() / scans;
    stated += std::pow(kinds[0].middle_variance_error, 2) / scans;
  }
  double scatter = 0.0;
  for (const double variance : variances) scatter += std::pow(variance - mean, 2) / (scans - 1.0);
  // Noise in the weights makes it a little negative: towards one kind. A standard deviation of ten has 24 % of error.
  EXPECT_NEAR(mean, -0.0003, 0.0003);
  EXPECT_NEAR(std::sqrt(scatter / stated), 1.0, 0.6);
  for (const double apart : {0.2, 0.25, 0.3}) {
    const auto kinds = kinds_of(PlantedMaps({{3.9, 0.32, 1.0}, {3.9 + apart, 0.32, 1.0}}, {0.9, 0.9}, {400, 600}, 20));
    ASSERT_EQ(kinds.size(), 1U) << apart;
    EXPECT_TRUE(kinds[0].several()) << apart;
    // Of 400 and 600 speckles: 0.24 d^2. The few brightest decide the shares, so a third.
    EXPECT_NEAR(kinds[0].middle_variance, 0.24 * apart * apart, 0.08 * apart * apart) << apart;
  }
}

TEST(MroTypes, TakeTheAreasOfKindsToldApartAndShowHiddenOnes) {
  std::vector<double> k, order, nothing, area, error;
  const std::vector<SeparatedType> separated = {{{3.9, 0.35, 1.0}, 0.06, 0.003, 1.2, 0.02},
                                                {{4.35, 0.35, 0.4}, 0.09, 0.005, std::nan(""), std::nan("")}};
  for (int i = 0; i < 40; ++i) {
    k.push_back(2.8 + 0.07 * i);
    double power = 1e-5;
    for (const SeparatedType& type : separated)
      power += 0.01 * type.profile.strength * std::pow(type.profile.at(k[static_cast<std::size_t>(i)]), 2);
    order.push_back(power);
    nothing.push_back(std::nan(""));
    area.push_back(0.14);
    error.push_back(1e-4);
  }
  const DescriptorCurves curves{k, nothing, nothing, area, error, order, error};
  ASSERT_EQ(find_mro_types(curves, 3.0).size(), 1U);  // the stronger hides the other
  const auto types = find_mro_types(curves, 3.0, separated);
  ASSERT_EQ(types.size(), 2U);
  EXPECT_LT(types[0].k_peak, 4.1);
  EXPECT_DOUBLE_EQ(types[0].area_fraction, 0.06);
  EXPECT_DOUBLE_EQ(types[0].size_nm, 1.2);
  EXPECT_DOUBLE_EQ(types[0].size_error_nm, 0.02);
  EXPECT_TRUE(std::isnan(types[1].size_nm));  // neither alone nor at the peak
  EXPECT_NEAR(types[0].area_fraction_at_peak, 0.14, 1e-12);
  EXPECT_DOUBLE_EQ(types[1].k_peak, 4.35);
  EXPECT_DOUBLE_EQ(types[1].area_fraction, 0.09);
  EXPECT_NEAR(types[1].k_high - types[1].k_low, 2.0 * 0.35 * std::sqrt(std::log(2.0)), 1e-12);
}

TEST(MroTypes, AreMarkedWhereSeveralMayBeTakenForOne) {
  const auto marks = [](const std::vector<WideKind>& kinds, const std::vector<double>& peaks) {
    std::vector<MroType> types;
    for (const double peak : peaks) types.emplace_back().k_peak = peak;
    mark_several(kinds, types);
    std::vector<bool> several;
    for (const MroType& type : types) several.push_back(type.several);
    return several;
  };
  const WideKind narrow{{4.0, 0.34, 1.0}, 0.0, 1e-4};
  const WideKind wide{{4.6, 0.34, 1.0}, 0.015, 1e-3};
  EXPECT_EQ(marks({narrow, wide}, {3.95, 4.65, 5.2}), (std::vector<bool>{false, true, false}));
  // Two rows, one kind; and two that were told apart, although the peak of the first lies nearer to the second.
  EXPECT_EQ(marks({narrow}, {3.9, 4.15, 5.0}), (std::vector<bool>{true, true, false}));
  EXPECT_EQ(marks({{{4.18, 0.35, 1.0}, 0.0, 1e-4}, {{4.58, 0.33, 0.5}, 0.0, 1e-4}}, {4.4, 4.58}),
            (std::vector<bool>{false, false}));
  EXPECT_EQ(marks({}, {3.9}), (std::vector<bool>{false}));
}

}  // namespace
}  // namespace mesoglass::diffraction
