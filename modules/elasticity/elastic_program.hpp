// mg-elastic: stress, strain and displacement of a voxel body with eigenstrain.
#pragma once

#include <filesystem>
#include <vector>

#include "core/program.hpp"
#include "elasticity/finite_element_solver.hpp"

namespace mesoglass::elasticity {

[[nodiscard]] ProgramInformation elastic_program_information();
[[nodiscard]] OptionTable elastic_program_options();
// Collective.
void run_elastic_program(Run& run);

// What mg-elastic solves, for this rank's voxels (grid.voxels_of).
struct ElasticInput {
  VoxelGrid grid;
  std::vector<Tensor> eigenstrain;
  std::vector<double> young_modulus_gpa;  // 0 = void
  std::vector<double> poisson_ratio;
};

// Reads /eigenstrain (nz, ny, nx, 6), /young_modulus (GPa) and /poisson_ratio (nz, ny, nx) of `path`; a dataset that is
// missing is filled with no eigenstrain, `young_modulus_gpa` or `poisson_ratio` (NaN = the dataset is needed). The
// voxel size is `voxel_size_nm`, or where that is empty the attribute voxel_size_nm of /grid. Throws InputError naming
// file, dataset, voxel and value for anything missing, of another shape, or not finite. Collective.
[[nodiscard]] ElasticInput read_elastic_input(const Communicator& communicator, const std::filesystem::path& path,
                                              double young_modulus_gpa, double poisson_ratio,
                                              const std::vector<double>& voxel_size_nm);

}  // namespace mesoglass::elasticity
