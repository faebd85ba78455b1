#include "deformation/rate_kernel.hpp"

#include <array>
#include <cmath>
#include <vector>

#include "core/random_stream.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::deformation {

TEST(RateKernel, ExponentialIsAccurate) {
  RandomStream random(3, RandomPurpose::test);
  double worst = 0.0;
  for (int sample = 0; sample < 200000; ++sample) {
    const double x = random.uniform(-700.0, 700.0);
    worst = std::max(worst, std::fabs(rate_exponential(x) / std::exp(x) - 1.0));
  }
  // Two units in the last place of 2.2e-16, and the library's own error.
  EXPECT_LT(worst, 6e-16);
  EXPECT_EQ(rate_exponential(0.0), 1.0);
  EXPECT_LT(rate_exponential(-1e300), 1e-300);
}

// Barriers and rates of a batch against the formula written out mode by mode.
TEST(RateKernel, BatchEqualsTheFormula) {
  for (const int components : {2, 3, 5, 6}) {
    for (const bool guard : {false, true}) {
      RateConstants constants;
      constants.components = components;
      constants.energy_guard = guard;
      constants.half_work = 1.7;
      constants.inverse_kt = 38.0;
      constants.attempt_rate = 3e12;
      const std::array<int, 3> modes = {20, 2, 7};
      RandomStream random(5, RandomPurpose::test, static_cast<std::uint64_t>(components), guard ? 1 : 0);
      std::vector<double> blocks;
      std::vector<std::size_t> begin;
      std::vector<std::uint16_t> padded;
      std::vector<std::vector<double>> softened(3), strain(3), own_energy(3);
      const auto width = static_cast<std::size_t>(components);
      for (std::size_t v = 0; v < 3; ++v) {
        const auto count = static_cast<std::size_t>(modes[v]);
        const std::size_t p = padded_modes(modes[v]);
        begin.push_back(blocks.size());
        padded.push_back(static_cast<std::uint16_t>(p));
        std::vector<double> block(block_size(constants, p), 0.0);
        std::fill_n(block.begin(), p, padding_barrier_ev);
        for (std::size_t m = 0; m < count; ++m) {
          softened[v].push_back(random.uniform(0.5, 1.5));
          own_energy[v].push_back(random.uniform(0.2, 1.5));
          block[m] = softened[v][m];
          for (std::size_t c = 0; c < width; ++c) {
            strain[v].push_back(random.uniform(-0.1, 0.1));
            block[(c + 1) * p + m] = strain[v].back();
          }
          if (guard) block[(width + 1) * p + m] = own_energy[v][m];
        }
        blocks.insert(blocks.end(), block.begin(), block.end());
      }
      std::vector<double> stress(width * 3);
      std::vector<double> mean(width);
      for (auto& value : stress) value = random.uniform(-1.0, 1.0);
      for (auto& value : mean) value = random.uniform(-1.0, 1.0);
      const RateBatch batch{blocks.data(), begin.data(), padded.data(), stress.data(), 3, mean.data()};
      const std::vector<std::uint32_t> voxels = {0, 1, 2};
      std::vector<double> rate(3), lowest(3), evaluated(3 * width);
      evaluate_voxels(constants, batch, voxels, rate.data(), lowest.data(), evaluated.data());
      for (std::size_t v = 0; v < 3; ++v) {
        double expected_rate = 0.0;
        double expected_lowest = 1e9;
        for (std::size_t m = 0; m < softened[v].size(); ++m) {
          double work = 0.0;
          for (std::size_t c = 0; c < width; ++c) work += (stress[c * 3 + v] + mean[c]) * strain[v][m * width + c];
          double barrier = softened[v][m] - constants.half_work * work;
          if (guard) barrier = std::max(barrier, own_energy[v][m] - 2.0 * constants.half_work * work);
          expected_lowest = std::min(expected_lowest, barrier);
          expected_rate += constants.attempt_rate * std::exp(-barrier * constants.inverse_kt);
        }
        EXPECT_NEAR(rate[v] / expected_rate, 1.0, 1e-13);
        EXPECT_NEAR(lowest[v], expected_lowest, 1e-14);
        for (std::size_t c = 0; c < width; ++c) EXPECT_EQ(evaluated[v * width + c], stress[c * 3 + v] + mean[c]);
      }

      // After the stress has moved, the bound holds for the true lowest barrier.
      const std::vector<double> old_lowest = lowest;
      const std::vector<double> old_evaluated = evaluated;
      std::vector<double> reach(3, 0.0);
      for (std::size_t v = 0; v < 3; ++v) {
        for (std::size_t m = 0; m < softened[v].size(); ++m) {
          double square = 0.0;
          for (std::size_t c = 0; c < width; ++c) square += strain[v][m * width + c] * strain[v][m * width + c];
          reach[v] = std::max(reach[v], std::sqrt(square));
        }
      }
      for (auto& value : stress) value += random.uniform(-0.3, 0.3);
      std::vector<double> bound(3);
      bound_voxels(constants, batch, 3, old_lowest.data(), reach.data(), old_evaluated.data(), bound.data());
      evaluate_voxels(constants, batch, voxels, rate.data(), lowest.data(), evaluated.data());
      for (std::size_t v = 0; v < 3; ++v) EXPECT_LE(bound[v], lowest[v] + 1e-12);
    }
  }
}

}  // namespace mesoglass::deformation
