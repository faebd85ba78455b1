#include "core/error.hpp"
#include "core/progress.hpp"
#include "core/units.hpp"
#include "core/voxel_grid.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass {
namespace {

TEST(Units, agree_with_published_figures) {
  // 1 GPa nm^3 = 6.241509 eV; kT at 300 K = 25.85 meV; 200 kV electrons: 2.5079 pm (Williams and Carter, table 1.2).
  EXPECT_NEAR(units::ev_per_gpa_nm3, 6.241509, 1e-6);
  EXPECT_NEAR(300.0 * units::boltzmann_ev_per_k, 0.0258520, 1e-7);
  EXPECT_NEAR(units::electron_wavelength_nm(200e3), 2.5079e-3, 1e-7);
  EXPECT_NEAR(units::electron_wavelength_nm(300e3), 1.9687e-3, 1e-7);
}

TEST(VoxelGrid, indices_and_slabs) {
  const VoxelGrid grid{4, 3, 2, {1.0, 1.0, 1.0}};
  EXPECT_EQ(grid.index(1, 2, 1), 21);
  EXPECT_EQ(grid.coordinates(21), (std::array<std::int64_t, 3>{1, 2, 1}));
  EXPECT_EQ(grid.slab_count(), 2);
  EXPECT_EQ(grid.voxels_of(1, 2).begin, 12);
  const VoxelGrid plane{4, 3, 1, {0.7, 0.7, 1.0}};
  EXPECT_EQ(plane.dimensions(), 2);
  EXPECT_EQ(plane.slab_count(), 3);
  EXPECT_DOUBLE_EQ(plane.voxel_volume_nm3(), 0.49);
}

TEST(VoxelGrid, impossible_grids_are_refused) {
  EXPECT_THROW((VoxelGrid{0, 1, 1, {1.0, 1.0, 1.0}}.validate()), Error);
  EXPECT_THROW((VoxelGrid{1 << 20, 1 << 20, 1, {1.0, 1.0, 1.0}}.validate()), Error);
  EXPECT_THROW((VoxelGrid{2, 2, 2, {1.0, -1.0, 1.0}}.validate()), Error);
  EXPECT_THROW((VoxelGrid{2, 2, 2, {1.0, std::nan(""), 1.0}}.validate()), Error);
  EXPECT_NO_THROW((VoxelGrid{512, 512, 512, {1.5, 1.5, 1.5}}.validate()));
}

TEST(Texts, durations_and_bytes_read_well) {
  EXPECT_EQ(duration_text(3.04), "3.0 s");
  EXPECT_EQ(duration_text(250.0), "4 min 10 s");
  EXPECT_EQ(duration_text(7500.0), "2 h 5 min");
  EXPECT_EQ(bytes_text(66560.0), "65.0 KiB");
  EXPECT_EQ(bytes_text(3.0 * 1024 * 1024 * 1024), "3.0 GiB");
}

}  // namespace
}  // namespace mesoglass
