#include "core/voxel_fields_file.hpp"

#include <array>

namespace mesoglass {

VoxelFieldsFile::VoxelFieldsFile(const Communicator& communicator, const std::filesystem::path& path,
                                 const VoxelGrid& grid)
    : communicator_(communicator), grid_(grid), file_(Hdf5File::create(communicator, path)) {
  // VTK file formats, "VTKHDF".
  const std::string root = "/VTKHDF";
  file_.create_group(root + "/PointData");
  const std::array<std::int64_t, 2> version = {1, 0};
  const bool is_film = grid.nz == 1;
  const std::array<std::int64_t, 6> extent = {0, grid.nx - 1, 0, grid.ny - 1, 0, is_film ? 1 : grid.nz - 1};
  const std::array<double, 3> origin = {0.5 * grid.voxel_size_nm[0], 0.5 * grid.voxel_size_nm[1],
                                        is_film ? 0.0 : 0.5 * grid.voxel_size_nm[2]};
  const std::array<double, 9> direction = {1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0};
  file_.set_attribute(root, "Version", std::span<const std::int64_t>(version));
  file_.set_short_text_attribute(root, "Type", "ImageData");
  file_.set_attribute(root, "WholeExtent", std::span<const std::int64_t>(extent));
  file_.set_attribute(root, "Origin", std::span<const double>(origin));
  file_.set_attribute(root, "Spacing", std::span<const double>(grid.voxel_size_nm));
  file_.set_attribute(root, "Direction", std::span<const double>(direction));
}

template <typename T>
void VoxelFieldsFile::write(const std::string& name, std::span<const T> own_values, int components,
                            const std::string& unit, const std::string& description) {
  const std::string dataset = dataset_path(name);
  const auto n = [](std::int64_t count) { return static_cast<std::uint64_t>(count); };
  const std::uint64_t layers = grid_.nz == 1 ? 2 : 1;
  Shape shape = {layers * n(grid_.nz), n(grid_.ny), n(grid_.nx)};
  if (components > 1) shape.push_back(n(components));
  file_.create_dataset<T>(dataset, shape, unit, description);
  const Range slabs = grid_.slabs_of(communicator_.rank(), communicator_.size());
  Shape offset(shape.size(), 0);
  Shape count = shape;
  count[0] = n(grid_.nz);
  const std::size_t slab_axis = grid_.dimensions() == 3 ? 0 : 1;
  offset[slab_axis] = n(slabs.begin);
  count[slab_axis] = n(slabs.size());
  for (std::uint64_t layer = 0; layer < layers; ++layer) {
    offset[0] += layer;
    file_.write_part<T>(dataset, offset, count, own_values);
  }
}

template void VoxelFieldsFile::write<float>(const std::string&, std::span<const float>, int, const std::string&,
                                            const std::string&);
template void VoxelFieldsFile::write<double>(const std::string&, std::span<const double>, int, const std::string&,
                                             const std::string&);
template void VoxelFieldsFile::write<std::uint8_t>(const std::string&, std::span<const std::uint8_t>, int,
                                                   const std::string&, const std::string&);
template void VoxelFieldsFile::write<std::int32_t>(const std::string&, std::span<const std::int32_t>, int,
                                                   const std::string&, const std::string&);

}  // namespace mesoglass
