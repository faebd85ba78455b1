// Other projects' real files, where they are.
#include <numeric>

#include "scan_samples.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::test {
namespace {

class SharedSample : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = shared_data_folder();
    if (folder_.empty()) GTEST_SKIP() << "the shared sample files are not here";
  }
  [[nodiscard]] std::unique_ptr<scan::ScanReader> open(const std::string& name,
                                                       const scan::ReadOptions& options = {}) const {
    return scan::open_scan(communicator(), folder_ / name, options);
  }
  [[nodiscard]] static double sum(const scan::ScanReader& reader, std::int64_t row) {
    std::vector<float> values(static_cast<std::size_t>(reader.description().values_per_row()));
    reader.read_rows(row, 1, values);
    return std::accumulate(values.begin(), values.end(), 0.0);
  }
  std::filesystem::path folder_;
};

TEST_F(SharedSample, FpdCompressedBigEndian) {
  const auto reader = open("fpd_file_test.hdf5");
  const auto& d = reader->description();
  EXPECT_EQ(d.format, "fpd HDF5");
  EXPECT_EQ(d.scan_ny, 2);
  EXPECT_EQ(d.scan_nx, 2);
  EXPECT_EQ(d.pattern_ny, 256);
  EXPECT_TRUE(d.big_endian);
  EXPECT_TRUE(d.compressed);
  // The file's own sums of each pattern, /fpd_expt/fpd_sum_im.
  EXPECT_EQ(sum(*reader, 0), 821833.0 + 822375.0);
  EXPECT_EQ(sum(*reader, 1), 821384.0 + 823283.0);
}

TEST_F(SharedSample, Py4dstem) {
  const auto reader = open("emd/py4DSTEM_size2x3x4x5.h5");
  const auto& d = reader->description();
  EXPECT_EQ(d.format, "EMD 1.0");
  EXPECT_EQ(d.scan_ny, 2);
  EXPECT_EQ(d.scan_nx, 3);
  EXPECT_EQ(d.pattern_ny, 4);
  EXPECT_EQ(d.pattern_nx, 5);
  EXPECT_NEAR(d.k_per_pixel_inverse_nm.value.value(), 0.44251566616087125, 1e-12);
  EXPECT_NEAR(d.scan_step_nm.value.value(), 0.126796875, 1e-12);
  (void)sum(*reader, 1);
}

TEST_F(SharedSample, PrismaticHoldsTwoCubes) {
  expect_refused(folder_ / "emd/Si100_4D.emd", {"CBED_array_depth0000", "CBED_array_depth0001", "--dataset"});
  scan::ReadOptions options;
  options.dataset = "/4DSTEM_simulation/data/datacubes/CBED_array_depth0001";
  const auto reader = open("emd/Si100_4D.emd", options);
  EXPECT_EQ(reader->description().format, "EMD 0.x");
  EXPECT_EQ(reader->description().scan_ny, 11);
  EXPECT_EQ(reader->description().pattern_nx, 8);
  EXPECT_TRUE(reader->description().scan_step_nm.value);
  EXPECT_GT(sum(*reader, 3), 0.0);
}

TEST_F(SharedSample, HyperSpy) {
  const auto one = open("hspy/stem_diffraction_pattern.hspy");
  EXPECT_EQ(one->description().scan_ny, 1);
  EXPECT_EQ(one->description().pattern_ny, 167);
  EXPECT_GT(sum(*one, 0), 0.0);
  const auto calibrated = open("hspy/example2_v3.1.hspy");
  EXPECT_NEAR(calibrated->description().k_per_pixel_inverse_nm.value.value(), 0.17443285882472992, 1e-12);
  EXPECT_NEAR(calibrated->description().voltage_v.value.value(), 200e3, 1e-6);
}

TEST_F(SharedSample, NexusSpectraAreNoPatterns) {
  expect_refused(folder_ / "nexus/nexus_dls_example.nxs", {"spectra"});
}

TEST_F(SharedSample, EmpadSidecarsWithoutTheirRawFiles) {
  expect_refused(folder_ / "empad/map4x4.xml", {"scan_x4_y4.raw", "pix_y, pix_x = 4 x 4", "acquire = 128 x 128"});
  expect_refused(folder_ / "empad/EMPAD_v1.2.2_x32_y64_size0.8.xml", {"scan_x32_y64.raw", "search = 64 x 32"});
  expect_refused(folder_ / "empad/stack_images.xml", {"series_x10.raw", "series count = 1 x 10"});
}

}  // namespace
}  // namespace mesoglass::test
