// catalog.h5: what is written is read, and a file that has been tampered with is refused on every rank.
#include <cmath>

#include "catalog/glass_recipe.hpp"
#include "catalog/realised_statistics.hpp"
#include "catalog/stz_catalog.hpp"
#include "core/error.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::catalog {
namespace {

const Communicator& world() {
  return test::communicator();
}

Catalog example(std::int64_t n = 12, const char* glass = "x05") {
  const auto set = parameter_set("mg3d");
  auto recipe = built_in_glass(glass, set, 0.3, {3.0, 0.4, 1.0});
  recipe.rules.jitter = 0.1;
  recipe.rules.dilatation = 0.15;
  recipe.rules.compounding_softening = true;
  for (auto& population : recipe.mro) population.type.source_k_peak = 4.3;
  return build_catalog(world(), {n, n + 1, n - 1, set.voxel_size_nm}, recipe, 77);
}

std::filesystem::path written(const Catalog& catalog) {
  const auto path = test::scratch_folder() / "catalog.h5";
  write_catalog(world(), path, catalog, Provenance("test", "test", "", world().size()));
  return path;
}

TEST(CatalogFile, givesBackWhatWasWritten) {
  for (const char* glass : {"x05", "matrix"}) {
    const auto catalog = example(12, glass);
    const auto read = read_catalog(world(), written(catalog));
    EXPECT_EQ(read.grid.nx, 12);
    EXPECT_EQ(read.grid.ny, 13);
    EXPECT_EQ(read.grid.nz, 11);
    EXPECT_EQ(read.grid.voxel_size_nm, catalog.grid.voxel_size_nm);
    EXPECT_EQ(read.voxel_type, catalog.voxel_type);
    EXPECT_EQ(read.voxel_domain, catalog.voxel_domain);
    EXPECT_EQ(read.seed, 77U);
    EXPECT_EQ(read.glass, glass);
    EXPECT_EQ(read.rules.jitter, 0.1);
    EXPECT_EQ(read.rules.dilatation, 0.15);
    EXPECT_TRUE(read.rules.compounding_softening);
    EXPECT_FALSE(read.rules.parallel_modes);
    ASSERT_EQ(read.types.size(), catalog.types.size());
    for (std::size_t row = 0; row < read.types.size(); ++row) {
      EXPECT_EQ(read.types[row].name, catalog.types[row].name);
      EXPECT_EQ(read.types[row].modes, catalog.types[row].modes);
      EXPECT_EQ(read.types[row].amplitude, catalog.types[row].amplitude);
      EXPECT_EQ(read.types[row].softening, catalog.types[row].softening);
      EXPECT_EQ(read.types[row].barrier_law, catalog.types[row].barrier_law);
      EXPECT_EQ(read.types[row].barrier_mean_ev, catalog.types[row].barrier_mean_ev);
      EXPECT_EQ(read.types[row].gamma0, catalog.types[row].gamma0);
      EXPECT_EQ(std::isnan(read.types[row].source_k_peak), row == 0);
    }
    ASSERT_EQ(read.domains.size(), catalog.domains.size());
    for (std::size_t row = 0; row < read.domains.size(); ++row) {
      EXPECT_EQ(read.domains[row].rotation, catalog.domains[row].rotation);
      EXPECT_EQ(read.domains[row].centre_nm, catalog.domains[row].centre_nm);
      EXPECT_EQ(read.domains[row].voxels, catalog.domains[row].voxels);
      EXPECT_EQ(read.domains[row].type, catalog.domains[row].type);
    }
  }
}

TEST(CatalogFile, tellsItsHeaderWithoutTheVoxels) {
  const auto header = read_catalog_header(world(), written(example()));
  EXPECT_EQ(header.grid.ny, 13);
  EXPECT_EQ(header.types.size(), 3U);
  EXPECT_TRUE(header.voxel_type.empty());
}

TEST(CatalogFile, holdsRealisedStatistics) {
  const auto catalog = example();
  const auto path = written(catalog);
  const auto file = Hdf5File::open(world(), path);
  const auto fractions = file.read<double>("/realised/volume_fraction");
  double total = 0.0;
  for (const double fraction : fractions) total += fraction;
  EXPECT_NEAR(total, 1.0, 1e-14);
  double counted = 0.0;
  for (const double count : file.read<double>("/realised/diameter_histogram")) counted += count;
  EXPECT_EQ(counted, static_cast<double>(catalog.domains.size()));
}

class DamagedCatalog : public ::testing::TestWithParam<int> {};

TEST_P(DamagedCatalog, isRefusedOnEveryRank) {
  const auto path = written(example());
  {
    auto file = Hdf5File::open_for_update(world(), path);
    const std::uint8_t type = 9;
    const std::int32_t row = 1'000'000;
    const double nan = std::nan("");
    const float zero = 0.0F;
    // The last voxel, which the last rank reads.
    const Shape last = {10, 12, 11};
    const Shape one = {1, 1, 1};
    const Shape nothing = {0, 0, 0};
    const bool writes = world().is_root();
    switch (GetParam()) {
      case 0:
        file.write_part<std::uint8_t>("/voxels/type", last, writes ? one : nothing, {&type, writes ? 1U : 0U});
        break;
      case 1:
        file.write_part<std::int32_t>("/voxels/domain", last, writes ? one : nothing, {&row, writes ? 1U : 0U});
        break;
      case 2:
        file.write_part<double>("/types/softening", {1}, {writes ? 1U : 0U}, {&nan, writes ? 1U : 0U});
        break;
      case 3:
        file.write_part<float>("/domains/rotation", {0, 0}, {writes ? 1U : 0U, writes ? 1U : 0U},
                               {&zero, writes ? 1U : 0U});
        break;
      case 4:
        file.set_attribute("/grid", "nx", std::int64_t{13});
        break;
      case 5:
        file.set_attribute("/grid", "nz", std::int64_t{-1});
        break;
      case 6:
        file.set_attribute("/", "format", "mesoglass mro");
        break;
      case 7: {
        const std::int64_t version[] = {2, 0};
        file.set_attribute("/", "format_version", std::span<const std::int64_t>(version));
        break;
      }
      default:
        file.set_attribute("/rules", "jitter", nan);
        break;
    }
    file.close();
  }
  try {
    (void)read_catalog(world(), path);
    ADD_FAILURE() << "damage " << GetParam() << " was not seen";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
    EXPECT_NE(std::string(error.what()).find("catalog.h5"), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Damages, DamagedCatalog, ::testing::Range(0, 9));

}  // namespace
}  // namespace mesoglass::catalog
