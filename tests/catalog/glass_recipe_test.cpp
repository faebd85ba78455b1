// From recipe to catalog: the paper's cases, mixtures, orientations, and the same map on any number of ranks.
#include "catalog/glass_recipe.hpp"

#include <cmath>

#include "catalog/realised_statistics.hpp"
#include "catalog/type_entry.hpp"
#include "core/error.hpp"
#include "core/units.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::catalog {
namespace {

const Communicator& world() {
  return test::communicator();
}

VoxelGrid grid_for(const ParameterSet& set, std::int64_t n) {
  return {n, n, set.name == "2d" ? 1 : n, set.voxel_size_nm};
}

Catalog built(const Communicator& communicator, const char* glass, const char* set_name, std::int64_t n,
              std::uint64_t seed, Mixing mixing = Mixing::by_domain) {
  const auto set = parameter_set(set_name);
  auto recipe = built_in_glass(glass, set, 0.2, {2.8, 0.4, 1.0});
  recipe.mixing = mixing;
  return build_catalog(communicator, grid_for(set, n), recipe, seed);
}

TEST(BuiltInGlasses, areThePapersCases) {
  const auto set = parameter_set("mg3d");
  const auto x0 = built_in_glass("x0", set, 0.2, {});
  ASSERT_EQ(x0.mro.size(), 1U);
  EXPECT_EQ(x0.mro[0].type.modes, 12);
  EXPECT_EQ(x0.mro[0].type.amplitude, 0.5);
  EXPECT_EQ(x0.mro[0].type.softening, 0.9);
  const auto x1 = built_in_glass("x1", set, 0.2, {});
  ASSERT_EQ(x1.mro.size(), 1U);
  EXPECT_EQ(x1.mro[0].type.modes, 2);
  EXPECT_EQ(x1.mro[0].type.amplitude, 0.8);
  EXPECT_EQ(x1.mro[0].type.softening, 0.01);
  const auto x05 = built_in_glass("x05", set, 0.2, {});
  ASSERT_EQ(x05.mro.size(), 2U);
  EXPECT_EQ(x05.mro[0].volume_fraction, 0.1);
  EXPECT_EQ(x05.mro[1].volume_fraction, 0.1);
  const auto six = built_in_glass("six-fold", set, 0.2, {});
  EXPECT_EQ(six.mro[0].type.modes, 6);
  EXPECT_EQ(six.mro[0].type.softening, 0.1);
  EXPECT_TRUE(built_in_glass("matrix", set, 0.2, {}).mro.empty());
  EXPECT_EQ(x0.matrix.modes, 20);
  EXPECT_EQ(x0.matrix.softening, 1.0);
  EXPECT_THROW((void)built_in_glass("x5", set, 0.2, {}), Error);
}

TEST(ParameterSets, areTheOnesThatBehaveWell) {
  const auto plane = parameter_set("2d");
  EXPECT_EQ(plane.matrix.young_modulus_gpa, 69.46);
  EXPECT_EQ(plane.matrix.poisson_ratio, 0.365);
  EXPECT_EQ(plane.matrix.gamma0, 0.14);
  EXPECT_EQ(plane.voxel_size_nm, (std::array<double, 3>{0.7, 0.7, 1.0}));
  EXPECT_EQ(plane.matrix.barrier_law, BarrierLaw::normal);
  const auto space = parameter_set("mg3d");
  EXPECT_EQ(space.matrix.young_modulus_gpa, 88.6);
  EXPECT_EQ(space.matrix.gamma0, 0.0275);
  EXPECT_EQ(space.matrix.barrier_mean_ev, 3.45);
  EXPECT_EQ(space.voxel_size_nm[2], 2.5);
}

class BuiltCatalog : public ::testing::TestWithParam<std::tuple<const char*, const char*, Mixing>> {};

// Every rank's part equals that part of the catalog that one rank builds alone.
TEST_P(BuiltCatalog, isTheSameOnAnyNumberOfRanks) {
  const auto [glass, set, mixing] = GetParam();
  const auto n = std::string(set) == "2d" ? 61 : 17;
  const auto shared = built(world(), glass, set, n, 11, mixing);
  const auto alone = built(Communicator::self(), glass, set, n, 11, mixing);
  const auto own = shared.grid.voxels_of(world().rank(), world().size());
  ASSERT_EQ(shared.voxel_type.size(), static_cast<std::size_t>(own.size()));
  for (auto voxel = own.begin; voxel < own.end; ++voxel) {
    const auto here = static_cast<std::size_t>(voxel - own.begin);
    const auto there = static_cast<std::size_t>(voxel);
    ASSERT_EQ(shared.voxel_type[here], alone.voxel_type[there]);
    ASSERT_EQ(shared.voxel_domain[here], alone.voxel_domain[there]);
  }
  ASSERT_EQ(shared.domains.size(), alone.domains.size());
  for (std::size_t row = 0; row < alone.domains.size(); ++row) {
    ASSERT_EQ(shared.domains[row].rotation, alone.domains[row].rotation);
    ASSERT_EQ(shared.domains[row].type, alone.domains[row].type);
  }
}

TEST_P(BuiltCatalog, holdsWhatItsTablesSay) {
  const auto [glass, set, mixing] = GetParam();
  const auto catalog = built(Communicator::self(), glass, set, std::string(set) == "2d" ? 61 : 17, 5, mixing);
  std::vector<std::int32_t> counts(catalog.domains.size(), 0);
  for (std::size_t voxel = 0; voxel < catalog.voxel_type.size(); ++voxel) {
    const auto type = catalog.voxel_type[voxel];
    const auto row = catalog.voxel_domain[voxel];
    ASSERT_EQ(type == 0, row == -1);
    if (row < 0) continue;
    ++counts[static_cast<std::size_t>(row)];
    const auto domain_type = catalog.domains[static_cast<std::size_t>(row)].type;
    const bool each_its_own = mixing == Mixing::by_voxel && catalog.types.size() > 2;
    ASSERT_EQ(domain_type, each_its_own ? 0 : type);
  }
  for (std::size_t row = 0; row < counts.size(); ++row) ASSERT_EQ(counts[row], catalog.domains[row].voxels);
}

INSTANTIATE_TEST_SUITE_P(Cases, BuiltCatalog,
                         ::testing::Values(std::make_tuple("x0", "2d", Mixing::by_domain),
                                           std::make_tuple("x05", "mg3d", Mixing::by_domain),
                                           std::make_tuple("x05", "2d", Mixing::by_voxel),
                                           std::make_tuple("matrix", "mg3d", Mixing::by_domain)));

TEST(Mixtures, haveEqualPopulationsWithinADomain) {
  const auto catalog = built(world(), "x05", "2d", 200, 3);
  const auto realised = realised_statistics(world(), catalog);
  const double domain = domain_volume_voxels(catalog.grid, 2.8) / 40000.0;
  EXPECT_NEAR(realised.volume_fraction[1], 0.1, domain);
  EXPECT_NEAR(realised.volume_fraction[2], 0.1, domain);
  EXPECT_NEAR(realised.volume_fraction[0], 0.8, 0.5 * domain + 1e-12);
}

TEST(Mixtures, byVoxelAreFairDraws) {
  const auto catalog = built(world(), "x05", "2d", 200, 3, Mixing::by_voxel);
  const auto realised = realised_statistics(world(), catalog);
  // 8,000 MRO voxels, each of either kind: 5 standard deviations of a fair coin.
  EXPECT_NEAR(realised.volume_fraction[1] * 40000, 4000, 5 * std::sqrt(2000.0));
}

TEST(Orientations, areUniformInSpace) {
  const auto catalog = built(Communicator::self(), "x0", "mg3d", 40, 8);
  double mean = 0.0;
  double square = 0.0;
  const auto count = static_cast<double>(catalog.domains.size());
  ASSERT_GT(count, 3000);
  for (const auto& domain : catalog.domains) {
    const double x = static_cast<double>(domain.rotation[1]);
    const double y = static_cast<double>(domain.rotation[2]);
    const double cosine = 1 - 2 * (x * x + y * y);  // of the turned z axis to z: uniform on [-1, 1]
    mean += cosine / count;
    square += cosine * cosine / count;
  }
  EXPECT_NEAR(mean, 0.0, 5 * std::sqrt(1.0 / 3 / count));
  EXPECT_NEAR(square, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / count));
}

TEST(Orientations, coverATurnOrHalfOfItInThePlane) {
  for (const bool biased : {false, true}) {
    const auto set = parameter_set("2d");
    auto recipe = built_in_glass("x1", set, 0.2, {0.0, 0.0, 0.0});
    recipe.rules.tension_biased = biased;
    const auto catalog = build_catalog(Communicator::self(), grid_for(set, 200), recipe, 6);
    double cosine = 0.0;
    double least = 10.0;
    for (const auto& domain : catalog.domains) {
      const double a_0 =
          2 * std::atan2(static_cast<double>(domain.rotation[3]), static_cast<double>(domain.rotation[0]));
      const double own = std::cos(a_0);
      cosine += own / static_cast<double>(catalog.domains.size());
      least = std::min(least, own);
    }
    // <cos a_0> is 0 over a turn and 2 / pi over [-pi/2, pi/2].
    EXPECT_NEAR(cosine, biased ? 2 / units::pi : 0.0, 5 * std::sqrt(0.5 / 8000));
    EXPECT_NEAR(least, biased ? 0.0 : -1.0, 0.01);
  }
}

TEST(Seeds, giveDifferentMaps) {
  const auto one = built(Communicator::self(), "x0", "2d", 40, 1);
  const auto other = built(Communicator::self(), "x0", "2d", 40, 2);
  EXPECT_NE(one.voxel_type, other.voxel_type);
}

TEST(Recipes, areRefusedWhereImpossible) {
  const auto set = parameter_set("2d");
  const auto recipe = built_in_glass("x05", set, 0.2, {});
  const auto refused = [&](auto change) {
    auto changed = recipe;
    change(changed);
    EXPECT_THROW(validate_recipe(changed, 2), Error);
  };
  EXPECT_NO_THROW(validate_recipe(recipe, 2));
  refused([](auto& r) { r.mro[0].volume_fraction = 0.35; });  // 0.45 in all
  refused([](auto& r) { r.mro[0].volume_fraction = std::nan(""); });
  refused([](auto& r) { r.mro[0].volume_fraction = -0.1; });
  refused([](auto& r) { r.mro[1].type.name = r.mro[0].type.name; });
  refused([](auto& r) { r.mro[1].type.modes = 5; });
  refused([](auto& r) { r.mixing = Mixing::by_voxel, r.mro[1].sizes.mean_nm = 5.0; });
}

TEST(TypeEntries, areRead) {
  const auto defaults = built_in_glass("x0", parameter_set("mg3d"), 0.1, {2.8, 0.4, 1.0}).mro.front();
  const auto read = parse_type_entry(
      " strong one : modes=2, amplitude = 0.8,softening=0.01, diameter=3.5, "
      "barrier-law=normal, barrier-spread=0.3",
      defaults);
  EXPECT_EQ(read.type.name, "strong one");
  EXPECT_EQ(read.type.modes, 2);
  EXPECT_EQ(read.type.amplitude, 0.8);
  EXPECT_EQ(read.type.softening, 0.01);
  EXPECT_EQ(read.sizes.mean_nm, 3.5);
  EXPECT_EQ(read.sizes.spread_nm, 0.4);
  EXPECT_EQ(read.type.barrier_law, BarrierLaw::normal);
  EXPECT_EQ(read.type.barrier_spread, 0.3);
  EXPECT_EQ(read.volume_fraction, 0.1);
  for (const char* bad : {"modes=2, amplitude=0.8, softening=0.01", "a: modes=2, amplitude=0.8",
                          "a: modes=2.5, amplitude=0.8, softening=0.1", "a: modes=2, amplitude=nan, softening=0.1",
                          "a: modes=2, modes=4, amplitude=1, softening=0.1", "a: modes=2, amplitude=0.8, softning=0.1",
                          "a: modes=2, amplitude=0.8x, softening=0.1", "a: modes 2, amplitude=0.8, softening=0.1"}) {
    EXPECT_THROW((void)parse_type_entry(bad, defaults), Error) << bad;
  }
}

}  // namespace
}  // namespace mesoglass::catalog
