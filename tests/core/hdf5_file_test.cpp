#include "core/hdf5_file.hpp"

#include <fstream>
#include <numeric>

#include "core/distribution.hpp"
#include "core/hdf5_internal.hpp"
#include "core/voxel_fields_file.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass {
namespace {

using test::communicator;

std::uint64_t unsigned_of(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

TEST(Hdf5File, parts_of_all_ranks_make_the_whole) {
  const auto path = test::scratch_folder() / "parts.h5";
  constexpr std::int64_t rows = 7;
  constexpr std::int64_t columns = 5;
  const Range own = block_of(rows, communicator().rank(), communicator().size());
  std::vector<float> values(unsigned_of(own.size() * columns));
  std::iota(values.begin(), values.end(), static_cast<float>(own.begin * columns));
  for (const Storage& storage : {Storage{}, Storage{{2, 5}, 4, false}}) {
    auto file = Hdf5File::create(communicator(), path);
    file.create_dataset<float>("/group/deep/values", {rows, columns}, "GPa", "test values", storage);
    file.write_part<float>("/group/deep/values", {unsigned_of(own.begin), 0}, {unsigned_of(own.size()), columns},
                           values);
    file.close();
    auto again = Hdf5File::open(communicator(), path);
    const auto all = again.read<double>("/group/deep/values");
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<double>(i));
    EXPECT_EQ(again.shape("/group/deep/values"), (Shape{rows, columns}));
    EXPECT_EQ(again.attribute_text("/group/deep/values", "units"), "GPa");
    EXPECT_EQ(again.chunk("/group/deep/values"), storage.chunk);
    // Each rank alone, at its own time, the last row.
    std::vector<float> row(columns);
    again.read_part_alone<float>("/group/deep/values", {rows - 1, 0}, {1, columns}, row);
    EXPECT_EQ(row[0], static_cast<float>((rows - 1) * columns));
  }
}

TEST(Hdf5File, calls_that_are_cut_small_read_and_write_the_same) {
  const auto path = test::scratch_folder() / "cut.h5";
  constexpr std::int64_t planes = 5;
  const Shape whole = {planes, 4, 7};
  const Range own = block_of(planes, communicator().rank(), communicator().size());
  const Shape offset = {unsigned_of(own.begin), 0, 0};
  const Shape count = {unsigned_of(own.size()), 4, 7};
  std::vector<double> values(unsigned_of(own.size()) * 28);
  std::iota(values.begin(), values.end(), 28.0 * static_cast<double>(own.begin));
  // Whole planes and a rest, rows, parts of a row, single values.
  for (const std::uint64_t limit : {500, 224, 100, 24, 8, 1}) {
    hdf5_detail::limit_calls_to(limit);
    auto file = Hdf5File::create(communicator(), path);
    file.create_dataset<double>("/values", whole, "1", "test values");
    file.write_part<double>("/values", offset, count, values);
    file.close();
    const auto again = Hdf5File::open(communicator(), path);
    std::vector<double> part(values.size());
    again.read_part<double>("/values", offset, count, part);
    EXPECT_EQ(part, values) << limit;
    // A block inside, each rank alone.
    std::vector<double> inside(2 * 2 * 3);
    again.read_part_alone<double>("/values", {1, 1, 2}, {2, 2, 3}, inside);
    for (std::size_t i = 0; i < inside.size(); ++i) {
      const std::size_t z = 1 + i / 6;
      const std::size_t y = 1 + i / 3 % 2;
      const std::size_t x = 2 + i % 3;
      EXPECT_EQ(inside[i], static_cast<double>((z * 4 + y) * 7 + x)) << limit;
    }
    hdf5_detail::limit_calls_to(0);
    const auto all = Hdf5File::open(communicator(), path).read<double>("/values");
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<double>(i)) << limit;
  }
}

TEST(Hdf5File, more_ranks_than_rows_and_empty_parts) {
  const auto path = test::scratch_folder() / "one.h5";
  auto file = Hdf5File::create(communicator(), path);
  file.create_dataset<std::int32_t>("/one", {1}, "1", "one row");
  const Range own = block_of(1, communicator().rank(), communicator().size());
  const std::vector<std::int32_t> values(unsigned_of(own.size()), 7);
  file.write_part<std::int32_t>("/one", {unsigned_of(own.begin)}, {unsigned_of(own.size())}, values);
  file.create_dataset<std::int32_t>("/none", {0}, "1", "no rows");
  file.close();
  auto again = Hdf5File::open(communicator(), path);
  EXPECT_EQ(again.read<std::int32_t>("/one"), std::vector<std::int32_t>{7});
  EXPECT_TRUE(again.read<std::int32_t>("/none").empty());
}

TEST(Hdf5File, rows_are_appended_in_rank_order) {
  const auto path = test::scratch_folder() / "append.h5";
  auto file = Hdf5File::create(communicator(), path);
  file.create_dataset<double>("/rows", {0, 2}, "1", "pairs", {{4, 2}, 0, true});
  for (int round = 0; round < 2; ++round) {
    std::vector<double> rows;
    for (int i = 0; i <= communicator().rank(); ++i)
      rows.insert(rows.end(), {static_cast<double>(communicator().rank()), static_cast<double>(round)});
    file.append_rows<double>("/rows", rows);
  }
  std::vector<double> expected;
  for (int round = 0; round < 2; ++round) {
    for (int rank = 0; rank < communicator().size(); ++rank) {
      for (int i = 0; i <= rank; ++i)
        expected.insert(expected.end(), {static_cast<double>(rank), static_cast<double>(round)});
    }
  }
  EXPECT_EQ(file.read<double>("/rows"), expected);
  file.resize_rows("/rows", 1);
  EXPECT_EQ(file.shape("/rows"), (Shape{1, 2}));
}

TEST(Hdf5File, texts_attributes_and_tree) {
  const auto path = test::scratch_folder() / "tree.h5";
  auto file = Hdf5File::create(communicator(), path);
  file.write_format("mesoglass test", 1, 2);
  file.write_texts("/names", {"Zr45Cu50Al5", "", "k = 4 nm\u207b\u00b9"}, "names");
  file.write_scalar("/scalar", 2.5, "nm", "one number");
  file.create_group("/empty");
  file.set_attribute("/empty", "count", std::int64_t{-3});
  file.set_attribute("/empty", "size", 0.5);
  file.set_attribute("/empty", "size", 0.75);
  file.close();
  auto again = Hdf5File::open(communicator(), path);
  EXPECT_NO_THROW(again.check_format("mesoglass test", 1));
  EXPECT_THROW(again.check_format("mesoglass test", 0), Error);
  EXPECT_THROW(again.check_format("mesoglass other", 1), Error);
  EXPECT_EQ(again.read_texts("/names"), (std::vector<std::string>{"Zr45Cu50Al5", "", "k = 4 nm\u207b\u00b9"}));
  EXPECT_EQ(again.read<double>("/scalar"), std::vector<double>{2.5});
  EXPECT_EQ(again.children("/"), (std::vector<std::string>{"empty", "names", "scalar"}));
  EXPECT_EQ(again.attribute_integer("/empty", "count"), -3);
  EXPECT_EQ(again.attribute_real("/empty", "size"), 0.75);
  EXPECT_TRUE(again.is_group("/empty"));
  EXPECT_TRUE(again.is_dataset("/scalar"));
  EXPECT_FALSE(again.exists("/absent/deep"));
  EXPECT_FALSE(again.has_attribute("/empty", "absent"));
  EXPECT_EQ(again.element_type("/scalar").kind, ElementType::Kind::real);
}

TEST(Hdf5File, what_is_missing_or_damaged_is_named_on_every_rank) {
  const auto folder = test::scratch_folder();
  const auto path = folder / "good.h5";
  {
    auto file = Hdf5File::create(communicator(), path);
    file.write("/values", std::vector<double>(1000, 1.0), "1", "values");
    file.close();
  }
  on_root(communicator(), [&] {
    std::filesystem::copy_file(path, folder / "short.h5");
    std::filesystem::resize_file(folder / "short.h5", 4000);
    std::ofstream(folder / "text.h5") << "this is no HDF5 file";
    std::ofstream(folder / "empty.h5") << "";
  });
  const auto refuses = [&](const std::filesystem::path& bad, const std::string& mention) {
    try {
      auto file = Hdf5File::open(communicator(), bad);
      ADD_FAILURE() << bad << " was opened";
    } catch (const Error& error) {
      EXPECT_TRUE(error.agreed());
      EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
      EXPECT_NE(std::string(error.what()).find(mention), std::string::npos) << error.what();
    }
  };
  refuses(folder / "absent.h5", "not there");
  refuses(folder / "short.h5", "short.h5");
  refuses(folder / "text.h5", "text.h5");
  refuses(folder / "empty.h5", "empty.h5");
  refuses(folder, "not a regular file");
  auto file = Hdf5File::open(communicator(), path);
  EXPECT_THROW((void)file.read<double>("/absent"), Error);
  EXPECT_THROW((void)file.attribute_real("/values", "absent"), Error);
  EXPECT_THROW((void)file.attribute_real("/values", "units"), Error);
  std::vector<double> room(2000);
  EXPECT_THROW(file.read_part<double>("/values", {500}, {1000}, room), Error);
  EXPECT_THROW(file.read_part<double>("/values", {0, 0}, {1, 1}, room), Error);
}

TEST(VoxelFieldsFile, slabs_of_all_ranks_make_the_field_in_2d_and_3d) {
  const auto folder = test::scratch_folder();
  for (const VoxelGrid& grid : {VoxelGrid{4, 5, 1, {0.7, 0.7, 1.0}}, VoxelGrid{3, 2, 5, {1.5, 1.5, 1.5}}}) {
    const auto path = folder / fmt::format("{}d.vtkhdf", grid.dimensions());
    const Range own = grid.voxels_of(communicator().rank(), communicator().size());
    std::vector<float> index(unsigned_of(own.size()));
    std::iota(index.begin(), index.end(), static_cast<float>(own.begin));
    VoxelFieldsFile fields(communicator(), path, grid);
    fields.write<float>("index", index, 1, "1", "voxel index");
    fields.close();
    auto file = Hdf5File::open(communicator(), path);
    const auto all = file.read<double>(VoxelFieldsFile::dataset_path("index"));
    const auto voxels = unsigned_of(grid.voxel_count());
    ASSERT_EQ(all.size(), voxels * (grid.nz == 1 ? 2 : 1));
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<double>(i % voxels));
  }
}

}  // namespace
}  // namespace mesoglass
