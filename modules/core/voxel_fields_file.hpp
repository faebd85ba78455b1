// Voxel fields that ParaView opens: VTKHDF ImageData, version 1 (read by VTK 9.1 and ParaView 5.11 and later).
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "core/hdf5_file.hpp"
#include "core/voxel_grid.hpp"

namespace mesoglass {

// Writes the voxels as the points of an image, each point a voxel's middle: VTK 9.1 cannot read values on cells. It
// cannot read images one point thick either, so a two-dimensional grid is written as two equal layers, the film's two
// faces. x runs fastest. The file is an ordinary HDF5 file: other groups may be added to file() beside /VTKHDF.
class VoxelFieldsFile {
 public:
  // Creates `path` (pass an AtomicOutput's temporary path). Collective.
  VoxelFieldsFile(const Communicator& communicator, const std::filesystem::path& path, const VoxelGrid& grid);

  // Where a field stands in the file: (nz, ny, nx[, components]), nz = 2 for a two-dimensional grid.
  [[nodiscard]] static std::string dataset_path(const std::string& name) { return "/VTKHDF/PointData/" + name; }

  // This rank's voxels (grid.voxels_of(rank, size)), `components` values each, voxel by voxel. T is float, double,
  // uint8_t or int32_t. Collective.
  template <typename T>
  void write(const std::string& name, std::span<const T> own_values, int components, const std::string& unit,
             const std::string& description);

  [[nodiscard]] Hdf5File& file() noexcept { return file_; }
  void close() { file_.close(); }

 private:
  const Communicator& communicator_;
  VoxelGrid grid_;
  Hdf5File file_;
};

}  // namespace mesoglass
