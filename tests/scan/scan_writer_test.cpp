#include <fstream>
#include <iterator>

#include "core/distribution.hpp"
#include "core/units.hpp"
#include "scan/scan_writer.hpp"
#include "scan_samples.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::test {
namespace {

scan::ScanDescription sample_scan(std::int64_t ny, std::int64_t nx, std::int64_t side) {
  scan::ScanDescription d;
  d.scan_ny = ny;
  d.scan_nx = nx;
  d.pattern_ny = d.pattern_nx = side;
  d.k_per_pixel_inverse_nm.value = 0.11;
  d.scan_step_nm.value = 0.25;
  d.voltage_v.value = 200e3;
  d.gain.value = 140.0;
  return d;
}

std::vector<float> sample_rows(const scan::ScanDescription& d, Range rows) {
  std::vector<float> values;
  for (auto row = rows.begin; row < rows.end; ++row) {
    for (std::int64_t column = 0; column < d.scan_nx; ++column) {
      for (std::int64_t ky = 0; ky < d.pattern_ny; ++ky) {
        for (std::int64_t kx = 0; kx < d.pattern_nx; ++kx) values.push_back(sample_value(row, column, ky, kx));
      }
    }
  }
  return values;
}

// Every rank writes its rows one at a time, ranks without rows take part empty-handed.
void write_sample(const std::filesystem::path& path, const scan::ScanDescription& d) {
  const auto writer = scan::create_scan(communicator(), path, d, IfExists::refuse);
  const auto own = block_of(d.scan_ny, communicator().rank(), communicator().size());
  const auto rounds = communicator().max(own.size());
  for (std::int64_t round = 0; round < rounds; ++round) {
    const Range rows = round < own.size() ? Range{own.begin + round, own.begin + round + 1} : Range{};
    writer->write_rows(rows.begin, rows.size(), sample_rows(d, rows));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  communicator().barrier();
  writer->commit({});
}

TEST(ScanWriter, EmpadIsByteForByteTheDetectorsLayout) {
  const auto path = scratch_folder() / "made.raw";
  write_sample(path, sample_scan(2, 3, 128));
  std::ifstream stream(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
  ASSERT_EQ(bytes.size(), 2U * 3U * 66560U);
  std::string expected = empad_bytes(2, 3, 1024);
  for (std::size_t frame = 0; frame < 6; ++frame) expected.replace(frame * 66560 + 65536, 1024, 1024, '\0');
  EXPECT_TRUE(bytes == expected);
}

TEST(ScanWriter, WhatIsWrittenIsReadWithItsCalibration) {
  const auto folder = scratch_folder();
  for (const char* name : {"made.raw", "made.h5"}) {
    const auto d = sample_scan(5, 3, std::string(name) == "made.raw" ? 128 : 12);
    write_sample(folder / name, d);
    const auto reader = scan::open_scan(communicator(), folder / name);
    const auto& found = reader->description();
    EXPECT_EQ(found.scan_ny, 5);
    EXPECT_EQ(found.scan_nx, 3);
    EXPECT_NEAR(found.k_per_pixel_inverse_nm.value.value(), 0.11, 1e-12);
    EXPECT_NEAR(found.scan_step_nm.value.value(), 0.25, 1e-12);
    EXPECT_NEAR(found.voltage_v.value.value(), 200e3, 1e-6);
    EXPECT_NEAR(found.gain.value.value(), 140.0, 1e-12);
    expect_sample_values(*reader);
  }
}

TEST(ScanWriter, RefusesWhatItCannotHold) {
  const auto folder = scratch_folder();
  EXPECT_THROW((void)scan::create_scan(communicator(), folder / "a.raw", sample_scan(2, 2, 64), IfExists::refuse),
               Error);
  EXPECT_THROW((void)scan::create_scan(communicator(), folder / "a.tif", sample_scan(2, 2, 64), IfExists::refuse),
               Error);
  EXPECT_THROW((void)scan::create_scan(communicator(), folder / "no" / "a.h5", sample_scan(2, 2, 64), IfExists::refuse),
               Error);
  write_bytes(folder / "there.xml", "x");
  EXPECT_THROW((void)scan::create_scan(communicator(), folder / "there.raw", sample_scan(2, 2, 128), IfExists::refuse),
               Error);
  communicator().barrier();
  EXPECT_FALSE(std::filesystem::exists(folder / "there.raw.partial"));
}

}  // namespace
}  // namespace mesoglass::test
