// HDF5 trees of every layout, made with the HDF5 library itself.
#include <hdf5.h>

#include <array>

#include "core/hdf5_file.hpp"
#include "hdf5_samples.hpp"
#include "scan_samples.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::test {
namespace {

using scan::open_scan;
using scan::ReadOptions;

void add_axis(hid_t file, const std::string& name, const std::string& axis, const std::string& unit, float step) {
  add_data(file, name, {2}, {0.0F, step});
  add_text(file, name, "name", axis);
  add_text(file, name, "units", unit);
}

void add_emd1(hid_t file, const std::vector<hsize_t>& shape, const std::vector<float>& values,
              const Stored& stored = {}) {
  add_text(file, "/", "emd_group_type", "file");
  add_group(file, "/root/cube");
  add_text(file, "/root", "emd_group_type", "root");
  add_text(file, "/root/cube", "emd_group_type", "array");
  add_text(file, "/root/cube", "python_class", "DataCube");
  add_data(file, "/root/cube/data", shape, values, stored);
}

TEST(Emd1, CalibrationFromTheAxes) {
  const auto path = scratch_folder() / "a.h5";
  make_file(path, [](hid_t file) {
    add_emd1(file, {3, 2, 4, 5}, sample_values(3, 2, 4, 5));
    add_axis(file, "/root/cube/dim0", "Rx", "A", 5.0F);
    add_axis(file, "/root/cube/dim1", "Ry", "A", 5.0F);
    add_axis(file, "/root/cube/dim2", "Qx", "A^-1", 0.0125F);
    add_axis(file, "/root/cube/dim3", "Qy", "A^-1", 0.0125F);
  });
  const auto reader = open_scan(communicator(), path);
  EXPECT_EQ(reader->description().format, "EMD 1.0");
  EXPECT_NEAR(reader->description().scan_step_nm.value.value(), 0.5, 1e-7);
  EXPECT_NEAR(reader->description().k_per_pixel_inverse_nm.value.value(), 0.125, 1e-7);
  expect_sample_values(*reader);
}

TEST(Emd1, UncalibratedPixelsAreNoCalibration) {
  const auto path = scratch_folder() / "a.h5";
  make_file(path, [](hid_t file) {
    add_emd1(file, {3, 2, 4, 5}, sample_values(3, 2, 4, 5));
    add_axis(file, "/root/cube/dim1", "Ry", "pixels", 1.0F);
    add_axis(file, "/root/cube/dim3", "Qy", "pixels", 1.0F);
  });
  const auto reader = open_scan(communicator(), path);
  EXPECT_FALSE(reader->description().scan_step_nm.value);
  EXPECT_FALSE(reader->description().k_per_pixel_inverse_nm.value);
}

// Numbers of every kind, compressed in chunks that hold several rows.
TEST(Emd1, EveryElementTypeAndChunking) {
  const auto folder = scratch_folder();
  int number = 0;
  for (const hid_t type : {H5T_STD_U16LE, H5T_STD_U16BE, H5T_STD_I32BE, H5T_STD_U32LE, H5T_STD_I64LE, H5T_IEEE_F32BE,
                           H5T_IEEE_F64LE, H5T_IEEE_F64BE}) {
    const auto path = folder / fmt::format("{}.h5", number++);
    make_file(path, [&](hid_t file) {
      add_emd1(file, {5, 3, 4, 6}, sample_values(5, 3, 4, 6), {type, {2, 2, 4, 3}, true});
    });
    const auto reader = open_scan(communicator(), path);
    EXPECT_EQ(reader->description().row_alignment, 2);
    EXPECT_TRUE(reader->description().compressed);
    expect_sample_values(*reader);
  }
}

// All values that eight bits hold.
TEST(Emd1, EightBitsWithAndWithoutSign) {
  const auto folder = scratch_folder();
  int number = 0;
  for (const bool with_sign : {false, true}) {
    std::vector<float> values(2 * 2 * 8 * 8);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(i) - (with_sign ? 128.0F : 0.0F);
    }
    for (const hid_t type :
         with_sign ? std::array{H5T_STD_I8LE, H5T_STD_I8BE} : std::array{H5T_STD_U8LE, H5T_STD_U8BE}) {
      const auto path = folder / fmt::format("{}.h5", number++);
      make_file(path, [&](hid_t file) { add_emd1(file, {2, 2, 8, 8}, values, {type, {1, 2, 8, 8}, true}); });
      const auto reader = open_scan(communicator(), path);
      std::vector<float> found(values.size(), -1.0F);
      reader->read_rows(0, 2, found);
      EXPECT_EQ(found, values);
    }
  }
}

TEST(Emd1, FiveAxesAreATimeSeries) {
  const auto path = scratch_folder() / "a.h5";
  make_file(path, [](hid_t file) { add_emd1(file, {2, 3, 2, 4, 5}, sample_values(6, 2, 4, 5)); });
  const auto reader = open_scan(communicator(), path);
  EXPECT_EQ(reader->description().time_frames, 2);
  EXPECT_EQ(reader->description().total_rows(), 6);
  expect_sample_values(*reader);  // rows of all frames, also across the border between two
}

TEST(Emd1, ThreeAxesAreFoldedByTheUser) {
  const auto path = scratch_folder() / "a.h5";
  make_file(path, [](hid_t file) { add_emd1(file, {6, 4, 5}, sample_values(2, 3, 4, 5)); });
  EXPECT_EQ(open_scan(communicator(), path)->description().scan_nx, 6);
  ReadOptions options;
  options.scan_shape = {2, 3};
  expect_sample_values(*open_scan(communicator(), path, options));
  options.scan_shape = {2, 4};
  expect_refused(path, {"--scan-shape 2x4", "6 positions"}, options);
}

TEST(Emd0, OlderPy4dstemAndOthers) {
  const auto path = scratch_folder() / "a.h5";
  make_file(path, [](hid_t file) {
    add_group(file, "/4DSTEM_experiment/data/datacubes/datacube_0");
    add_number(file, "/4DSTEM_experiment", "version_major", 0, H5T_STD_I64LE);
    add_number(file, "/4DSTEM_experiment", "emd_group_type", 2, H5T_STD_I64LE);
    add_number(file, "/4DSTEM_experiment/data/datacubes/datacube_0", "emd_group_type", 1, H5T_STD_I64LE);
    add_data(file, "/4DSTEM_experiment/data/datacubes/datacube_0/data", {3, 2, 4, 5}, sample_values(3, 2, 4, 5));
    add_axis(file, "/4DSTEM_experiment/data/datacubes/datacube_0/dim2", "R_y", "[n_m]", 0.3F);
    add_axis(file, "/4DSTEM_experiment/data/datacubes/datacube_0/dim4", "Q_y", "[n_m^-1]", 0.2F);
  });
  const auto reader = open_scan(communicator(), path);
  EXPECT_EQ(reader->description().format, "EMD 0.x");
  EXPECT_NEAR(reader->description().scan_step_nm.value.value(), 0.3, 1e-7);
  EXPECT_NEAR(reader->description().k_per_pixel_inverse_nm.value.value(), 0.2, 1e-7);
  expect_sample_values(*reader);
}

void add_fpd(hid_t file, const std::vector<std::string>& axes, const std::vector<hsize_t>& shape,
             const std::vector<float>& values) {
  add_text(file, "/", "fpd_version", "0.3.0");
  const std::string group = "/fpd_expt/fpd_data";
  add_group(file, group);
  add_number(file, group, "emd_group_type", 1, H5T_STD_I64LE);
  add_data(file, group + "/data", shape, values, {H5T_STD_U16BE, std::vector<hsize_t>(shape.size(), 1), true});
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto name = group + "/dim" + std::to_string(i + 1);
    add_data(file, name, {1}, {0.0F});
    add_text(file, name, "name", axes[i]);
  }
}

TEST(Fpd, ReadsItsAxesByName) {
  const auto folder = scratch_folder();
  make_file(folder / "a.hdf5", [](hid_t file) {
    add_fpd(file, {"scanY", "scanX", "colour", "detY", "detX"}, {3, 2, 1, 4, 5}, sample_values(3, 2, 4, 5));
  });
  const auto reader = open_scan(communicator(), folder / "a.hdf5");
  EXPECT_EQ(reader->description().format, "fpd HDF5");
  EXPECT_TRUE(reader->description().big_endian);
  expect_sample_values(*reader);

  make_file(folder / "b.hdf5", [](hid_t file) {
    add_fpd(file, {"scanY", "scanX", "detY", "detX"}, {3, 2, 4, 5}, sample_values(3, 2, 4, 5));
  });
  expect_sample_values(*open_scan(communicator(), folder / "b.hdf5"));

  make_file(folder / "c.hdf5", [](hid_t file) {
    add_fpd(file, {"scanY", "scanX", "colour", "detY"}, {3, 2, 1, 4, 5}, sample_values(3, 2, 4, 5));
  });
  expect_refused(folder / "c.hdf5", {"axis 5"});
  make_file(folder / "d.hdf5", [](hid_t file) {
    add_fpd(file, {"detY", "detX", "colour", "scanY", "scanX"}, {3, 2, 1, 4, 5}, sample_values(3, 2, 4, 5));
  });
  expect_refused(folder / "d.hdf5", {"another order"});
  make_file(folder / "e.hdf5", [](hid_t file) { add_text(file, "/", "fpd_version", "0.3.0"); });
  expect_refused(folder / "e.hdf5", {"no 4D-STEM scan"});
}

void add_hyperspy(hid_t file, const std::vector<bool>& navigate, const std::vector<hsize_t>& shape,
                  const std::vector<float>& values) {
  add_text(file, "/", "file_format", "HyperSpy");
  add_data(file, "/Experiments/film/data", shape, values);
  for (std::size_t i = 0; i < navigate.size(); ++i) {
    const auto name = "/Experiments/film/axis-" + std::to_string(i);
    add_group(file, name);
    add_flag(file, name, "navigate", navigate[i]);
    add_number(file, name, "scale", navigate[i] ? 4.0 : 0.02, H5T_IEEE_F64LE);
    add_text(file, name, "units", navigate[i] ? "A" : "1/A");
  }
}

TEST(HyperSpy, ReadsAxesAndRefusesSpectra) {
  const auto folder = scratch_folder();
  make_file(folder / "a.hspy", [](hid_t file) {
    add_hyperspy(file, {true, true, false, false}, {3, 2, 4, 5}, sample_values(3, 2, 4, 5));
  });
  const auto reader = open_scan(communicator(), folder / "a.hspy");
  EXPECT_EQ(reader->description().format, "HyperSpy");
  EXPECT_NEAR(reader->description().scan_step_nm.value.value(), 0.4, 1e-12);
  EXPECT_NEAR(reader->description().k_per_pixel_inverse_nm.value.value(), 0.2, 1e-12);
  expect_sample_values(*reader);
  make_file(folder / "b.hspy", [](hid_t file) {
    add_hyperspy(file, {true, true, true, false}, {3, 2, 4, 5}, sample_values(3, 2, 4, 5));
  });
  expect_refused(folder / "b.hspy", {"not a scan of images"});
  make_file(folder / "c.hspy", [](hid_t file) {
    add_hyperspy(file, {true, true, false}, {3, 2, 4, 5}, sample_values(3, 2, 4, 5));
  });
  expect_refused(folder / "c.hspy", {"axis-3"});
}

TEST(Nexus, FollowsSignalAndDefault) {
  const auto folder = scratch_folder();
  const auto add = [](hid_t file, const std::string& group) {
    add_group(file, group);
    add_text(file, group, "NX_class", "NXdata");
    add_text(file, group, "signal", "counts");
    add_data(file, group + "/counts", {3, 2, 4, 5}, sample_values(3, 2, 4, 5));
  };
  make_file(folder / "a.nxs", [&](hid_t file) {
    add_group(file, "/entry");
    add_text(file, "/entry", "NX_class", "NXentry");
    add(file, "/entry/detector");
  });
  expect_sample_values(*open_scan(communicator(), folder / "a.nxs"));
  make_file(folder / "b.nxs", [&](hid_t file) {
    add_group(file, "/entry");
    add_text(file, "/entry", "NX_class", "NXentry");
    add(file, "/entry/first");
    add(file, "/entry/second");
  });
  expect_refused(folder / "b.nxs", {"holds 2 scans", "/entry/first/counts", "/entry/second/counts"});
  make_file(folder / "c.nxs", [&](hid_t file) {
    add_group(file, "/entry");
    add_text(file, "/", "default", "entry");
    add_text(file, "/entry", "NX_class", "NXentry");
    add_text(file, "/entry", "default", "second");
    add(file, "/entry/first");
    add(file, "/entry/second");
  });
  EXPECT_EQ(open_scan(communicator(), folder / "c.nxs")->description().dataset, "/entry/second/counts");
}

TEST(AnyHdf5, ADatasetCanBeNamed) {
  const auto path = scratch_folder() / "a.h5";
  make_file(path, [](hid_t file) {
    add_data(file, "/measured/frames", {3, 2, 4, 5}, sample_values(3, 2, 4, 5));
    add_data(file, "/measured/spectrum", {60}, std::vector<float>(60, 1.0F));
  });
  expect_refused(path, {"no known scan layout", "--dataset"});
  ReadOptions options;
  options.dataset = "/measured/frames";
  expect_sample_values(*open_scan(communicator(), path, options));
  options.scan_shape = {2, 3};
  expect_refused(path, {"contradicts", "3 x 2"}, options);
  options.scan_shape.reset();
  options.dataset = "/measured/spectrum";
  expect_refused(path, {"1 axes"}, options);
  options.dataset = "/measured/nothing";
  expect_refused(path, {"/measured/nothing"}, options);
}

TEST(AnyHdf5, DamagedFilesAreRefused) {
  const auto folder = scratch_folder();
  make_file(folder / "a.h5", [](hid_t file) { add_emd1(file, {3, 2, 40, 50}, sample_values(3, 2, 40, 50)); });
  on_root(communicator(), [&] {
    std::filesystem::copy_file(folder / "a.h5", folder / "short.h5");
    std::filesystem::resize_file(folder / "short.h5", std::filesystem::file_size(folder / "a.h5") / 2);
  });
  expect_refused(folder / "short.h5", {"short.h5"});
  write_bytes(folder / "text.h5", "this is no HDF5 file");
  expect_refused(folder / "text.h5", {"not an HDF5 file"});
  make_file(folder / "none.h5", [](hid_t file) { add_emd1(file, {0, 2, 4, 5}, {}); });
  expect_refused(folder / "none.h5", {"0 x 2"});
}

// A dataset whose extent no disk holds costs nothing to state: it must not be believed.
TEST(AnyHdf5, AbsurdDimensionsAreRefused) {
  const auto path = scratch_folder() / "a.h5";
  make_file(path, [](hid_t file) {
    add_text(file, "/", "emd_group_type", "file");
    add_group(file, "/root/cube");
    add_text(file, "/root", "emd_group_type", "root");
    add_text(file, "/root/cube", "emd_group_type", "array");
    add_text(file, "/root/cube", "python_class", "DataCube");
    const hsize_t shape[] = {hsize_t{1} << 30, hsize_t{1} << 30, 1 << 20, 1 << 20};
    const hsize_t chunk[] = {1, 1, 64, 64};
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 4, chunk);
    const hid_t space = H5Screate_simple(4, shape, nullptr);
    H5Dclose(H5Dcreate2(file, "/root/cube/data", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(creation);
  });
  expect_refused(path, {"no scan has such a size"});
}

// A filter that HDF5 knows by number only, marked optional so that the file can be made without it.
TEST(AnyHdf5, AMissingFilterIsNamed) {
  const auto path = scratch_folder() / "a.h5";
  make_file(path, [](hid_t file) {
    add_group(file, "/data");
    const hsize_t shape[] = {3, 2, 4, 5};
    const hsize_t chunk[] = {1, 2, 4, 5};
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 4, chunk);
    constexpr H5Z_filter_t unregistered = 32999;
    H5Pset_filter(creation, unregistered, H5Z_FLAG_OPTIONAL, 0, nullptr);
    const hid_t space = H5Screate_simple(4, shape, nullptr);
    H5Dclose(H5Dcreate2(file, "/data/frames", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(creation);
  });
  ReadOptions options;
  options.dataset = "/data/frames";
  expect_refused(path, {"not installed", "32999"}, options);
}

}  // namespace
}  // namespace mesoglass::test
