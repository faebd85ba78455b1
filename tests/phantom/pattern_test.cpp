// Rendered patterns against exact results, and counting statistics.
#include <algorithm>
#include <boost/math/special_functions/bessel.hpp>
#include <cmath>
#include <complex>
#include <numeric>

#include "phantom/counting.hpp"
#include "phantom/pattern_renderer.hpp"
#include "phantom_samples.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::test {
namespace {

using namespace phantom;

double total(const std::vector<float>& pattern) {
  return std::accumulate(pattern.begin(), pattern.end(), 0.0);
}

std::vector<float> rendered(const PhantomModel& model, const PlantedDomains& planted, std::int64_t y = 0,
                            std::int64_t x = 0) {
  const DomainIndex index(model, planted);
  const PatternRenderer renderer(model, index);
  std::vector<float> pattern(static_cast<std::size_t>(model.detector.ny * model.detector.nx));
  (void)renderer.render(y, x, pattern);
  return pattern;
}

TEST(Pattern, DiscOverAllIsTheTransmittance) {
  auto model = small_model();
  model.film.wedge_x = 3.0;
  model.types = {small_type()};
  const auto planted = plant_domains(model);
  const DomainIndex index(model, planted);
  const PatternRenderer renderer(model, index);
  std::vector<float> pattern(64 * 64);
  for (std::int64_t x = 0; x < model.scan_nx; ++x) {
    const auto result = renderer.render(2, x, pattern);
    EXPECT_FALSE(result.diffuse_exhausted);
    EXPECT_GT(result.speckle_electrons, 0.0);
    const double all = total(pattern);
    EXPECT_NEAR(all, 1e5, 20.0);  // float sums; the halo is normalised at the mean centre
    const auto [cx, cy] = model.centre_px(2, x);
    double disc = 0.0;
    for (int ky = 0; ky < 64; ++ky) {
      for (int kx = 0; kx < 64; ++kx) {
        // 0.5 nm^-1 is 2.5 pixels; nothing else reaches there.
        if (std::hypot(kx - cx, ky - cy) < 4.0) disc += pattern[static_cast<std::size_t>(ky * 64 + kx)];
      }
    }
    const double expected = std::exp(-(30.0 + 3.0 * (0.5 * static_cast<double>(x) - 1.25)) / 80.0);
    EXPECT_NEAR(disc / all, expected, 0.01 * expected);
  }
}

TEST(Pattern, CentreMovesWithTheDescan) {
  auto model = small_model();
  model.detector.descan_x_px = 4.0;
  model.detector.descan_y_px = -6.0;
  for (const auto& [y, x, cx, cy] : {std::array<double, 4>{0, 0, 29.2, 35.7}, {7, 5, 33.2, 29.7}, {0, 5, 33.2, 35.7}}) {
    const auto pattern = rendered(model, {}, static_cast<std::int64_t>(y), static_cast<std::int64_t>(x));
    double sum = 0.0, sum_x = 0.0, sum_y = 0.0;
    for (int ky = 0; ky < 64; ++ky) {
      for (int kx = 0; kx < 64; ++kx) {
        if (std::hypot(kx - cx, ky - cy) > 4.0) continue;
        const double value = pattern[static_cast<std::size_t>(ky * 64 + kx)];
        sum += value;
        sum_x += value * kx;
        sum_y += value * ky;
      }
    }
    EXPECT_NEAR(sum_x / sum, cx, 0.02);  // a pixelated disc of 2.5 px radius
    EXPECT_NEAR(sum_y / sum, cy, 0.02);
  }
}

// One domain under the first position, its first vector at angle alpha: where its spot is, how strong and how wide.
TEST(Pattern, ASpeckleStandsWhereTheDistortedVectorPoints) {
  auto model = small_model();
  model.detector.ellipse_axis_ratio = 1.2;
  model.detector.ellipse_angle_rad = 0.5;
  model.types = {parse_type("name=one,k=4,fold=1,diameter=1.2,fraction=0.1,order=0.8")};
  const double alpha = 1.1;
  PlantedDomains planted;
  planted.domains.push_back({0, 0.3, 0.0, 5.0, 1.2, {std::cos(alpha / 2), 0.0, 0.0, std::sin(alpha / 2)}});
  planted.planted_volume_nm3 = {1.0};
  const auto with = rendered(model, planted);
  auto empty = planted;
  empty.domains.clear();
  const auto without = rendered(model, empty);
  double sum = 0.0, sum_x = 0.0, sum_y = 0.0, square = 0.0;
  // The halo lost what the speckle took: compare with the halo scaled to that.
  const double part = 0.8 * model.scattering.speckle_strength_inverse_nm * 1.2 * (1.44 / 2.44) *
                      std::exp(-0.5 * 0.09 / (2.44 * sigma_of_fwhm * sigma_of_fwhm));
  const double transmittance = std::exp(-model.thickness_nm(0, 0) / 80.0);
  const double speckle = 1e5 * transmittance * part;
  const double halo_left = 1.0 - speckle / (1e5 * (1.0 - transmittance));
  const double cx = 31.2 + 20.0 * (std::cos(alpha - 0.5) * std::sqrt(1.2) * std::cos(0.5) -
                                   std::sin(alpha - 0.5) / std::sqrt(1.2) * std::sin(0.5));
  const double cy = 32.7 + 20.0 * (std::cos(alpha - 0.5) * std::sqrt(1.2) * std::sin(0.5) +
                                   std::sin(alpha - 0.5) / std::sqrt(1.2) * std::cos(0.5));
  for (int ky = 0; ky < 64; ++ky) {
    for (int kx = 0; kx < 64; ++kx) {
      if (std::hypot(kx - cx, ky - cy) > 9.0) continue;
      const auto i = static_cast<std::size_t>(ky * 64 + kx);
      const double extra = with[i] - halo_left * without[i];
      sum += extra;
      sum_x += extra * kx;
      sum_y += extra * ky;
      square += extra * (std::pow(kx - cx, 2) + std::pow(ky - cy, 2));
    }
  }
  EXPECT_NEAR(sum, speckle, 0.002 * speckle);  // spots are cut at 4 sigma
  EXPECT_NEAR(sum_x / sum, cx, 0.01);
  EXPECT_NEAR(sum_y / sum, cy, 0.01);
  const double sigma_px = speckle_sigma_inverse_nm(model, 1.2) / 0.2;
  EXPECT_NEAR(square / sum, 2.0 * sigma_px * sigma_px, 0.02 * sigma_px * sigma_px);
}

// n spots exp(-|k - g_j|^2 / (2 s^2)) seen along the ring are von Mises peaks of concentration k^2 / s^2, whose Fourier
// coefficients are modified Bessel functions: I_n / I_0 for n a multiple of the fold, 0 otherwise.
TEST(Pattern, SymmetryOnTheRingIsExact) {
  auto model = small_model();
  model.detector.ny = model.detector.nx = 512;
  model.detector.k_per_pixel_inverse_nm = 0.025;
  model.detector.centre_x_px = 255.3;
  model.detector.centre_y_px = 254.6;
  model.types = {parse_type("name=four,k=4,fold=4,diameter=1.2,fraction=0.1,order=1,orientation=beam")};
  PlantedDomains planted;
  planted.domains.push_back({0, 0.0, 0.0, 5.0, 1.2, {std::cos(0.2), 0.0, 0.0, std::sin(0.2)}});
  const auto with = rendered(model, planted);
  const double transmittance = std::exp(-model.thickness_nm(0, 0) / 80.0);
  const double part = full_speckle_part(model, model.types[0], 1.2);
  const double halo_left = 1.0 - 4.0 * transmittance * part / (1.0 - transmittance);
  const auto without = rendered(model, {});
  constexpr int angles = 360;
  std::vector<std::complex<double>> harmonics(13);
  for (int j = 0; j < angles; ++j) {
    const double phi = 2.0 * units::pi * j / angles;
    const double x = 255.3 + 160.0 * std::cos(phi);
    const double y = 254.6 + 160.0 * std::sin(phi);
    const int x0 = static_cast<int>(x);
    const int y0 = static_cast<int>(y);
    const auto value = [&](int ky, int kx) {
      const auto i = static_cast<std::size_t>(ky * 512 + kx);
      return with[i] - halo_left * without[i];
    };
    const double fx = x - x0;
    const double fy = y - y0;
    const double sample = (1 - fy) * ((1 - fx) * value(y0, x0) + fx * value(y0, x0 + 1)) +
                          fy * ((1 - fx) * value(y0 + 1, x0) + fx * value(y0 + 1, x0 + 1));
    for (int n = 0; n <= 12; ++n) harmonics[static_cast<std::size_t>(n)] += sample * std::polar(1.0, -n * phi);
  }
  const double concentration = std::pow(4.0 / speckle_sigma_inverse_nm(model, 1.2), 2);
  for (int n = 1; n <= 12; ++n) {
    const auto ratio = harmonics[static_cast<std::size_t>(n)] / harmonics[0];
    const double expected = n % 4 == 0 ? boost::math::cyl_bessel_i(static_cast<double>(n), concentration) /
                                             boost::math::cyl_bessel_i(0.0, concentration)
                                       : 0.0;
    EXPECT_NEAR(std::abs(ratio), expected, 0.005) << n;
    if (n % 4 == 0) {
      EXPECT_NEAR(std::arg(ratio * std::polar(1.0, n * 0.4)), 0.0, 0.01) << n;
    }
  }
}

// The spatial index must find what a plain sum over all domains finds.
TEST(Pattern, TheIndexLosesNoDomain) {
  auto model = small_model();
  model.scan_ny = model.scan_nx = 30;
  model.types = {small_type()};
  const auto planted = plant_domains(model);
  const DomainIndex index(model, planted);
  for (const auto& [x, y] : {std::pair{0.0, 0.0}, {14.5, 14.5}, {3.3, 9.1}, {14.5, 0.0}}) {
    double found = 0.0;
    index.for_each_near(x, y, [&](const DomainIndex::Entry& entry) {
      const double r2 = std::pow(entry.x_nm - x, 2) + std::pow(entry.y_nm - y, 2);
      for (std::uint32_t i = 0; i < entry.speckle_count; ++i) {
        found += entry.full_part * std::exp(-r2 * entry.inverse_two_sigma2) *
                 index.speckles()[entry.first_speckle + i].excitation;
      }
    });
    double expected = 0.0;
    for (const auto& domain : planted.domains) {
      const double r2 = std::pow(domain.x_nm - x, 2) + std::pow(domain.y_nm - y, 2);
      const double sigma = image_sigma_nm(model, domain.diameter_nm);
      for (const auto& speckle : speckles_of(model, domain)) {
        expected += full_speckle_part(model, model.types[0], domain.diameter_nm) * std::exp(-r2 / (2 * sigma * sigma)) *
                    speckle.excitation;
      }
    }
    EXPECT_GT(expected, 0.0);
    EXPECT_NEAR(found, expected, 1e-3 * expected);  // images are cut at 1e-4 of their middle
  }
}

// Means and variances of Poisson numbers over both methods and across their border, and the law itself by chi-square.
TEST(Counting, IsPoisson) {
  for (const float mean : {0.05F, 0.7F, 4.0F, 18.0F, 29.9F, 30.1F, 250.0F}) {
    constexpr std::size_t n = 100000;
    std::vector<float> counts(n, mean);
    count_electrons(7, 3, counts);
    double sum = 0.0, squares = 0.0;
    for (const float value : counts) {
      ASSERT_EQ(value, std::floor(value));
      ASSERT_GE(value, 0.0F);
      sum += value;
      squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
    }
    EXPECT_NEAR(sum / n, mean, 5.0 * std::sqrt(mean / n)) << mean;
    const double variance_error = std::sqrt((mean + 2.0 * mean * mean) / n);
    EXPECT_NEAR(squares / n, mean, 5.0 * variance_error) << mean;

    // Bins with at least 20 expected; the rest in one.
    double probability = std::exp(-static_cast<double>(mean));
    double chi_square = 0.0, used = 0.0;
    int bins = 0;
    for (int k = 0; k < 2000; ++k) {
      const double expected = probability * n;
      if (expected >= 20.0) {
        const auto seen = static_cast<double>(std::count(counts.begin(), counts.end(), static_cast<float>(k)));
        chi_square += (seen - expected) * (seen - expected) / expected;
        used += expected;
        ++bins;
      }
      probability *= static_cast<double>(mean) / (k + 1);
    }
    ASSERT_GT(used, 0.99 * n);
    EXPECT_LT(chi_square, bins + 5.0 * std::sqrt(2.0 * bins)) << mean;
  }
}

TEST(Counting, IsAFunctionOfSeedAndPatternAlone) {
  std::vector<float> first(1000, 5.0F), again(1000, 5.0F), other(1000, 5.0F), seed(1000, 5.0F);
  count_electrons(1, 17, first);
  count_electrons(1, 17, again);
  count_electrons(1, 18, other);
  count_electrons(2, 17, seed);
  EXPECT_EQ(first, again);
  const auto same = [&](const std::vector<float>& b) {
    return std::inner_product(first.begin(), first.end(), b.begin(), 0, std::plus<>(), std::equal_to<>());
  };
  // Two independent Poisson numbers of mean 5 agree in 12.8 % of cases (e^-10 I_0(10)).
  EXPECT_NEAR(same(other), 128, 60);
  EXPECT_NEAR(same(seed), 128, 60);
}

}  // namespace
}  // namespace mesoglass::test
