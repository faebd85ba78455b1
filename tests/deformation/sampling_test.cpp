// Exactness of the sampled process: waiting times, choices, thinning, creep, ramps.
#include <boost/math/distributions/chi_squared.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/units.hpp"
#include "deformation/engine.hpp"
#include "deformation/softening.hpp"
#include "kolmogorov.hpp"
#include "planted_glass.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::deformation {

namespace {

using test::communicator;

// Rate of every (voxel, mode) of a fresh glass under a mean stress, straight from catalog and formula: the constants
// are written out here, so that a wrong unit in the engine shows.
std::vector<double> naive_rates(const catalog::Catalog& glass, const DeformationParameters& parameters,
                                const std::vector<double>& stress) {
  const catalog::ShearModes modes(glass.types, glass.rules, glass.grid.dimensions());
  const double kt = 8.617333262e-5 * parameters.kinetics.temperature_k;
  const double volume = glass.grid.voxel_volume_nm3();
  std::vector<double> rates;
  for (std::size_t v = 0; v < glass.voxel_type.size(); ++v) {
    const auto type = glass.voxel_type[v];
    const auto count = static_cast<std::size_t>(modes.modes(type));
    const auto width = static_cast<std::size_t>(modes.components());
    std::vector<double> strains(count * width), barriers(count);
    modes.strains(parameters.seed, static_cast<std::int64_t>(v), 0, type, glass.rotation(v), strains);
    modes.barriers(parameters.seed, static_cast<std::int64_t>(v), 0, type, barriers);
    for (std::size_t m = 0; m < count; ++m) {
      double work_gpa = 0.0;
      for (std::size_t c = 0; c < width; ++c) work_gpa += stress[c] * strains[m * width + c];
      const double barrier = barriers[m] - 0.5 * volume * work_gpa * 6.241509074;
      rates.push_back(1e13 * (parameters.kinetics.rate_volume ? volume : 1.0) * std::exp(-barrier / kt));
    }
  }
  return rates;
}

}  // namespace

// Waiting times are exponential with the total of the exact rates, and choices follow them, in 2-D and 3-D.
TEST(Sampling, WaitingTimesAndChoicesFollowTheExactRates) {
  for (const int nz : {1, 2}) {
    const Communicator alone = Communicator::self();
    auto glass = test::matrix_glass(alone, 2, 2, nz);
    auto parameters = test::parameters_for(glass);
    parameters.kinetics.temperature_k = 900.0;  // many modes take part
    auto engine = make_engine(alone, parameters, glass);
    const std::vector<double> stress =
        nz == 1 ? std::vector<double>{0.9, -0.4} : std::vector<double>{0.5, -0.3, 0.2, 0.1, -0.4};
    engine->set_mean_stress(stress);
    const auto rates = naive_rates(glass, parameters, stress);
    double total = 0.0;
    for (const double rate : rates) total += rate;
    EXPECT_NEAR(engine->total_rate() / total, 1.0, 1e-7);  // CODATA digits written out above

    RandomDraws draws{parameters.seed, 0};
    constexpr int samples = 20000;
    std::vector<double> uniforms;
    std::vector<double> counts(rates.size(), 0.0);
    for (int sample = 0; sample < samples; ++sample) {
      const auto step = engine->next_event(1e300, draws);
      ASSERT_TRUE(step.event.has_value());
      uniforms.push_back(-std::expm1(-total * step.elapsed_s));
      counts[static_cast<std::size_t>(step.event->voxel * 20 + step.event->mode)] += 1.0;
    }
    EXPECT_LT(test::kolmogorov(uniforms), test::kolmogorov_limit);

    // Chi-square over the modes; rare ones are put together.
    double chi_square = 0.0;
    double rare_expected = 0.0;
    double rare_count = 0.0;
    int classes = 0;
    for (std::size_t m = 0; m < rates.size(); ++m) {
      const double expected = samples * rates[m] / total;
      if (expected < 20.0) {
        rare_expected += expected;
        rare_count += counts[m];
        continue;
      }
      chi_square += (counts[m] - expected) * (counts[m] - expected) / expected;
      ++classes;
    }
    if (rare_expected > 5.0) {
      chi_square += (rare_count - rare_expected) * (rare_count - rare_expected) / rare_expected;
      ++classes;
    }
    ASSERT_GT(classes, 3);
    const boost::math::chi_squared distribution(classes - 1);
    EXPECT_LT(chi_square, boost::math::quantile(distribution, 0.999));
  }
}

// A horizon cuts waiting times without bending the process: events a time stay Poissonian with the rate.
TEST(Sampling, HorizonsDoNotChangeTheRate) {
  const Communicator alone = Communicator::self();
  auto glass = test::matrix_glass(alone, 4, 4, 1);
  auto parameters = test::parameters_for(glass);
  parameters.kinetics.temperature_k = 900.0;
  auto engine = make_engine(alone, parameters, glass);
  const double rate = engine->total_rate();
  RandomDraws draws{parameters.seed, 0};
  int events = 0;
  constexpr int horizons = 30000;
  for (int i = 0; i < horizons; ++i) {
    const auto step = engine->next_event(0.7 / rate, draws);
    if (step.event)
      ++events;
    else
      EXPECT_EQ(step.elapsed_s, 0.7 / rate);
  }
  const double expected = 1.0 - std::exp(-0.7);
  const double deviation = std::sqrt(expected * (1.0 - expected) / horizons);
  EXPECT_NEAR(events / static_cast<double>(horizons), expected, 4.0 * deviation);
}

// While temporary softening decays the rate falls: the waiting time's law is S(t) = exp(-integral of R), integrated
// here numerically.
TEST(Sampling, ThinningIsExactWhileSofteningDecays) {
  const Communicator alone = Communicator::self();
  auto glass = test::ordered_glass(alone, 2, 2, 4, 0.92);
  auto parameters = test::parameters_for(glass);
  parameters.kinetics.directional = DirectionalSoftening::isotropic;
  parameters.kinetics.permanent_softening = 0.0;
  parameters.kinetics.temporary_softening = 20.0;
  parameters.kinetics.energy_guard = false;
  parameters.kinetics.temperature_k = 600.0;
  glass.types[0].young_modulus_gpa = glass.types[1].young_modulus_gpa = 1e-9;  // no elastic interaction
  const double kt = 8.617333262145179e-5 * 600.0;
  const double tau = std::exp(0.37 / kt) / 1e13;
  const double square = 2.0 * 0.14 * 0.14;  // e:e of a mode
  const double at_event = 20.0 * square;
  const auto rate_at = [&](double age) {
    const double softened = 0.92 * std::exp(-at_event * std::exp(-age / tau));
    return 1e13 * (12.0 * std::exp(-0.92 / kt) + 4.0 * std::exp(-softened / kt));
  };
  // Cumulative hazard on a fine, growing grid (trapezoids; relative error below 1e-4).
  std::vector<double> age = {0.0};
  std::vector<double> hazard = {0.0};
  while (age.back() < 60.0 * tau) {
    const double step = std::max(1e-4 * tau, 2e-3 * age.back());
    hazard.push_back(hazard.back() + 0.5 * step * (rate_at(age.back()) + rate_at(age.back() + step)));
    age.push_back(age.back() + step);
  }
  const auto hazard_at = [&](double time) {
    if (time >= age.back()) return hazard.back() + (time - age.back()) * rate_at(age.back());
    const auto upper = std::upper_bound(age.begin(), age.end(), time);
    const auto i = static_cast<std::size_t>(upper - age.begin());
    const double part = (time - age[i - 1]) / (age[i] - age[i - 1]);
    return hazard[i - 1] + part * (hazard[i] - hazard[i - 1]);
  };
  // The decay must matter: neither over before the first event, nor slower than it.
  ASSERT_GT(hazard_at(5.0 * tau), 0.2);
  ASSERT_LT(hazard_at(0.2 * tau), 2.0);

  auto engine = make_engine(alone, parameters, glass);
  const VoxelState fresh = engine->state();
  RandomDraws draws{parameters.seed, 0};
  std::vector<double> uniforms;
  for (int sample = 0; sample < 4000; ++sample) {
    engine->restore(fresh);
    const auto first = engine->next_event(1e300, draws);
    (void)engine->transform(std::span(&*first.event, 1));
    const auto second = engine->next_event(1e300, draws);
    uniforms.push_back(-std::expm1(-hazard_at(second.elapsed_s)));
  }
  EXPECT_LT(test::kolmogorov(uniforms), test::kolmogorov_limit);
}

// Without interaction and softening, and with modes that last for life, the creep rate is the sum over modes of
// strain times rate, over more than six decades.
TEST(Sampling, CreepRateEqualsTheSumOverModes) {
  const Communicator alone = Communicator::self();
  double slowest = 1e300;
  double fastest = 0.0;
  for (const double temperature : {300.0, 500.0, 800.0}) {
    for (const double stress_gpa : {-0.5, 0.2, 1.0, 2.0}) {
      auto glass = test::ordered_glass(alone, 4, 4, 6, 1.0, 0.3);
      glass.types[0].young_modulus_gpa = glass.types[1].young_modulus_gpa = 1e-9;
      auto parameters = test::parameters_for(glass);
      test::switch_softening_off(parameters);
      parameters.kinetics.temperature_k = temperature;
      auto engine = make_engine(alone, parameters, glass);
      engine->set_mean_stress(std::vector<double>{stress_gpa / std::sqrt(2.0), 0.0});  // sigma_xx alone

      // e_xx of mode j is gamma0 cos(a_j), a_j = 0.3 + 2 pi j / 6; sigma:e = sigma_xx e_xx.
      const double kt = 8.617333262145179e-5 * temperature;
      const double volume = 0.7 * 0.7 * 1.0;
      double strain_rate = 0.0;
      double square_rate = 0.0;
      for (int j = 0; j < 6; ++j) {
        const double strain = 0.14 * std::cos(0.3 + 2.0 * units::pi * j / 6.0);
        const double rate = 1e13 * std::exp(-(1.0 - 0.5 * volume * stress_gpa * strain * 6.241509074) / kt);
        strain_rate += strain * rate;
        square_rate += strain * strain * rate;
      }
      slowest = std::min(slowest, std::fabs(strain_rate));
      fastest = std::max(fastest, std::fabs(strain_rate));
      RandomDraws draws{parameters.seed, 0};
      double time = 0.0;
      double strain = 0.0;
      constexpr int events = 6000;
      for (int event = 0; event < events; ++event) {
        const auto step = engine->next_event(1e300, draws);
        time += step.elapsed_s;
        strain += (step.event->strain[0] / std::sqrt(2.0)) / 16.0;  // mean over the voxels
        (void)engine->transform(std::span(&*step.event, 1));
      }
      // A compound Poisson process: variance of the strain is (sum of e^2 r / N) t.
      const double deviation = std::sqrt(square_rate / 16.0 * time);
      EXPECT_NEAR(strain, strain_rate * time, 4.0 * deviation) << temperature << " K, " << stress_gpa << " GPa";
      if (stress_gpa >= 1.0 && temperature < 400.0) {
        // Where the stress decides, the rate itself is measured to a few per cent.
        EXPECT_NEAR(strain / time / strain_rate, 1.0, 0.06);
      }
    }
  }
  EXPECT_GT(fastest / slowest, 1e6);
}

// One kind of mode under a stress that grows steadily: the time of the first event follows the Gumbel law
// S(t) = exp(-r0 (e^(bt) - 1) / b), and the strength grows with kT / (V e_xx / 2) a unit of ln(rate).
TEST(Sampling, StressRampGivesTheGumbelLaw) {
  const Communicator alone = Communicator::self();
  auto glass = test::ordered_glass(alone, 2, 2, 2, 1.6);
  auto parameters = test::parameters_for(glass);
  test::switch_softening_off(parameters);
  auto engine = make_engine(alone, parameters, glass);
  const double kt = 8.617333262145179e-5 * 300.0;
  const double sensitivity = 0.5 * 0.49 * 0.14 * 6.241509074 / kt;  // d ln(rate) / d sigma_xx of the mode along x
  const double zero_rate = 4.0 * 1e13 * std::exp(-1.6 / kt);
  RandomDraws draws{parameters.seed, 0};
  std::vector<double> mean_strength;
  for (const double ramp_gpa_per_s : {1e-3, 1e-1}) {
    const double b = sensitivity * ramp_gpa_per_s;
    // The stress is constant within a step and set at its middle: an error of (0.02)^2 / 24 in the hazard.
    const double step_s = 0.02 / b;
    std::vector<double> uniforms;
    double sum = 0.0;
    constexpr int samples = 1500;
    for (int sample = 0; sample < samples; ++sample) {
      // Below this stress an event has a probability of 1e-6.
      double time = std::log1p(1e-6 * b / zero_rate) / b;
      for (;;) {
        const double stress = ramp_gpa_per_s * (time + 0.5 * step_s);
        engine->set_mean_stress(std::vector<double>{stress / std::sqrt(2.0), 0.0});
        const auto step = engine->next_event(step_s, draws);
        time += step.elapsed_s;
        if (step.event) break;
      }
      uniforms.push_back(-std::expm1(-zero_rate * std::expm1(b * time) / b));
      sum += ramp_gpa_per_s * time;
    }
    EXPECT_LT(test::kolmogorov(uniforms), test::kolmogorov_limit);
    mean_strength.push_back(sum / samples);
  }
  // Standard error of a Gumbel mean: pi / sqrt 6 / sensitivity / sqrt n, for each of the two.
  const double error = units::pi / std::sqrt(6.0) / sensitivity / std::sqrt(1500.0) * std::sqrt(2.0);
  EXPECT_NEAR(mean_strength[1] - mean_strength[0], std::log(100.0) / sensitivity, 4.0 * error);
}

// Softening as the law says, for each directional option.
TEST(Softening, DirectionalFactors) {
  const std::vector<double> along = {0.1, 0.0};
  const std::vector<double> opposite = {-0.2, 0.0};
  const std::vector<double> across = {0.0, 0.3};
  using enum DirectionalSoftening;
  EXPECT_DOUBLE_EQ(directional_factor(squared, along, along), 1.0);
  EXPECT_DOUBLE_EQ(directional_factor(squared, opposite, along), 0.0);
  EXPECT_DOUBLE_EQ(directional_factor(squared, across, along), 0.25);
  EXPECT_DOUBLE_EQ(directional_factor(linear, across, along), 0.5);
  EXPECT_DOUBLE_EQ(directional_factor(isotropic, opposite, along), 1.0);
  KineticParameters kinetics;
  kinetics.permanent_softening = 13.0;
  kinetics.softening_cap = 0.5;
  EXPECT_DOUBLE_EQ(permanent_softening_after(kinetics, 0.1, 0.02), 0.36);
  EXPECT_DOUBLE_EQ(permanent_softening_after(kinetics, 0.4, 0.02), 0.5);
  kinetics.temperature_k = 300.0;
  EXPECT_NEAR(recovery_time_s(kinetics), 1.64e-7, 0.01e-7);
}

// After an event the voxel's total rate is that of its new catalog with softened barriers, written out here.
TEST(Softening, AppliesToTheNextCatalog) {
  const Communicator alone = Communicator::self();
  auto glass = test::matrix_glass(alone, 2, 2, 1);
  for (auto& type : glass.types) type.young_modulus_gpa = 1e-9;
  auto parameters = test::parameters_for(glass);
  auto engine = make_engine(alone, parameters, glass);
  RandomDraws draws{parameters.seed, 0};
  const auto step = engine->next_event(1e300, draws);
  const Transformation event = *step.event;
  (void)engine->transform(std::span(&event, 1));
  const double square = event.strain[0] * event.strain[0] + event.strain[1] * event.strain[1];
  const double kt = 8.617333262145179e-5 * 300.0;
  const double softening = std::min(13.0 * square, 0.5108) + 39.0 * square;
  const catalog::ShearModes modes(glass.types, glass.rules, 2);
  double expected = 0.0;
  for (std::int64_t voxel = 0; voxel < 4; ++voxel) {
    std::vector<double> strains(40), barriers(20);
    const std::uint32_t generation = voxel == event.voxel ? 1 : 0;
    modes.strains(parameters.seed, voxel, generation, 0, {1, 0, 0, 0}, strains);
    modes.barriers(parameters.seed, voxel, generation, 0, barriers);
    for (std::size_t m = 0; m < 20; ++m) {
      double g = 0.0;
      if (voxel == event.voxel) {
        const double product = strains[2 * m] * event.strain[0] + strains[2 * m + 1] * event.strain[1];
        const double cosine =
            product / std::sqrt(square * (strains[2 * m] * strains[2 * m] + strains[2 * m + 1] * strains[2 * m + 1]));
        g = softening * std::pow(0.5 * (1.0 + cosine), 2);
      }
      expected += 1e13 * std::exp(-barriers[m] * std::exp(-g) / kt);
    }
  }
  EXPECT_NEAR(engine->total_rate() / expected, 1.0, 1e-6);
}

}  // namespace mesoglass::deformation
