// S(k) and G(r) against planted shells, against pairs of atoms counted one by one, and their errors against scatter.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/random_stream.hpp"
#include "core/units.hpp"
#include "diffraction/electron_scattering.hpp"
#include "diffraction/pair_distribution.hpp"

namespace mesoglass::diffraction {
namespace {

constexpr double pi = units::pi;

std::vector<double> even_steps(double first, double last, double step) {
  std::vector<double> values;
  for (int i = 0; first + step * i <= last + 1e-9; ++i) values.push_back(first + step * i);
  return values;
}

PairDistributionSettings settings_for(const std::string& alloy) {
  PairDistributionSettings settings;
  settings.composition = parse_composition(alloy, "--composition");
  return settings;
}

PatternAverages averages_with(std::vector<double> intensity) {
  PatternAverages averages;
  averages.bins = static_cast<int>(intensity.size());
  averages.radial_intensity = std::move(intensity);
  return averages;
}

// Where `values` over `r` have their largest value between two distances, by a parabola.
double top_between(const std::vector<double>& r, const std::vector<double>& values, double low, double high) {
  std::size_t best = 0;
  for (std::size_t i = 1; i + 1 < r.size(); ++i) {
    if (r[i] >= low && r[i] <= high && (best == 0 || values[i] > values[best])) best = i;
  }
  const double curvature = values[best - 1] - 2.0 * values[best] + values[best + 1];
  return r[best] + 0.5 * (values[best - 1] - values[best + 1]) / curvature * (r[1] - r[0]);
}

// n atoms at a distance R, spread by a Gaussian of standard deviation sigma: phi = n / (2 pi R) sin(2 pi k R)
// exp(-2 pi^2 sigma^2 k^2), and G(r) is a Gaussian of area n / R.
struct Shell {
  double atoms, distance, sigma;
};
const std::array<Shell, 3> shells{{{12.0, 0.28, 0.018}, {20.0, 0.47, 0.03}, {8.0, 0.60, 0.02}}};

double planted_phi(double k) {
  double phi = 0.0;
  for (const Shell& shell : shells) {
    const double x = shell.sigma * k;
    phi += shell.atoms / (2.0 * pi * shell.distance) * std::sin(2.0 * pi * k * shell.distance) *
           std::exp(-2.0 * pi * pi * x * x);
  }
  return phi;
}

double planted_distribution(double r) {
  double sum = 0.0;
  for (const Shell& shell : shells) {
    const double x = (r - shell.distance) / shell.sigma;
    sum += shell.atoms / shell.distance * std::exp(-0.5 * x * x) / (shell.sigma * std::sqrt(2.0 * pi));
  }
  return sum;
}

// `smooth` is added to phi, `constant` to the intensity.
std::vector<double> planted_intensity(const std::vector<double>& k, const Composition& alloy, double scale,
                                      double constant, double smooth) {
  std::vector<double> intensity;
  for (const double value : k) {
    const MeanScattering mean = mean_scattering(alloy, value);
    const double x = value / k.back();
    const double phi = planted_phi(value) + smooth * value * (1.0 - x) * (1.0 - x) * (1.0 - x);
    intensity.push_back(scale * (mean.mean_of_square + mean.square_of_mean * phi / value) + constant);
  }
  return intensity;
}

void expect_shells(const std::vector<double>& r, const std::vector<double>& distribution, double area_tolerance,
                   const char* what) {
  for (const Shell& shell : shells) {
    EXPECT_NEAR(top_between(r, distribution, shell.distance - 0.05, shell.distance + 0.05), shell.distance, 0.001)
        << what;
    double area = 0.0, expected = 0.0;
    for (std::size_t i = 0; i < r.size(); ++i) {
      if (std::fabs(r[i] - shell.distance) > 2.0 * shell.sigma) continue;
      area += distribution[i];
      expected += planted_distribution(r[i]);
    }
    EXPECT_NEAR(area, expected, area_tolerance * expected) << what << " at " << shell.distance;
  }
}

// Positions within 0.001 nm, areas within 1 % (what k > 24 nm^-1 holds of the first shell, 2.5 % of its amplitude
// there, is missing).
TEST(PairDistribution, PlantedShellsComeBack) {
  const auto k = even_steps(0.2, 24.0, 0.1);
  PairDistributionSettings settings = settings_for("Zr45Cu50Al5");
  settings.window = PairWindow::none;
  const PairDistributionMeter meter(k, settings);
  const auto found = meter.measure(averages_with(planted_intensity(k, settings.composition, 3e5, 0.0, 0.0)));
  EXPECT_TRUE(found.trouble.empty()) << found.trouble;
  EXPECT_NEAR(found.scale, 3e5, 0.005 * 3e5);
  expect_shells(meter.r_nm(), found.distribution, 0.01, "plain");
  EXPECT_NEAR(found.peak_nm[0], 0.28, 0.001);
  for (std::size_t bin = 20; bin < k.size(); ++bin) {
    EXPECT_NEAR(found.reduced[bin], planted_phi(k[bin]), 0.12) << k[bin];  // of an amplitude of 7
    EXPECT_NEAR(found.structure_factor[bin], 1.0 + found.reduced[bin] / k[bin], 1e-12);
  }
  EXPECT_TRUE(std::isnan(found.distribution_error[0]));  // no blocks were given
}

// A constant is found beside the scale, a smooth background goes into the polynomial; areas within 3 %.
TEST(PairDistribution, BackgroundsAreTakenOff) {
  const auto k = even_steps(0.2, 24.0, 0.1);
  PairDistributionSettings settings = settings_for("Zr45Cu50Al5");
  settings.window = PairWindow::none;
  settings.constant_background = true;
  {
    const PairDistributionMeter meter(k, settings);
    const auto found = meter.measure(averages_with(planted_intensity(k, settings.composition, 3e5, 200.0, 0.0)));
    // The oscillations that are left between 16 and 24 nm^-1 count as background, too.
    EXPECT_NEAR(found.constant, 200.0, 20.0);
    EXPECT_NEAR(found.scale, 3e5, 0.03 * 3e5);
    expect_shells(meter.r_nm(), found.distribution, 0.03, "constant");
  }
  settings.constant_background = false;
  const PairDistributionMeter meter(k, settings);
  EXPECT_EQ(meter.background_degree(), 4);  // 2 x 0.09 nm x 24 nm^-1
  settings.background_distance_nm = 0.0;
  const PairDistributionMeter bare(k, settings);
  EXPECT_EQ(bare.background_degree(), 0);
  const auto averages = averages_with(planted_intensity(k, settings.composition, 3e5, 0.0, 0.5));
  const auto with = meter.measure(averages).distribution;
  const auto without = bare.measure(averages).distribution;
  expect_shells(meter.r_nm(), with, 0.03, "smooth");
  // What is smooth in phi shows close to r = 0, where nothing was planted.
  double left = 0.0, before = 0.0;
  for (std::size_t i = 0; meter.r_nm()[i] < 0.1; ++i) {
    left = std::max(left, std::fabs(with[i]));
    before = std::max(before, std::fabs(without[i]));
  }
  EXPECT_LT(left, 0.2 * before);
}

// A glass cut out of a periodic box of hard spheres that were placed at random (sequential addition), two kinds of
// atoms among them at random.
struct Cluster {
  double diameter = 0.0;
  std::array<std::vector<double>, 3> pairs;  // of the first kind, mixed, of the second kind: counts by distance
  std::array<double, 2> atoms{};
  [[nodiscard]] double all() const { return atoms[0] + atoms[1]; }
  [[nodiscard]] double density() const { return all() / (pi / 6.0 * diameter * diameter * diameter); }
};
constexpr double pair_step = 0.0005;  // nm
constexpr double spread_nm = 0.012;   // of every distance, thermal
constexpr double hard_sphere_nm = 0.25;

using Place = std::array<double, 3>;

Cluster count_pairs(const std::vector<Place>& places, double diameter, double second_share) {
  Cluster cluster{diameter, {}, {}};
  for (auto& counts : cluster.pairs) counts.assign(static_cast<std::size_t>(diameter / pair_step) + 2, 0.0);
  RandomStream random(5, RandomPurpose::test, 2);
  std::vector<std::size_t> kinds;
  for (std::size_t i = 0; i < places.size(); ++i) {
    kinds.push_back(random.uniform() < second_share ? 1U : 0U);
    cluster.atoms[kinds[i]] += 1.0;
    for (std::size_t j = 0; j < i; ++j) {
      const double distance =
          std::hypot(places[i][0] - places[j][0], places[i][1] - places[j][1], places[i][2] - places[j][2]);
      cluster.pairs[kinds[i] + kinds[j]][static_cast<std::size_t>(distance / pair_step)] += 1.0;
    }
  }
  return cluster;
}

bool inside(const Place& place, double middle, double diameter) {
  return std::hypot(place[0] - middle, place[1] - middle, place[2] - middle) < 0.5 * diameter;
}

Cluster hard_sphere_glass(double second_share) {
  constexpr double side = 3.6;
  constexpr double diameter = 3.4;
  constexpr double filling = 0.30;
  const auto wanted = static_cast<std::size_t>(filling / (pi / 6.0 * std::pow(hard_sphere_nm, 3)) * std::pow(side, 3));
  RandomStream random(5, RandomPurpose::test, 1);
  std::vector<Place> box;
  for (int tries = 0; tries < 100000 && box.size() < wanted; ++tries) {
    const Place next{side * random.uniform(), side * random.uniform(), side * random.uniform()};
    const bool free = std::none_of(box.begin(), box.end(), [&](const Place& other) {
      double square = 0.0;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        const double apart = std::remainder(next[axis] - other[axis], side);
        square += apart * apart;
      }
      return square < hard_sphere_nm * hard_sphere_nm;
    });
    if (free) box.push_back(next);
  }
  std::erase_if(box, [&](const Place& place) { return !inside(place, 0.5 * side, diameter); });
  return count_pairs(box, diameter, second_share);
}

const Cluster& copper_glass() {
  static const Cluster glass = hard_sphere_glass(0.0);
  return glass;
}

// Debye's equation: sum over all pairs of f_i f_j sin(x) / x, x = 2 pi k r, with thermal spread.
std::vector<double> debye_intensity(const Cluster& cluster, const std::array<int, 2>& numbers,
                                    const std::vector<double>& k) {
  std::vector<double> intensity;
  for (const double value : k) {
    const double first = electron_scattering_factor_nm(numbers[0], value);
    const double second = electron_scattering_factor_nm(numbers[1], value);
    const std::array<double, 3> weights{first * first, first * second, second * second};
    double pairs = 0.0;
    for (std::size_t kind = 0; kind < 3; ++kind) {
      for (std::size_t bin = 0; bin < cluster.pairs[kind].size(); ++bin) {
        if (cluster.pairs[kind][bin] == 0.0) continue;
        const double x = 2.0 * pi * value * pair_step * (static_cast<double>(bin) + 0.5);
        pairs += weights[kind] * cluster.pairs[kind][bin] * std::sin(x) / x;
      }
    }
    const double y = pi * spread_nm * value;
    intensity.push_back(cluster.atoms[0] * weights[0] + cluster.atoms[1] * weights[2] +
                        2.0 * pairs * std::exp(-2.0 * y * y));
  }
  return intensity;
}

// 4 pi r (rho - rho_0 gamma) from the counted pairs, gamma the overlap of the ball with itself; every distance has the
// shape that the thermal spread and Lorch's window up to k_max give a sharp one.
std::vector<double> counted_distribution(const Cluster& cluster, double k_max, const std::vector<double>& r) {
  const std::size_t bins = cluster.pairs[0].size();
  std::vector<double> shape(2 * bins);  // by distance in steps
  constexpr int steps = 300;
  for (int i = 0; i < steps; ++i) {
    const double k = (i + 0.5) * k_max / steps;
    const double y = pi * spread_nm * k;
    const double height = 2.0 * std::sin(pi * k / k_max) / (pi * k / k_max) * std::exp(-2.0 * y * y) * k_max / steps;
    for (std::size_t u = 0; u < shape.size(); ++u) {
      shape[u] += height * std::cos(2.0 * pi * k * pair_step * static_cast<double>(u));
    }
  }
  std::vector<double> excess(bins);
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const double distance = pair_step * (static_cast<double>(bin) + 0.5);
    const double x = std::min(1.0, distance / cluster.diameter);
    const double even = 4.0 * pi * distance * cluster.density() * (1.0 - 1.5 * x + 0.5 * x * x * x) * pair_step;
    const double pairs = cluster.pairs[0][bin] + cluster.pairs[1][bin] + cluster.pairs[2][bin];
    excess[bin] = 2.0 * pairs / cluster.all() / distance - even;
  }
  std::vector<double> distribution;
  for (const double value : r) {
    double sum = 0.0;
    for (std::size_t bin = 0; bin < bins; ++bin) {
      const double distance = pair_step * (static_cast<double>(bin) + 0.5);
      const auto near = static_cast<std::size_t>(std::lround(std::fabs(value - distance) / pair_step));
      const auto far = static_cast<std::size_t>(std::lround((value + distance) / pair_step));
      sum += excess[bin] * (shape[near] - (far < shape.size() ? shape[far] : 0.0));
    }
    distribution.push_back(sum);
  }
  return distribution;
}

struct Comparison {
  double scale_error = 0.0;
  // Of G(r) between 0.2 and 1.2 nm, relative to its highest peak: a straight line through the difference (its value in
  // the middle), and what is left about it.
  double offset = 0.0, rms = 0.0;
  double height_error = 0.0, top_error_nm = 0.0;
};

Comparison compare_with_counts(const Cluster& cluster, const std::array<int, 2>& numbers, const std::string& alloy,
                               double k_max) {
  // Nearer to k = 0 the ball's own small-angle scattering would be taken for structure.
  const auto k = even_steps(2.0, k_max, 0.1);
  const PairDistributionMeter meter(k, settings_for(alloy));
  const auto found = meter.measure(averages_with(debye_intensity(cluster, numbers, k)));
  const auto counted = counted_distribution(cluster, k_max, meter.r_nm());
  Comparison result;
  result.scale_error = found.scale / cluster.all() - 1.0;
  double highest = 0.0, highest_found = 0.0;
  double count = 0.0, sum = 0.0, slope_sum = 0.0, places = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < counted.size(); ++i) {
    const double place = meter.r_nm()[i] - 0.7;
    if (std::fabs(place) > 0.5) continue;
    const double difference = found.distribution[i] - counted[i];
    count += 1.0;
    sum += difference;
    slope_sum += difference * place;
    places += place * place;
    squares += difference * difference;
    highest = std::max(highest, counted[i]);
    highest_found = std::max(highest_found, found.distribution[i]);
  }
  result.offset = sum / count / highest;
  result.rms = std::sqrt((squares - sum * sum / count - slope_sum * slope_sum / places) / count) / highest;
  result.height_error = highest_found / highest - 1.0;
  result.top_error_nm = found.peak_nm[0] - top_between(meter.r_nm(), counted, 0.2, 0.4);
  std::printf("%s, k_max %.0f: scale %+.4f, offset %+.4f, rms %.4f, height %+.4f, first peak %+.5f nm\n", alloy.c_str(),
              k_max, result.scale_error, result.offset, result.rms, result.height_error, result.top_error_nm);
  return result;
}

// The analysis sees nothing below k = 2 nm^-1, where the long waves of one small ball are: they leave a difference that
// hardly changes with r, some 7 % of the first peak.
TEST(PairDistribution, AgreesWithCountedPairs) {
  const Cluster& copper = copper_glass();
  ASSERT_GT(copper.all(), 500.0);
  const Comparison one = compare_with_counts(copper, {29, 29}, "Cu", 20.0);
  EXPECT_LT(std::fabs(one.scale_error), 0.01);
  EXPECT_LT(std::fabs(one.offset), 0.1);
  EXPECT_LT(one.rms, 0.02);
  EXPECT_LT(std::fabs(one.height_error), 0.06);
  EXPECT_LT(std::fabs(one.top_error_nm), 0.001);
  // The two kinds stand at random, so the mixture's G(r) counts every pair alike on average; what is left are the
  // chances of one ball.
  const Cluster mixed = hard_sphere_glass(0.5);
  const std::string alloy = fmt::format("Zr{}Cu{}", mixed.atoms[0], mixed.atoms[1]);
  const Comparison two = compare_with_counts(mixed, {40, 29}, alloy, 20.0);
  EXPECT_LT(std::fabs(two.scale_error), 0.01);
  EXPECT_LT(std::fabs(two.offset), 0.1);
  EXPECT_LT(two.rms, 0.03);
  EXPECT_LT(std::fabs(two.height_error), 0.07);
  EXPECT_LT(std::fabs(two.top_error_nm), 0.001);
  // What a small detector leaves: the position still, the height only roughly.
  const Comparison small = compare_with_counts(copper, {29, 29}, "Cu", 6.0);
  EXPECT_LT(std::fabs(small.top_error_nm), 0.005);
  EXPECT_LT(std::fabs(small.height_error), 0.2);
}

// Plural scattering as a smooth background that is wider in k than single scattering: N takes it in, so that peaks come
// out lower by about its share and stay where they are.
TEST(PairDistribution, WideBackgroundLowersPeaks) {
  const Cluster& copper = copper_glass();
  const auto k = even_steps(2.0, 20.0, 0.1);
  const PairDistributionMeter meter(k, settings_for("Cu"));
  const auto single = debye_intensity(copper, {29, 29}, k);
  const auto highest = [](const PairDistribution& found) {
    return *std::max_element(found.distribution.begin(), found.distribution.end());
  };
  const PairDistribution without = meter.measure(averages_with(single));
  for (const auto& [share, height] : {std::pair{0.1, 0.89}, {0.3, 0.72}}) {
    constexpr double wider = 1.5;
    auto intensity = single;
    for (std::size_t bin = 0; bin < k.size(); ++bin) {
      const double wide = mean_scattering(meter.settings().composition, k[bin] / wider).mean_of_square;
      intensity[bin] += share * copper.all() * wide / (wider * wider);
    }
    const PairDistribution found = meter.measure(averages_with(intensity));
    EXPECT_NEAR(highest(found) / highest(without), height, 0.03) << share;
    EXPECT_NEAR(found.peak_nm[0], without.peak_nm[0], 0.001) << share;
  }
}

// The shells of an fcc crystal of copper (a = 0.3615 nm) at a / sqrt 2, a, a sqrt(3/2), a sqrt 2: a ball of 3 nm.
TEST(PairDistribution, CrystalHasItsShells) {
  constexpr double a = 0.3615;
  constexpr double diameter = 3.0;
  std::vector<Place> ball;
  for (int i = -10; i <= 10; ++i) {
    for (int j = -10; j <= 10; ++j) {
      for (int l = -10; l <= 10; ++l) {
        const Place place{0.5 * a * i, 0.5 * a * j, 0.5 * a * l};
        if ((i + j + l) % 2 == 0 && inside(place, 0.0, diameter)) ball.push_back(place);
      }
    }
  }
  const Cluster crystal = count_pairs(ball, diameter, 0.0);
  const auto k = even_steps(2.0, 20.0, 0.1);
  const PairDistributionMeter meter(k, settings_for("Cu"));
  const auto found = meter.measure(averages_with(debye_intensity(crystal, {29, 29}, k)));
  for (const double square : {0.5, 1.0, 1.5, 2.0}) {
    const double shell = a * std::sqrt(square);
    EXPECT_NEAR(top_between(meter.r_nm(), found.distribution, shell - 0.03, shell + 0.03), shell, 0.003);
  }
  EXPECT_NEAR(found.peak_nm[0], a * std::sqrt(0.5), 0.003);
}

// 25 blocks with noise of their own and a thickness of their own, 200 times: the mean quoted error is the scatter
// within 10 % (the scatter of 200 is known to 5 %, an error from 24 degrees of freedom to 1 % on average of 200).
TEST(PairDistribution, ErrorsAreTheScatter) {
  constexpr std::size_t blocks = 25;
  constexpr int times = 200;
  const auto k = even_steps(1.0, 18.0, 0.2);
  PairDistributionSettings settings = settings_for("Zr45Cu50Al5");
  settings.r_max_nm = 1.2;
  settings.r_step_nm = 0.02;
  const PairDistributionMeter meter(k, settings);
  const auto truth = planted_intensity(k, settings.composition, 3e5, 0.0, 0.0);
  const auto draw = [&](RandomStream& random, double noise) {
    std::vector<std::vector<double>> of_block(blocks, std::vector<double>(k.size()));
    std::vector<double> sums(k.size(), 0.0);
    for (auto& values : of_block) {
      const double thickness = random.normal(1.0, 0.1);
      for (std::size_t bin = 0; bin < k.size(); ++bin) {
        values[bin] = thickness * truth[bin] * (1.0 + noise * random.normal());
        sums[bin] += values[bin];
      }
    }
    PatternAverages averages = averages_with(std::vector<double>(k.size()));
    for (std::size_t bin = 0; bin < k.size(); ++bin) averages.radial_intensity[bin] = sums[bin] / blocks;
    for (const auto& values : of_block) {
      for (std::size_t bin = 0; bin < k.size(); ++bin) {
        averages.radial_intensity_without.push_back((sums[bin] - values[bin]) / (blocks - 1));
      }
    }
    return meter.measure(averages);
  };
  struct Moments {
    double sum = 0.0, squares = 0.0, errors = 0.0;
    void add(double value, double error) {
      sum += value;
      squares += value * value;
      errors += error * error;
    }
    // Quoted over true.
    [[nodiscard]] double ratio() const {
      return std::sqrt(errors / times / ((squares - sum * sum / times) / (times - 1)));
    }
  };
  std::vector<Moments> distribution(meter.r_nm().size()), structure(k.size());
  Moments peak;
  for (int i = 0; i < times; ++i) {
    RandomStream random(11, RandomPurpose::test, static_cast<std::uint64_t>(i));
    const PairDistribution found = draw(random, 0.01);
    for (std::size_t r = 0; r < distribution.size(); ++r) {
      distribution[r].add(found.distribution[r], found.distribution_error[r]);
    }
    for (std::size_t bin = 0; bin < k.size(); ++bin) {
      structure[bin].add(found.structure_factor[bin], found.structure_factor_error[bin]);
    }
    peak.add(found.peak_nm[0], found.peak_error_nm[0]);
  }
  const auto mean_ratio = [](const std::vector<Moments>& all) {
    double sum = 0.0;
    for (const Moments& moments : all) {
      EXPECT_NEAR(moments.ratio(), 1.0, 0.25);
      sum += moments.ratio();
    }
    return sum / static_cast<double>(all.size());
  };
  const double of_distribution = mean_ratio(distribution);
  const double of_structure = mean_ratio(structure);
  std::printf("quoted over true error: G %.3f, S %.3f, first peak %.3f\n", of_distribution, of_structure, peak.ratio());
  EXPECT_NEAR(of_distribution, 1.0, 0.1);
  EXPECT_NEAR(of_structure, 1.0, 0.1);
  EXPECT_NEAR(peak.ratio(), 1.0, 0.2);
  // A thickness that differs from block to block scales all k alike and is no error of S.
  RandomStream random(12, RandomPurpose::test, 0);
  const PairDistribution quiet = draw(random, 0.0);
  for (const double error : quiet.structure_factor_error) EXPECT_LT(error, 1e-10);
}

TEST(PairDistribution, WidthsAreThoseOfTheWindow) {
  const auto k = even_steps(1.0, 20.0, 0.1);
  PairDistributionSettings settings = settings_for("CuZr");
  settings.window = PairWindow::none;
  // sin(x)/x is 1/2 at x = 1.8955.
  EXPECT_NEAR(PairDistributionMeter(k, settings).peak_width_nm(), 1.8955 / (pi * 20.0), 1e-5);
  // A Gaussian's transform: exp(-b k^2) far inside k_max makes a width of 2 sqrt(b ln 2) / pi.
  settings.damping_nm2 = 0.05;
  EXPECT_NEAR(PairDistributionMeter(k, settings).peak_width_nm(), 2.0 * std::sqrt(0.05 * std::log(2.0)) / pi, 1e-4);
  EXPECT_NEAR(PairDistributionMeter(k, settings).resolution_nm(), 0.025, 1e-12);
}

TEST(PairDistribution, SaysWhatDoesNotFit) {
  const auto k = even_steps(1.0, 6.0, 0.1);
  const auto refused = [&](auto change, const char* named) {
    PairDistributionSettings settings = settings_for("CuZr");
    change(settings);
    try {
      const PairDistributionMeter meter(k, settings);
      ADD_FAILURE() << named;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
    }
  };
  refused([](auto& settings) { settings.fit_low = 8.0; }, "--pdf-fit-min");
  refused([](auto& settings) { settings.fit_high = 2.0; }, "--pdf-fit-max");
  refused([](auto& settings) { settings.r_max_nm = 6.0; }, "--pdf-r-max");
  refused([](auto& settings) { settings.r_step_nm = 1.0; }, "--pdf-r-step");
  // Intensities that say nothing: no numbers, and why.
  const PairDistributionMeter meter(k, settings_for("CuZr"));
  auto averages = averages_with(std::vector<double>(k.size(), 1.0));
  averages.radial_intensity[3] = std::nan("");
  const auto missing = meter.measure(averages);
  EXPECT_NE(missing.trouble.find("1.3"), std::string::npos) << missing.trouble;
  EXPECT_TRUE(std::isnan(missing.distribution.front()));
  EXPECT_TRUE(std::isnan(missing.peak_nm.front()));
  EXPECT_FALSE(meter.measure(averages_with(std::vector<double>(k.size(), -1.0))).trouble.empty());
}

}  // namespace
}  // namespace mesoglass::diffraction
