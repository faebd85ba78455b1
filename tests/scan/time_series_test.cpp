// Time series: where each format has its time axis, how the frames are told apart, and their mean as a scan.
#include <cmath>
#include <fstream>

#include "core/distribution.hpp"
#include "core/hdf5_file.hpp"
#include "scan/scan_writer.hpp"
#include "scan/time_average.hpp"
#include "scan_samples.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::test {
namespace {

using scan::open_scan;
using scan::ReadOptions;

// Rows of all frames count on: sample_value(t ny + y, x, ky, kx).
std::vector<float> series_values(std::int64_t rows, std::int64_t nx, std::int64_t ky, std::int64_t kx) {
  std::vector<float> values;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t x = 0; x < nx; ++x) {
      for (std::int64_t i = 0; i < ky; ++i) {
        for (std::int64_t j = 0; j < kx; ++j) values.push_back(sample_value(row, x, i, j));
      }
    }
  }
  return values;
}

std::string float_bytes(const std::vector<float>& values) {
  std::string bytes;
  for (const float value : values) append_float(bytes, value);
  return bytes;
}

// An EMD 1.0 array with named axes. Collective.
void write_emd(const std::filesystem::path& path, const Shape& shape, const std::vector<float>& values,
               const std::vector<std::string>& names, const std::string& time_unit, const std::vector<double>& times) {
  Hdf5File file = Hdf5File::create(communicator(), path);
  file.set_attribute("/", "emd_group_type", "file");
  file.create_group("/root/array");
  file.set_attribute("/root", "emd_group_type", "root");
  file.set_attribute("/root/array", "emd_group_type", "array");
  file.set_attribute("/root/array", "python_class", "Array");
  file.write("/root/array/data", shape, std::span<const float>(values), "counts", "patterns");
  for (std::size_t axis = 0; axis < names.size(); ++axis) {
    const std::string dimension = fmt::format("/root/array/dim{}", axis);
    const bool is_time = names[axis] == "time";
    file.write(dimension, is_time ? times : std::vector<double>{0.0, 0.25}, is_time ? time_unit : "nm", "axis");
    file.set_attribute(dimension, "name", names[axis]);
  }
  file.close();
}

TEST(TimeSeries, AnAxisCalledTimeIsTheTimeWhereverItStands) {
  const auto folder = scratch_folder();
  const auto values = series_values(6, 2, 4, 5);
  write_emd(folder / "first.h5", {3, 2, 2, 4, 5}, values, {"time", "y", "x", "ky", "kx"}, "ms", {0.0, 40.0});
  const auto first = open_scan(communicator(), folder / "first.h5");
  EXPECT_EQ(first->description().time_frames, 3);
  EXPECT_EQ(first->description().scan_ny, 2);
  EXPECT_NEAR(first->description().frame_interval_s.value.value(), 0.04, 1e-12);
  EXPECT_NEAR(first->description().scan_step_nm.value.value(), 0.25, 1e-12);
  expect_sample_values(*first);
  ReadOptions options;
  options.frame_interval_s = 7.0;
  EXPECT_EQ(open_scan(communicator(), folder / "first.h5", options)->description().frame_interval_s.value, 7.0);

  // (y, x, t, ky, kx): the same patterns.
  std::vector<float> turned;
  for (std::size_t position = 0; position < 4; ++position) {
    for (std::size_t frame = 0; frame < 3; ++frame) {
      const auto begin = values.begin() + static_cast<std::ptrdiff_t>((frame * 4 + position) * 20);
      turned.insert(turned.end(), begin, begin + 20);
    }
  }
  write_emd(folder / "inside.h5", {2, 2, 3, 4, 5}, turned, {"y", "x", "time", "ky", "kx"}, "s", {1.0, 1.5, 2.0});
  const auto inside = open_scan(communicator(), folder / "inside.h5");
  EXPECT_EQ(inside->description().time_frames, 3);
  EXPECT_NEAR(inside->description().frame_interval_s.value.value(), 0.5, 1e-12);
  EXPECT_NEAR(inside->description().scan_step_nm.value.value(), 0.25, 1e-12);
  expect_sample_values(*inside);

  // Four axes: a series of scan rows, folded by the user.
  write_emd(folder / "rows.h5", {3, 4, 4, 5}, values, {"time", "x", "ky", "kx"}, "frames", {0.0, 1.0});
  options = {};
  options.scan_shape = {2, 2};
  const auto rows = open_scan(communicator(), folder / "rows.h5", options);
  EXPECT_EQ(rows->description().time_frames, 3);
  EXPECT_FALSE(rows->description().frame_interval_s.value);
  expect_sample_values(*rows);
}

TEST(TimeSeries, FramesThatAreNotEvenlySpacedAreRefused) {
  const auto path = scratch_folder() / "a.h5";
  write_emd(path, {3, 2, 2, 4, 5}, series_values(6, 2, 4, 5), {"time", "y", "x", "ky", "kx"}, "s", {0.0, 1.0, 3.0});
  expect_refused(path, {"not evenly spaced", "frame 2"});
}

TEST(TimeSeries, FilesWithoutATimeAxisAreSplitByTheUser) {
  const auto folder = scratch_folder();
  ReadOptions options;
  options.time_frames = 3;
  options.scan_shape = {2, 2};
  options.pattern_shape = {4, 5};
  options.element = "<f4";
  write_bytes(folder / "a.bin", "head" + float_bytes(series_values(6, 2, 4, 5)));
  options.header_bytes = 4;
  const auto raw = open_scan(communicator(), folder / "a.bin", options);
  EXPECT_EQ(raw->description().time_frames, 3);
  expect_sample_values(*raw);
  options.time_frames = 4;
  expect_refused(folder / "a.bin", {"4 scan(s)", "--time-frames"}, options);

  write_bytes(folder / "a_x2_y2.raw", empad_bytes(6, 2, 1024));
  options = {};
  options.time_frames = 3;
  const auto empad = open_scan(communicator(), folder / "a_x2_y2.raw", options);
  EXPECT_EQ(empad->description().time_frames, 3);
  expect_sample_values(*empad);
  options.time_frames = 6;
  expect_refused(folder / "a_x2_y2.raw", {"each of the 6 scans", "2 x 2"}, options);
  options.time_frames = 7;
  expect_refused(folder / "a_x2_y2.raw", {"--time-frames 7", "does not divide"}, options);

  const auto npy = [](const std::string& shape, const std::vector<float>& values) {
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
    header.resize(117, ' ');
    header += '\n';
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header + float_bytes(values);
  };
  write_bytes(folder / "three.npy", npy("(12, 4, 5)", series_values(6, 2, 4, 5)));
  options.time_frames = 3;
  options.scan_shape = {2, 2};
  expect_sample_values(*open_scan(communicator(), folder / "three.npy", options));
  options.scan_shape = {3, 2};
  expect_refused(folder / "three.npy", {"--scan-shape 3x2"}, options);
  write_bytes(folder / "five.npy", npy("(3, 2, 2, 4, 5)", series_values(6, 2, 4, 5)));
  expect_sample_values(*open_scan(communicator(), folder / "five.npy"));
  options = {};
  options.time_frames = 2;
  expect_refused(folder / "five.npy", {"--time-frames 2 contradicts", "3 scan(s)"}, options);
  // More frames than any disk holds.
  write_bytes(folder / "absurd.npy", npy("(4000000000000000000, 2, 2, 4, 5)", {}));
  expect_refused(folder / "absurd.npy", {"no scan has such a size"});
}

TEST(TimeSeries, WrittenSeriesComeBackFromAnyRank) {
  const auto path = scratch_folder() / "a.h5";
  scan::ScanDescription d;
  d.time_frames = 5;
  d.scan_ny = 3;
  d.scan_nx = 2;
  d.pattern_ny = 4;
  d.pattern_nx = 5;
  d.frame_interval_s.value = 0.125;
  d.scan_step_nm.value = 0.5;
  const auto writer = scan::create_scan(communicator(), path, d, IfExists::refuse);
  // Two rows at a time, which cross from frame to frame; ranks without rows take part.
  const auto own = block_of(d.total_rows(), communicator().rank(), communicator().size());
  const auto rounds = communicator().max((own.size() + 1) / 2);
  const auto all = series_values(d.total_rows(), d.scan_nx, d.pattern_ny, d.pattern_nx);
  for (std::int64_t round = 0; round < rounds; ++round) {
    const std::int64_t first = std::min(own.end, own.begin + 2 * round);
    const std::int64_t count = std::min<std::int64_t>(2, own.end - first);
    writer->write_rows(first, count,
                       std::span<const float>(all).subspan(static_cast<std::size_t>(first * d.values_per_row()),
                                                           static_cast<std::size_t>(count * d.values_per_row())));
  }
  writer->commit({});
  const auto reader = open_scan(communicator(), path);
  EXPECT_EQ(reader->description().time_frames, 5);
  EXPECT_EQ(reader->description().frame_interval_s.value, 0.125);
  EXPECT_EQ(reader->description().scan_step_nm.value, 0.5);
  expect_sample_values(*reader);
  d.pattern_ny = d.pattern_nx = 128;
  EXPECT_THROW((void)scan::create_scan(communicator(), path.parent_path() / "a.raw", d, IfExists::refuse), Error);
}

TEST(TimeAverage, IsTheMeanOverFiniteValues) {
  const auto path = scratch_folder() / "a.h5";
  auto values = series_values(6, 2, 4, 5);
  values[7] = std::nanf("");                                                                // in one frame
  for (std::size_t frame = 0; frame < 3; ++frame) values[frame * 80 + 31] = std::nanf("");  // in all
  write_emd(path, {3, 2, 2, 4, 5}, values, {"time", "y", "x", "ky", "kx"}, "s", {0.0, 1.0});
  ReadOptions options;
  options.gain = 6.0;
  const auto series = open_scan(communicator(), path, options);
  const scan::TimeAverage average(*series);
  EXPECT_EQ(average.description().time_frames, 1);
  EXPECT_EQ(average.description().gain.value, 2.0);
  std::vector<float> alone(80), together(80);
  average.read_rows(0, 2, alone);
  average.read_rows_together(0, 2, together);
  for (std::size_t i = 0; i < 80; ++i) {
    double sum = 0.0, count = 0.0;
    for (std::size_t frame = 0; frame < 3; ++frame) {
      const auto value = static_cast<double>(values[frame * 80 + i]);
      if (!std::isfinite(value)) continue;
      sum += value;
      count += 1.0;
    }
    if (i == 31) {
      EXPECT_TRUE(std::isnan(alone[i]));
      continue;
    }
    EXPECT_EQ(alone[i], static_cast<float>(sum / count));
    EXPECT_EQ(alone[i], together[i]);
  }
}

}  // namespace
}  // namespace mesoglass::test
