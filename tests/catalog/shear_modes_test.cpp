// Shear modes and barriers against their closed-form distributions and against an independent construction.
#include "catalog/shear_modes.hpp"

#include <Eigen/Dense>
#include <Eigen/Geometry>
#include <cmath>
#include <limits>

#include "catalog/glass_recipe.hpp"
#include "core/units.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::catalog {
namespace {

constexpr double pi = units::pi;
constexpr std::array<float, 4> identity = {1, 0, 0, 0};

std::vector<ShearZoneType> types_of(int dimensions, const char* glass = "x05") {
  const auto recipe = built_in_glass(glass, parameter_set(dimensions == 2 ? "2d" : "mg3d"), 0.2, {});
  std::vector<ShearZoneType> types = {recipe.matrix};
  for (const auto& population : recipe.mro) types.push_back(population.type);
  return types;
}

ModeRules without_jitter() {
  ModeRules rules;
  rules.jitter = 0.0;
  return rules;
}

std::array<float, 4> planar_rotation(double a_0) {
  return {static_cast<float>(std::cos(0.5 * a_0)), 0, 0, static_cast<float>(std::sin(0.5 * a_0))};
}

Eigen::Matrix3d matrix_of(std::span<const double> components, int dimensions) {
  const auto t = tensor_of(components, dimensions);
  Eigen::Matrix3d result;
  result << t[0], t[5], t[4], t[5], t[1], t[3], t[4], t[3], t[2];
  return result;
}

// All modes of one voxel.
std::vector<double> strains_of(const ShearModes& modes, std::uint8_t type, std::int64_t voxel = 0,
                               std::uint32_t generation = 0, const std::array<float, 4>& rotation = identity) {
  std::vector<double> strains(static_cast<std::size_t>(modes.modes(type) * modes.components()));
  modes.strains(7, voxel, generation, type, rotation, strains);
  return strains;
}

std::span<const double> mode_of(const std::vector<double>& strains, const ShearModes& modes, int mode) {
  const auto width = static_cast<std::size_t>(modes.components());
  return std::span<const double>(strains).subspan(static_cast<std::size_t>(mode) * width, width);
}

TEST(Components, keepTheDoubleContraction) {
  const std::array<double, 6> planar = {0.3, -0.3, 0.0, 0.0, 0.0, 0.7};
  std::array<double, 2> two{};
  components_of(planar, 2, two);
  EXPECT_NEAR(two[0] * two[0] + two[1] * two[1], 2 * 0.09 + 2 * 0.49, 1e-14);
  const std::array<double, 6> spatial = {0.5, -0.2, -0.3, 0.11, -0.13, 0.17};
  std::array<double, 5> five{};
  components_of(spatial, 3, five);
  double square = 0.0;
  for (const double c : five) square += c * c;
  EXPECT_NEAR(square, 0.25 + 0.04 + 0.09 + 2 * (0.0121 + 0.0169 + 0.0289), 1e-14);
}

TEST(Components, comeBackAsTheTensor) {
  const std::array<double, 6> spatial = {0.5, -0.1, -0.2, 0.11, -0.13, 0.17};  // with a trace of 0.2
  std::array<double, 6> six{};
  components_of(spatial, 3, six);
  const auto back = tensor_of(six, 3);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(back[i], spatial[i], 1e-15);
  const std::array<double, 6> planar = {0.3, 0.1, 0.0, 0.0, 0.0, 0.7};
  std::array<double, 3> three{};
  components_of(planar, 2, three);
  const auto planar_back = tensor_of(three, 2);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(planar_back[i], planar[i], 1e-15);
}

class MatrixModes : public ::testing::TestWithParam<int> {};

// 200,000 modes: means known to 5 standard errors.
TEST_P(MatrixModes, areGaussianIsotropicWithMeanSquareGamma0) {
  const int dimensions = GetParam();
  const auto types = types_of(dimensions);
  const ShearModes modes(types, {}, dimensions);
  const int width = modes.components();
  Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(width, width);
  Eigen::VectorXd mean = Eigen::VectorXd::Zero(width);
  double fourth = 0.0;
  double normal_square = 0.0;
  double shear_square = 0.0;
  constexpr int voxels = 10000;
  const double count = 20.0 * voxels;
  for (int voxel = 0; voxel < voxels; ++voxel) {
    const auto strains = strains_of(modes, 0, voxel, 3);
    for (int mode = 0; mode < 20; ++mode) {
      const auto components = mode_of(strains, modes, mode);
      const Eigen::Map<const Eigen::VectorXd> c(components.data(), width);
      mean += c / count;
      covariance += c * c.transpose() / count;
      fourth += std::pow(c[0], 4) / count;
      const auto tensor = tensor_of(components, dimensions);
      normal_square += tensor[0] * tensor[0] / count;
      shear_square += tensor[5] * tensor[5] / count;
    }
  }
  const double gamma0 = types[0].gamma0;
  const double variance = gamma0 * gamma0 / width;
  for (int i = 0; i < width; ++i) {
    EXPECT_NEAR(mean[i], 0.0, 5 * std::sqrt(variance / count));
    for (int j = 0; j < width; ++j) {
      EXPECT_NEAR(covariance(i, j), i == j ? variance : 0.0, 5 * variance * std::sqrt((i == j ? 2.0 : 1.0) / count));
    }
  }
  // <e:e> = gamma0^2; var(e:e) = 2 gamma0^4 / width.
  EXPECT_NEAR(covariance.trace(), gamma0 * gamma0, 5 * gamma0 * gamma0 * std::sqrt(2.0 / width / count));
  EXPECT_NEAR(fourth, 3 * variance * variance, 5 * variance * variance * std::sqrt(96.0 / count));
  // Isotropy seen in the tensor itself: <e_xx^2> / <e_xy^2> = 4/3 in 3-D and 1 in 2-D.
  const double ratio = dimensions == 3 ? 4.0 / 3.0 : 1.0;
  EXPECT_NEAR(normal_square / shear_square, ratio, 5 * ratio * std::sqrt(4.0 / count));
}

TEST_P(MatrixModes, areRedrawnWithEachGenerationAndDifferByVoxelAndSeed) {
  const ShearModes modes(types_of(GetParam()), {}, GetParam());
  const auto first = strains_of(modes, 0, 5, 0);
  EXPECT_EQ(first, strains_of(modes, 0, 5, 0));
  EXPECT_NE(first, strains_of(modes, 0, 5, 1));
  EXPECT_NE(first, strains_of(modes, 0, 6, 0));
  std::vector<double> other(first.size());
  modes.strains(8, 5, 0, 0, identity, other);
  EXPECT_NE(first, other);
}

INSTANTIATE_TEST_SUITE_P(Dimensions, MatrixModes, ::testing::Values(2, 3));

TEST(PlanarMro, isEvenlySpreadFromTheDomainsAngle) {
  const auto types = types_of(2);
  const ShearModes modes(types, without_jitter(), 2);
  const double a_0 = 0.7;
  for (const std::uint8_t type : {1, 2}) {
    const auto strains = strains_of(modes, type, 11, 0, planar_rotation(a_0));
    const int count = types[type].modes;
    const double length = types[type].amplitude * types[type].gamma0;
    for (int j = 0; j < count; ++j) {
      const auto tensor = tensor_of(mode_of(strains, modes, j), 2);
      const double angle = a_0 + 2 * pi * j / count;
      // The quaternion is single precision.
      EXPECT_NEAR(tensor[0], length * std::cos(angle), 1e-7);
      EXPECT_NEAR(tensor[1], -length * std::cos(angle), 1e-7);
      EXPECT_NEAR(tensor[5], length * std::sin(angle), 1e-7);
    }
  }
}

TEST(PlanarMro, jitterIsUniformSharedByBothSensesAndLastsForLife) {
  const auto types = types_of(2);
  const ShearModes modes(types, {}, 2);
  const int count = types[1].modes;
  const double length = std::sqrt(2.0) * types[1].amplitude * types[1].gamma0;
  const double spacing = 2 * pi / count;
  double square_length = 0.0;
  double square_angle = 0.0;
  double largest_length = 0.0;
  double largest_angle = 0.0;
  constexpr int voxels = 5000;
  for (int voxel = 0; voxel < voxels; ++voxel) {
    const auto strains = strains_of(modes, 1, voxel, 0);
    ASSERT_EQ(strains, strains_of(modes, 1, voxel, 9));
    for (int j = 0; j < count / 2; ++j) {
      const auto c = mode_of(strains, modes, j);
      const auto opposite = mode_of(strains, modes, j + count / 2);
      ASSERT_EQ(c[0], -opposite[0]);
      ASSERT_EQ(c[1], -opposite[1]);
      const double relative = std::hypot(c[0], c[1]) / length - 1.0;
      const double turned = std::remainder(std::atan2(c[1], c[0]) - spacing * j, 2 * pi) / spacing;
      square_length += relative * relative;
      square_angle += turned * turned;
      largest_length = std::max(largest_length, std::fabs(relative));
      largest_angle = std::max(largest_angle, std::fabs(turned));
    }
  }
  const double draws = 0.5 * count * voxels;
  // Uniform on [-0.2, 0.2]: mean square 0.04 / 3, and its relative standard error sqrt(4 / 5 / draws).
  EXPECT_NEAR(square_length / draws, 0.04 / 3, 5 * 0.04 / 3 * std::sqrt(0.8 / draws));
  EXPECT_NEAR(square_angle / draws, 0.04 / 3, 5 * 0.04 / 3 * std::sqrt(0.8 / draws));
  EXPECT_LE(largest_length, 0.2 + 1e-12);
  EXPECT_LE(largest_angle, 0.2 + 1e-12);
  EXPECT_GT(largest_length, 0.199);
  EXPECT_GT(largest_angle, 0.199);
}

TEST(PlanarMro, repeatsThePublishedCodeWhereAsked) {
  const auto types = types_of(2, "x0");
  auto rules = without_jitter();
  rules.parallel_modes = true;
  rules.compounding_softening = true;
  const ShearModes modes(types, rules, 2);
  const auto strains = strains_of(modes, 1, 0, 0, planar_rotation(0.3));
  for (int j = 0; j < 12; ++j) {
    const auto c = mode_of(strains, modes, j);
    EXPECT_NEAR(std::remainder(std::atan2(c[1], c[0]) - (0.3 + 4 * pi * j / 12), 2 * pi), 0.0, 1e-6);
    EXPECT_NEAR(modes.softening(1)[static_cast<std::size_t>(j)], std::pow(0.9, j + 1), 1e-12);
  }
  EXPECT_EQ(modes.softening(0)[5], 1.0);
  // With jitter the twins j and j + m/2 are nearly, but not quite, parallel.
  rules.jitter = 0.2;
  const ShearModes jittered(types, rules, 2);
  const auto twins = strains_of(jittered, 1, 0, 0);
  const auto one = mode_of(twins, jittered, 0);
  const auto other = mode_of(twins, jittered, 6);
  EXPECT_NE(one[0], other[0]);
  EXPECT_GT((one[0] * other[0] + one[1] * other[1]) / std::hypot(one[0], one[1]) / std::hypot(other[0], other[1]), 0.9);
}

TEST(SpatialMro, isPureShearInBothSenses) {
  const auto types = types_of(3);
  const ShearModes modes(types, {}, 3);
  for (const std::uint8_t type : {1, 2}) {
    const int systems = types[type].modes / 2;
    const double square = 2 * std::pow(types[type].amplitude * types[type].gamma0, 2);
    for (int voxel = 0; voxel < 100; ++voxel) {
      const auto strains = strains_of(modes, type, voxel, 0, {0.5F, -0.5F, 0.5F, 0.5F});
      ASSERT_EQ(strains, strains_of(modes, type, voxel, 4, {0.5F, -0.5F, 0.5F, 0.5F}));
      for (int j = 0; j < systems; ++j) {
        const auto e = matrix_of(mode_of(strains, modes, j), 3);
        const auto opposite = matrix_of(mode_of(strains, modes, j + systems), 3);
        EXPECT_LT((e + opposite).norm(), 1e-15);
        EXPECT_NEAR(e.determinant(), 0.0, 1e-14);  // a shear leaves one direction alone
        EXPECT_LE(e.squaredNorm(), square * 1.2 * 1.2 * (1 + 1e-9));
        EXPECT_GE(e.squaredNorm(), square * 0.8 * 0.8 * (1 - 1e-9));
      }
    }
  }
}

TEST(SpatialMro, turnsWithItsDomain) {
  const auto types = types_of(3);
  const ShearModes modes(types, {}, 3);
  const Eigen::Quaterniond q = Eigen::Quaterniond(0.3, -0.5, 0.7, 0.2).normalized();
  const Eigen::Matrix3d r = q.toRotationMatrix();
  const std::array<float, 4> rotation = {static_cast<float>(q.w()), static_cast<float>(q.x()),
                                         static_cast<float>(q.y()), static_cast<float>(q.z())};
  const auto still = strains_of(modes, 1, 3, 0);
  const auto turned = strains_of(modes, 1, 3, 0, rotation);
  for (int j = 0; j < types[1].modes; ++j) {
    const Eigen::Matrix3d expected = r * matrix_of(mode_of(still, modes, j), 3) * r.transpose();
    EXPECT_LT((matrix_of(mode_of(turned, modes, j), 3) - expected).norm(), 1e-7);  // single-precision quaternion
  }
}

// The jitter turns a slip system about a random axis by at most 0.2 pi / m, so its strain by at most twice that.
TEST(SpatialMro, jitterStaysWithinItsAngle) {
  const auto types = types_of(3);
  const ShearModes modes(types, {}, 3);
  const ShearModes still(types, without_jitter(), 3);
  const auto exact = strains_of(still, 1);
  const double limit = 2 * 0.2 * pi / types[1].modes;
  double largest = 0.0;
  for (int voxel = 0; voxel < 2000; ++voxel) {
    const auto strains = strains_of(modes, 1, voxel);
    for (int j = 0; j < types[1].modes / 2; ++j) {
      const auto a = matrix_of(mode_of(strains, modes, j), 3);
      const auto b = matrix_of(mode_of(exact, still, j), 3);
      largest = std::max(largest, std::acos(std::min(1.0, (a.array() * b.array()).sum() / a.norm() / b.norm())));
    }
  }
  EXPECT_LE(largest, limit * (1 + 1e-6));
  EXPECT_GT(largest, 0.9 * limit);
}

double largest_cosine(const std::vector<SlipSystem>& systems) {
  double largest = 0.0;
  const auto shear = [](const SlipSystem& system) -> Eigen::Matrix3d {
    const Eigen::Map<const Eigen::Vector3d> s(system.direction.data());
    const Eigen::Map<const Eigen::Vector3d> n(system.normal.data());
    return (s * n.transpose() + n * s.transpose()) / std::sqrt(2.0);
  };
  for (std::size_t i = 0; i < systems.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      largest = std::max(largest, std::fabs((shear(systems[i]).array() * shear(systems[j]).array()).sum()));
    }
  }
  return largest;
}

TEST(SlipSystems, areUnitShearsAndLieFarApart) {
  for (const int count : {1, 2, 3, 4, 6, 10, 32}) {
    for (const auto& system : spread_slip_systems(count)) {
      const Eigen::Map<const Eigen::Vector3d> s(system.direction.data());
      const Eigen::Map<const Eigen::Vector3d> n(system.normal.data());
      EXPECT_NEAR(s.norm(), 1.0, 1e-9);
      EXPECT_NEAR(n.norm(), 1.0, 1e-9);
      EXPECT_NEAR(s.dot(n), 0.0, 1e-9);
    }
  }
  EXPECT_LT(largest_cosine(spread_slip_systems(2)), 1e-15);
  EXPECT_LT(largest_cosine(spread_slip_systems(3)), 1e-15);
  // No six lines in five dimensions can be farther apart than cos = 1/5 (Welch); shears reach that nearly.
  const double six = largest_cosine(spread_slip_systems(6));
  EXPECT_GE(six, 0.2 - 1e-12);
  EXPECT_LT(six, 0.27);
  // Ten lines: the Welch bound is 1/3.
  EXPECT_LT(largest_cosine(spread_slip_systems(10)), 0.48);
}

TEST(Barriers, followTheirLaws) {
  auto types = types_of(2);
  const ShearModes modes(types, {}, 2);
  ASSERT_EQ(types[0].barrier_law, BarrierLaw::normal);
  ASSERT_EQ(types[1].barrier_law, BarrierLaw::uniform);
  for (const std::uint8_t type : {0, 1}) {
    const int count = types[type].modes;
    std::vector<double> barriers(static_cast<std::size_t>(count));
    double sum = 0.0;
    double square = 0.0;
    double least = 1e9;
    double most = 0.0;
    constexpr int voxels = 10000;
    for (int voxel = 0; voxel < voxels; ++voxel) {
      modes.barriers(7, voxel, 2, type, barriers);
      for (const double barrier : barriers) {
        sum += barrier;
        square += (barrier - 2.0) * (barrier - 2.0);
        least = std::min(least, barrier);
        most = std::max(most, barrier);
      }
    }
    const double draws = static_cast<double>(count) * voxels;
    // N(2, 0.25) eV, or 2 (0.8 + 0.4 U) eV with variance 0.8^2 / 12.
    const double variance = type == 0 ? 0.0625 : 0.64 / 12;
    EXPECT_NEAR(sum / draws, 2.0, 5 * std::sqrt(variance / draws));
    EXPECT_NEAR(square / draws, variance, 5 * variance * std::sqrt(2.0 / draws));
    if (type == 1) {
      EXPECT_GE(least, 1.6);
      EXPECT_LE(most, 2.4);
      EXPECT_LT(least, 1.6001);
      EXPECT_GT(most, 2.3999);
    }
  }
}

TEST(Barriers, areRedrawnWithEachGeneration) {
  const ShearModes modes(types_of(3), {}, 3);
  std::vector<double> before(12);
  std::vector<double> after(12);
  modes.barriers(7, 4, 0, 1, before);
  modes.barriers(7, 4, 1, 1, after);
  EXPECT_NE(before, after);
  modes.barriers(7, 4, 0, 1, after);
  EXPECT_EQ(before, after);
}

// Last strains are drawn again instead of stored, so that every bit counts.
TEST(OneMode, hasTheBitsThatItHasAmongAll) {
  for (const int dimensions : {2, 3}) {
    for (const double dilatation : {0.0, 0.15}) {
      ModeRules rules;
      rules.dilatation = dilatation;
      const ShearModes modes(types_of(dimensions), rules, dimensions);
      for (const std::uint8_t type : {0, 1, 2}) {
        for (const std::uint32_t generation : {0U, 1U, 77U}) {
          const auto all = strains_of(modes, type, 12345, generation);
          for (int mode = 0; mode < modes.modes(type); ++mode) {
            std::vector<double> one(static_cast<std::size_t>(modes.components()));
            modes.strain_of_mode(7, 12345, generation, type, identity, mode, one);
            const auto expected = mode_of(all, modes, mode);
            EXPECT_TRUE(std::equal(one.begin(), one.end(), expected.begin()))
                << dimensions << ' ' << dilatation << ' ' << int{type} << ' ' << mode;
          }
        }
      }
    }
  }
}

TEST(Dilatation, isHalfNormalInVolumeStrain) {
  for (const int dimensions : {2, 3}) {
    const auto types = types_of(dimensions);
    ModeRules rules;
    rules.dilatation = 0.15;
    const ShearModes modes(types, rules, dimensions);
    const ShearModes plain(types, {}, dimensions);
    ASSERT_EQ(modes.components(), plain.components() + 1);
    for (const std::uint8_t type : {0, 1}) {
      double sum = 0.0;
      double square = 0.0;
      constexpr int voxels = 4000;
      for (int voxel = 0; voxel < voxels; ++voxel) {
        const auto strains = strains_of(modes, type, voxel);
        const auto shears = strains_of(plain, type, voxel);
        for (int j = 0; j < modes.modes(type); ++j) {
          const auto c = mode_of(strains, modes, j);
          const auto tensor = tensor_of(c, dimensions);
          const double volume_strain = tensor[0] + tensor[1] + tensor[2];
          EXPECT_GE(volume_strain, 0.0);
          sum += volume_strain;
          square += volume_strain * volume_strain;
          // The deviatoric part is what it is without dilatation.
          const auto d = mode_of(shears, plain, j);
          for (std::size_t i = 0; i < d.size(); ++i) ASSERT_EQ(c[i], d[i]);
        }
      }
      const double draws = static_cast<double>(modes.modes(type)) * voxels;
      const double scale = 0.15 * types[type].gamma0;
      EXPECT_NEAR(sum / draws, scale * std::sqrt(2 / pi), 5 * scale / std::sqrt(draws));
      EXPECT_NEAR(square / draws, scale * scale, 5 * scale * scale * std::sqrt(2 / draws));
    }
  }
}

TEST(Validation, refusesImpossibleTypesAndNamesThem) {
  const auto good = types_of(3)[1];
  EXPECT_NO_THROW(validate_type(good, false));
  const auto refused = [&](auto change, const char* word) {
    auto type = good;
    change(type);
    try {
      validate_type(type, false);
      ADD_FAILURE() << word;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(type.name), std::string::npos) << error.what();
    }
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  refused([](auto& type) { type.modes = 7; }, "modes");
  refused([](auto& type) { type.modes = 0; }, "modes");
  refused([](auto& type) { type.modes = 66; }, "modes");
  refused([&](auto& type) { type.amplitude = nan; }, "amplitude");
  refused([](auto& type) { type.amplitude = 0.0; }, "amplitude");
  refused([](auto& type) { type.softening = 1.5; }, "softening");
  refused([&](auto& type) { type.softening = nan; }, "softening");
  refused([](auto& type) { type.barrier_mean_ev = -1.0; }, "barrier_mean_ev");
  refused([](auto& type) { type.barrier_spread = 1.1; }, "barrier_spread");
  refused([](auto& type) { type.young_modulus_gpa = 0.0; }, "young_modulus_gpa");
  refused([](auto& type) { type.poisson_ratio = 0.5; }, "poisson_ratio");
  refused([&](auto& type) { type.gamma0 = nan; }, "gamma0");
  ModeRules rules;
  rules.parallel_modes = true;
  EXPECT_NO_THROW(validate_rules(rules, 2));
  EXPECT_THROW(validate_rules(rules, 3), Error);
  EXPECT_THROW(ShearModes({good}, rules, 3), Error);
}

}  // namespace
}  // namespace mesoglass::catalog
