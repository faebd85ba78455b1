#include "deformation/connected_free_volume.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/random_stream.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::deformation {

namespace {

VoxelGrid grid_of(std::int64_t nx, std::int64_t ny, std::int64_t nz) {
  VoxelGrid grid;
  grid.nx = nx;
  grid.ny = ny;
  grid.nz = nz;
  return grid;
}

FreeVolumeClusters clusters_of(const VoxelGrid& grid, const std::vector<std::uint8_t>& carries) {
  return find_clusters(Communicator::self(), grid, carries);
}

// Independent method: relabel neighbours until nothing changes.
std::vector<std::int64_t> slow_labels(const VoxelGrid& grid, const std::vector<std::uint8_t>& carries) {
  std::vector<std::int64_t> label(carries.size());
  for (std::size_t v = 0; v < label.size(); ++v) label[v] = carries[v] != 0 ? static_cast<std::int64_t>(v) : -1;
  for (bool changed = true; changed;) {
    changed = false;
    for (std::int64_t v = 0; v < grid.voxel_count(); ++v) {
      if (label[static_cast<std::size_t>(v)] < 0) continue;
      const auto [x, y, z] = grid.coordinates(v);
      for (const auto& other : {grid.index((x + 1) % grid.nx, y, z), grid.index(x, (y + 1) % grid.ny, z),
                                grid.index(x, y, (z + 1) % grid.nz)}) {
        auto& a = label[static_cast<std::size_t>(v)];
        auto& b = label[static_cast<std::size_t>(other)];
        if (b < 0 || a == b) continue;
        a = b = std::min(a, b);
        changed = true;
      }
    }
  }
  return label;
}

}  // namespace

TEST(ConnectedFreeVolume, AgreesWithRelabellingOnRandomMaps) {
  for (const auto& grid : {grid_of(12, 9, 1), grid_of(6, 5, 4)}) {
    for (int trial = 0; trial < 40; ++trial) {
      RandomStream random(11, RandomPurpose::test, static_cast<std::uint64_t>(trial));
      std::vector<std::uint8_t> carries(static_cast<std::size_t>(grid.voxel_count()));
      const double density = random.uniform(0.1, 0.7);
      for (auto& value : carries) value = random.uniform() < density ? 1 : 0;
      const auto labels = slow_labels(grid, carries);
      std::set<std::int64_t> names(labels.begin(), labels.end());
      names.erase(-1);
      std::int64_t largest = 0;
      for (const auto name : names) {
        largest = std::max<std::int64_t>(largest, std::count(labels.begin(), labels.end(), name));
      }
      const auto found = clusters_of(grid, carries);
      EXPECT_EQ(found.count, static_cast<std::int64_t>(names.size()));
      std::map<std::int64_t, std::int64_t> distribution;
      double squares = 0.0;
      for (const auto name : names) {
        const auto size = std::count(labels.begin(), labels.end(), name);
        ++distribution[size];
        squares += static_cast<double>(size * size);
      }
      EXPECT_EQ(found.distribution, distribution);
      const auto carrying = static_cast<double>(std::count(carries.begin(), carries.end(), 1));
      if (carrying > 0.0) {
        EXPECT_NEAR(found.mean_voxels, squares / carrying, 1e-9);
      }
      EXPECT_EQ(found.largest_voxels, largest);
      EXPECT_EQ(std::count(found.largest.begin(), found.largest.end(), 1), largest);
    }
  }
}

TEST(ConnectedFreeVolume, PercolatesOnlyWhereItMeetsItself) {
  const auto grid = grid_of(8, 6, 1);
  std::vector<std::uint8_t> carries(48, 0);
  EXPECT_EQ(clusters_of(grid, carries).largest_voxels, 0);
  const auto mark = [&](std::int64_t x, std::int64_t y) { carries[static_cast<std::size_t>(grid.index(x, y, 0))] = 1; };
  // Seven of eight along x: touches both faces but not itself.
  for (std::int64_t x = 0; x < 7; ++x) mark(x, 2);
  EXPECT_EQ(clusters_of(grid, carries).percolates, (std::array<bool, 3>{false, false, false}));
  mark(7, 2);
  EXPECT_EQ(clusters_of(grid, carries).percolates, (std::array<bool, 3>{true, false, false}));
  // A staircase that closes only after a turn around both axes runs through the sample along both.
  std::fill(carries.begin(), carries.end(), std::uint8_t{0});
  const auto square = grid_of(6, 6, 1);
  carries.assign(36, 0);
  for (std::int64_t i = 0; i < 6; ++i) {
    carries[static_cast<std::size_t>(square.index(i, i, 0))] = 1;
    carries[static_cast<std::size_t>(square.index((i + 1) % 6, i, 0))] = 1;
  }
  const auto staircase = clusters_of(square, carries);
  EXPECT_EQ(staircase.largest_voxels, 12);
  EXPECT_EQ(staircase.percolates, (std::array<bool, 3>{true, true, false}));
}

// Joined by all ranks together: the same clusters, percolation and marks as by one rank alone.
TEST(ConnectedFreeVolume, IsTheSameOnAnyNumberOfRanks) {
  const auto& world = test::communicator();
  for (const auto& grid : {grid_of(12, 9, 1), grid_of(7, 2, 1), grid_of(6, 5, 4), grid_of(4, 4, 2)}) {
    for (int trial = 0; trial < 60; ++trial) {
      RandomStream random(12, RandomPurpose::test, static_cast<std::uint64_t>(trial));
      std::vector<std::uint8_t> carries(static_cast<std::size_t>(grid.voxel_count()));
      const double density = random.uniform(0.1, 0.8);
      for (auto& value : carries) value = random.uniform() < density ? 1 : 0;
      const auto expected = clusters_of(grid, carries);
      const Range own = grid.voxels_of(world.rank(), world.size());
      const auto found = find_clusters(
          world, grid,
          std::span(carries).subspan(static_cast<std::size_t>(own.begin), static_cast<std::size_t>(own.size())));
      EXPECT_EQ(found.count, expected.count);
      EXPECT_EQ(found.largest_voxels, expected.largest_voxels);
      EXPECT_EQ(found.mean_voxels, expected.mean_voxels);
      EXPECT_EQ(found.percolates, expected.percolates);
      EXPECT_EQ(found.distribution, expected.distribution);
      for (std::int64_t v = own.begin; v < own.end; ++v) {
        EXPECT_EQ(found.largest[static_cast<std::size_t>(v - own.begin)],
                  expected.largest[static_cast<std::size_t>(v)]);
      }
    }
  }
}

TEST(ConnectedFreeVolume, PercolatesAlongZ) {
  const auto grid = grid_of(3, 3, 4);
  std::vector<std::uint8_t> carries(36, 0);
  for (std::int64_t z = 0; z < 4; ++z) carries[static_cast<std::size_t>(grid.index(1, 1, z))] = 1;
  EXPECT_EQ(clusters_of(grid, carries).percolates, (std::array<bool, 3>{false, false, true}));
}

}  // namespace mesoglass::deformation
