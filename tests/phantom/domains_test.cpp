// What is planted: amounts, places, sizes and directions.
#include <cmath>

#include "core/error.hpp"
#include "phantom/domains.hpp"
#include "phantom_samples.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::test {
namespace {

using namespace phantom;

TEST(MroTypes, AreParsedFromText) {
  const auto type = parse_type(
      "name=strong, k=3.9, fold=6, diameter=1.2, spread=0.1, fraction=0.15, order=0.9, tilt=0.2, "
      "orientation=beam");
  EXPECT_EQ(type.name, "strong");
  EXPECT_DOUBLE_EQ(type.k_inverse_nm, 3.9);
  EXPECT_EQ(type.fold, 6);
  EXPECT_DOUBLE_EQ(type.diameter_mean_nm, 1.2);
  EXPECT_DOUBLE_EQ(type.diameter_spread_nm, 0.1);
  EXPECT_DOUBLE_EQ(type.volume_fraction, 0.15);
  EXPECT_DOUBLE_EQ(type.order, 0.9);
  EXPECT_DOUBLE_EQ(type.tilt_width_rad, 0.2);
  EXPECT_EQ(type.orientation, DomainOrientation::beam);
}

TEST(MroTypes, WrongTextIsRefusedByName) {
  const std::string good = "k=3.9,fold=6,diameter=1.2,fraction=0.15,order=0.9";
  const std::pair<std::string, std::string> cases[] = {
      {"", "name=value"},
      {"k=3.9", "is missing"},
      {good + ",k=4", "twice"},
      {good + ",fols=4", "did you mean fold"},
      {good + ",spread=-1", "spread=-1"},
      {good + ",spread=1", "narrower"},
      {good + ",orientation=up", "random or beam"},
      {"k=nan,fold=6,diameter=1.2,fraction=0.15,order=0.9", "k=nan"},
      {"k=3.9,fold=2.5,diameter=1.2,fraction=0.15,order=0.9", "whole number"},
      {"k=3.9,fold=6,diameter=1.2,fraction=0.15,order=1.1", "order=1.1"},
      {"k=3.9x,fold=6,diameter=1.2,fraction=0.15,order=1", "k=3.9x"}};
  for (const auto& [text, mention] : cases) {
    try {
      (void)parse_type(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(mention), std::string::npos) << mention << " in: " << error.what();
    }
  }
}

TEST(Model, ImpossibleFilmsAreRefused) {
  auto model = small_model();
  model.types = {small_type()};
  EXPECT_NO_THROW(check_model(model));
  auto wedge = model;
  wedge.film.thickness_nm = 1.0;
  wedge.film.wedge_x = 2.0;
  EXPECT_THROW(check_model(wedge), Error);
  auto far = model;
  far.types[0].k_inverse_nm = 7.0;
  EXPECT_THROW(check_model(far), Error);
  auto twice = model;
  twice.types.push_back(twice.types[0]);
  EXPECT_THROW(check_model(twice), Error);
  auto full = model;
  full.types.push_back(full.types[0]);
  full.types[0].volume_fraction = full.types[1].volume_fraction = 0.4;
  full.types[1].name = "b";
  EXPECT_THROW(check_model(full), Error);
  auto away = model;
  away.detector.descan_x_px = 100.0;
  EXPECT_THROW(check_model(away), Error);
}

class Planted : public ::testing::Test {
 protected:
  Planted() {
    model_ = small_model();
    model_.scan_ny = 80;
    model_.scan_nx = 100;
    model_.film.thickness_nm = 20.0;
    model_.film.wedge_x = 0.3;
    model_.types = {small_type(), small_type()};
    model_.types[1].name = "b";
    model_.types[1].diameter_mean_nm = 1.7;
    model_.types[1].volume_fraction = 0.2;
    planted_ = plant_domains(model_);
  }
  PhantomModel model_;
  PlantedDomains planted_;
};

TEST_F(Planted, VolumesAreMetWithinHalfADomain) {
  std::vector<double> volume(2, 0.0);
  for (const auto& domain : planted_.domains) {
    volume[static_cast<std::size_t>(domain.type)] += units::pi / 6.0 * std::pow(domain.diameter_nm, 3);
  }
  // 50 x 40 nm and a margin of Gaussian tails; the mean thickness stays 20 nm under a symmetric margin.
  const double reach = image_sigma_nm(model_, 1.7 + 5 * 0.1) * std::sqrt(2.0 * std::log(1e4));
  const double film = (49.5 + 2 * reach) * (39.5 + 2 * reach) * 20.0;
  EXPECT_NEAR(planted_.film_volume_nm3, film, 1e-6 * film);
  const double half[] = {0.5 * units::pi / 6.0 * std::pow(1.7, 3), 0.5 * units::pi / 6.0 * std::pow(2.2, 3)};
  for (std::size_t type : {0U, 1U}) {
    EXPECT_NEAR(volume[type], model_.types[type].volume_fraction * film, half[type]);
    EXPECT_NEAR(volume[type], planted_.planted_volume_nm3[type], 1e-9 * film);
  }
  EXPECT_NEAR(expected_domains(model_) / static_cast<double>(planted_.domains.size()), 1.0, 0.02);
}

TEST_F(Planted, SizesAndPlacesFollowTheirLaws) {
  double n = 0.0, sum = 0.0, squares = 0.0, x_moment = 0.0, depth = 0.0;
  for (const auto& domain : planted_.domains) {
    const double thickness = model_.thickness_nm(domain.x_nm, domain.y_nm);
    EXPECT_GE(domain.z_nm, 0.0);
    EXPECT_LE(domain.z_nm, thickness);
    depth += domain.z_nm / thickness;
    x_moment += domain.x_nm - 0.5 * model_.width_nm();
    if (domain.type == 0) {
      n += 1.0;
      sum += domain.diameter_nm;
      squares += domain.diameter_nm * domain.diameter_nm;
    }
  }
  const double all = static_cast<double>(planted_.domains.size());
  const double mean = sum / n;
  // Five standard errors each.
  EXPECT_NEAR(mean, 1.2, 5 * 0.1 / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(squares / n - mean * mean), 0.1, 5 * 0.1 / std::sqrt(2 * n));
  EXPECT_NEAR(depth / all, 0.5, 5 * 0.29 / std::sqrt(all));
  // Where the film is thicker there are more: mean of x over a linear thickness t0 + w x on [-L/2, L/2] is w L^2/(12
  // t0).
  const double reach = image_sigma_nm(model_, 2.2) * std::sqrt(2.0 * std::log(1e4));
  const double length = model_.width_nm() + 2 * reach;
  EXPECT_NEAR(x_moment / all, 0.3 * length * length / (12.0 * 20.0), 5 * length / std::sqrt(12.0 * all));
}

TEST_F(Planted, DirectionsAreUniform) {
  // For a uniform rotation the zone axis is uniform on the sphere: first moments 0, second 1/3.
  double first = 0.0, second = 0.0, azimuth = 0.0;
  for (const auto& domain : planted_.domains) {
    const auto [w, x, y, z] = domain.rotation;
    EXPECT_NEAR(w * w + x * x + y * y + z * z, 1.0, 1e-12);
    const double axis_z = w * w - x * x - y * y + z * z;
    first += axis_z;
    second += axis_z * axis_z;
    azimuth += std::cos(2.0 * std::atan2(y * z - w * x, x * z + w * y));
  }
  const double all = static_cast<double>(planted_.domains.size());
  EXPECT_NEAR(first / all, 0.0, 5 / std::sqrt(3 * all));
  EXPECT_NEAR(second / all, 1.0 / 3.0, 5 * std::sqrt(4.0 / 45.0 / all));
  EXPECT_NEAR(azimuth / all, 0.0, 5 / std::sqrt(2 * all));
}

TEST(Speckles, ComeInFriedelPairsForEvenFoldAndFadeWithTilt) {
  auto model = small_model();
  model.types = {small_type()};
  Domain domain;
  domain.diameter_nm = 1.2;
  // Zone axis along the beam: all six, on the ring, fully excited.
  auto seen = speckles_of(model, domain);
  ASSERT_EQ(seen.size(), 6U);
  for (std::size_t j = 0; j < 6; ++j) {
    EXPECT_NEAR(std::hypot(seen[j].kx_inverse_nm, seen[j].ky_inverse_nm), 4.0, 1e-12);
    EXPECT_NEAR(seen[j].kx_inverse_nm, -seen[(j + 3) % 6].kx_inverse_nm, 1e-12);
    EXPECT_DOUBLE_EQ(seen[j].excitation, 1.0);
  }
  // Tilted by 0.1 rad about its first vector: that pair stays, the others have sin(tilt) = sin(60 deg) sin(0.1).
  domain.rotation = {std::cos(0.05), std::sin(0.05), 0.0, 0.0};
  seen = speckles_of(model, domain);
  const double sigma = rocking_sigma_rad(model, model.types[0], 1.2);
  const double tilt = std::asin(std::sin(units::pi / 3.0) * std::sin(0.1));
  ASSERT_EQ(seen.size(), 6U);
  EXPECT_NEAR(seen[0].excitation, 1.0, 1e-12);
  EXPECT_NEAR(seen[1].excitation, std::exp(-0.5 * tilt * tilt / (sigma * sigma)), 1e-12);
  EXPECT_NEAR(std::hypot(seen[1].kx_inverse_nm, seen[1].ky_inverse_nm), 4.0 * std::cos(tilt), 1e-12);
  // Zone axis across the beam, first vector along x: only the pair along x is left.
  domain.rotation = {std::sqrt(0.5), std::sqrt(0.5), 0.0, 0.0};
  EXPECT_EQ(speckles_of(model, domain).size(), 2U);
}

TEST(Speckles, AreAsWideAsTheDomainIsSmall) {
  auto model = small_model();
  model.beam.disc_radius_inverse_nm = 0.0;
  // |FT|^2 of a Gaussian of full width d at half maximum has the full width 4 ln 2 / (pi sqrt 2 d) ... as numbers:
  // 2 sqrt(2 ln 2) * sigma = 0.624 / d.
  EXPECT_NEAR(speckle_sigma_inverse_nm(model, 1.2) / sigma_of_fwhm,
              4.0 * std::log(2.0) / (units::pi * std::sqrt(2.0) * 1.2), 1e-12);
  model.beam.disc_radius_inverse_nm = 1.0;
  EXPECT_NEAR(speckle_sigma_inverse_nm(model, 1e6), 0.5, 1e-9);
}

}  // namespace
}  // namespace mesoglass::test
