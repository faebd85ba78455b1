// The truth against its own definition, evaluated plainly, and against closed forms.
#include <algorithm>
#include <cmath>

#include "phantom/truth.hpp"
#include "phantom_samples.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::test {
namespace {

using namespace phantom;

TEST(Truth, AreaFractionFollowsItsDefinition) {
  auto model = small_model();
  model.scan_ny = 24;
  model.scan_nx = 20;
  model.scan_step_nm = 0.4;
  model.types = {small_type(), small_type()};
  model.types[1].name = "b";
  model.types[1].k_inverse_nm = 5.0;
  model.types[1].fold = 4;
  const auto planted = plant_domains(model);
  const auto fraction = realised_area_fraction(communicator(), model, planted);
  ASSERT_EQ(fraction.size(), 2U);

  std::vector<double> covered(2, 0.0);
  for (std::int64_t row = 0; row < model.scan_ny; ++row) {
    for (std::int64_t column = 0; column < model.scan_nx; ++column) {
      std::vector<std::vector<bool>> inside(2, std::vector<bool>(126, false));
      for (const auto& domain : planted.domains) {
        const double r2 = std::pow(domain.x_nm - 0.4 * static_cast<double>(column), 2) +
                          std::pow(domain.y_nm - 0.4 * static_cast<double>(row), 2);
        const double image = std::exp(-0.5 * r2 / std::pow(image_sigma_nm(model, domain.diameter_nm), 2));
        if (image < 0.5) continue;
        const auto type = static_cast<std::size_t>(domain.type);
        const double k = model.types[type].k_inverse_nm;
        for (const auto& speckle : speckles_of(model, domain)) {
          for (int m = 0; m < 126; ++m) {
            const double phi = 2.0 * units::pi * m / 126;
            const double away = std::pow(k * std::cos(phi) - speckle.kx_inverse_nm, 2) +
                                std::pow(k * std::sin(phi) - speckle.ky_inverse_nm, 2);
            const double signal =
                image * speckle.excitation * std::exp(-0.5 * away / std::pow(speckle.sigma_inverse_nm, 2));
            if (signal >= 0.5) inside[type][static_cast<std::size_t>(m)] = true;
          }
        }
      }
      for (std::size_t type : {0U, 1U}) {
        covered[type] += static_cast<double>(std::count(inside[type].begin(), inside[type].end(), true));
      }
    }
  }
  for (std::size_t type : {0U, 1U}) {
    const double expected = covered[type] / (24.0 * 20.0 * 126.0);
    EXPECT_GT(expected, 0.005);
    // The two differ where rounding decides a position on the very edge.
    EXPECT_NEAR(fraction[type], expected, 2e-5);
  }
}

// Equal domains: the autocorrelation of their maps has exactly their width.
TEST(Truth, SpeckleSizeOfEqualDomainsIsTheirDiameter) {
  auto model = small_model();
  model.types = {small_type()};
  model.types[0].diameter_spread_nm = 0.0;
  EXPECT_NEAR(realised_speckle_size_nm(model, plant_domains(model))[0], 1.2, 1e-6);
  // Two sizes lie in between, nearer to the larger, which scatters more.
  PlantedDomains mixed;
  for (const double diameter : {1.0, 2.0}) {
    mixed.domains.push_back({0, 0.0, 0.0, 1.0, diameter, {1.0, 0.0, 0.0, 0.0}});
  }
  const double size = realised_speckle_size_nm(model, mixed)[0];
  EXPECT_GT(size, 1.75);
  EXPECT_LT(size, 2.0);
  EXPECT_TRUE(std::isnan(realised_speckle_size_nm(model, {})[0]));
}

TEST(Truth, BadPixelsAreDistinctAndInside) {
  auto model = small_model();
  model.detector.hot_pixels = 300;
  model.detector.dead_pixels = 500;
  const auto pixels = draw_bad_pixels(model);
  EXPECT_EQ(pixels.hot.size(), 300U);
  EXPECT_EQ(pixels.dead.size(), 500U);
  std::vector<int> seen(64 * 64, 0);
  for (const auto& list : {pixels.hot, pixels.dead}) {
    for (const auto& [ky, kx] : list) EXPECT_EQ(seen.at(static_cast<std::size_t>(ky * 64 + kx))++, 0);
  }
}

}  // namespace
}  // namespace mesoglass::test
