// Time series: where each format has its time axis, how the frames are told apart, and their mean as a scan.
#include <cmath>
#include <fstream>

#include "core/distribution.hpp"
#include "core/hdf5_file.hpp"
#include "hdf5_samples.hpp"
#include "scan/scan_writer.hpp"
#include "scan/time_average.hpp"
#include "scan_samples.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::test {
namespace {

using scan::open_scan;
using scan::ReadOptions;

std::string float_bytes(const std::vector<float>& values) {
  std::string bytes;
  for (const float value : values) append_float(bytes, value);
  return bytes;
}

void expect_series(const scan::ScanReader& reader, std::int64_t frames, std::int64_t ny, std::int64_t nx,
                   std::optional<double> interval_s) {
  const auto& d = reader.description();
  EXPECT_EQ(d.time_frames, frames);
  EXPECT_EQ(d.scan_ny, ny);
  EXPECT_EQ(d.scan_nx, nx);
  ASSERT_EQ(d.frame_interval_s.value.has_value(), interval_s.has_value());
  // The units' factors are no binary fractions.
  if (interval_s) {
    EXPECT_NEAR(*d.frame_interval_s.value, *interval_s, 1e-12 * *interval_s);
  }
  expect_sample_values(reader);
}

// Values (frame, position, pixel) as (position, frame, pixel): the time inside the scan.
std::vector<float> time_inside(const std::vector<float>& values, std::size_t frames, std::size_t positions) {
  const std::size_t pixels = values.size() / frames / positions;
  std::vector<float> turned;
  for (std::size_t position = 0; position < positions; ++position) {
    for (std::size_t frame = 0; frame < frames; ++frame) {
      const auto begin = values.begin() + static_cast<std::ptrdiff_t>((frame * positions + position) * pixels);
      turned.insert(turned.end(), begin, begin + static_cast<std::ptrdiff_t>(pixels));
    }
  }
  return turned;
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
  const auto values = sample_values(6, 2, 4, 5);
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
  const auto turned = time_inside(values, 3, 4);
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
  const auto folder = scratch_folder();
  const auto write = [&](const std::string& name, const std::vector<double>& times) {
    write_emd(folder / name, {3, 2, 2, 4, 5}, sample_values(6, 2, 4, 5), {"time", "y", "x", "ky", "kx"}, "s", times);
    return folder / name;
  };
  expect_refused(write("late.h5", {0.0, 1.0, 3.0}), {"not evenly spaced", "frame 2"});
  expect_refused(write("stuck.h5", {0.0, 0.0, 1.0}), {"not evenly spaced", "frame 2"});
  expect_refused(write("many.h5", {0.0, 1.0, 2.0, 3.0}), {"4 times for 3 frames"});
  expect_series(*open_scan(communicator(), write("unset.h5", {0.0, 0.0, 0.0})), 3, 2, 2, std::nullopt);
}

TEST(TimeSeries, AxesThatContradictEachOtherAreRefused) {
  const auto folder = scratch_folder();
  const auto write = [&](const std::string& name, const std::vector<std::string>& names) {
    write_emd(folder / name, {3, 2, 2, 4, 5}, sample_values(6, 2, 4, 5), names, "s", {0.0, 1.0});
    return folder / name;
  };
  expect_refused(write("twice.h5", {"time", "t", "x", "ky", "kx"}), {"called time, t, x, ky, kx"});
  expect_refused(write("behind.h5", {"y", "x", "ky", "kx", "Time"}), {"before the pattern's two"});
}

TEST(TimeSeries, MerlinFramesAreSplitByTheUser) {
  const auto folder = scratch_folder();
  std::string header = "MQ1,000001,00384,01,0007,0005,U16,   1x1,01,2021-05-07 18:51:10.905800,0.1,";
  header.resize(384, '\0');
  // Three scans of 2 x 4: the rows of all follow each other.
  write_bytes(folder / "a.mib", big_endian_16(6, 4, 5, 7, header));
  ReadOptions options;
  options.time_frames = 3;
  options.frame_interval_s = 0.25;
  const auto row = open_scan(communicator(), folder / "a.mib", options);
  EXPECT_EQ(row->description().time_frames, 3);
  EXPECT_EQ(row->description().scan_ny, 1);  // nothing states the rows
  EXPECT_EQ(row->description().scan_nx, 8);
  options.scan_shape = {2, 4};
  expect_series(*open_scan(communicator(), folder / "a.mib", options), 3, 2, 4, 0.25);
  options.scan_shape = {3, 4};
  expect_refused(folder / "a.mib", {"--scan-shape 3x4", "8 frames a scan"}, options);
  options.time_frames = 5;
  expect_refused(folder / "a.mib", {"--time-frames 5", "does not divide the 24 patterns"}, options);

  // A trigger a scan row, and one of a length that no scan of the series has.
  const auto write_companion = [&](int frames) {
    write_bytes(
        folder / "a.hdr",
        fmt::format("HDR,\r\nFrames in Acquisition (Number):\t24\r\nFrames per Trigger (Number):\t{}\r\nEnd", frames));
  };
  options = {};
  options.time_frames = 3;
  write_companion(4);
  expect_series(*open_scan(communicator(), folder / "a.mib", options), 3, 2, 4, std::nullopt);
  write_companion(6);
  const auto unfitting = open_scan(communicator(), folder / "a.mib", options);
  EXPECT_EQ(unfitting->description().scan_nx, 8);
  ASSERT_EQ(unfitting->description().remarks.size(), 1U);
  EXPECT_NE(unfitting->description().remarks[0].find("6 frames per trigger"), std::string::npos);
}

TEST(TimeSeries, FlatHdf5DatasetsAreSplitByTheUser) {
  const auto folder = scratch_folder();
  make_file(folder / "flat.h5", [](hid_t file) {
    // Chunks that hold the end of a frame and the beginning of the next.
    add_data(file, "/measured/frames", {18, 4, 5}, sample_values(9, 2, 4, 5), {H5T_STD_U16LE, {5, 4, 5}, true});
    add_data(file, "/measured/scan", {9, 2, 4, 5}, sample_values(9, 2, 4, 5));
    add_data(file, "/measured/series", {3, 3, 2, 4, 5}, sample_values(9, 2, 4, 5));
  });
  ReadOptions options;
  options.dataset = "/measured/frames";
  options.time_frames = 3;
  options.scan_shape = {3, 2};
  options.frame_interval_s = 0.04;
  expect_series(*open_scan(communicator(), folder / "flat.h5", options), 3, 3, 2, 0.04);
  options.scan_shape = {4, 2};
  expect_refused(folder / "flat.h5", {"--scan-shape 4x2", "6 positions"}, options);
  options.time_frames = 4;
  expect_refused(folder / "flat.h5", {"--time-frames 4", "does not divide the 18 patterns"}, options);
  // Arrays that say themselves what they are.
  options = {};
  options.dataset = "/measured/series";
  expect_series(*open_scan(communicator(), folder / "flat.h5", options), 3, 3, 2, std::nullopt);
  options.time_frames = 9;
  expect_refused(folder / "flat.h5", {"--time-frames 9 contradicts", "3 scan(s) of 3 x 2"}, options);
  options.dataset = "/measured/scan";
  options.time_frames = 3;
  expect_refused(folder / "flat.h5", {"--time-frames 3 contradicts", "1 scan(s) of 9 x 2"}, options);
}

struct StoredAxis {
  std::string name;
  double scale = 0.0;  // 0 = none is stored
  std::string units;
};

// A HyperSpy signal whose last two axes are the pattern's.
void add_hyperspy_signal(hid_t file, const std::vector<hsize_t>& shape, const std::vector<float>& values,
                         const std::vector<StoredAxis>& axes) {
  add_text(file, "/", "file_format", "HyperSpy");
  add_data(file, "/Experiments/film/data", shape, values);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto group = fmt::format("/Experiments/film/axis-{}", i);
    add_group(file, group);
    add_flag(file, group, "navigate", i + 2 < axes.size());
    add_text(file, group, "name", axes[i].name);
    add_number(file, group, "size", static_cast<double>(shape[i]), H5T_STD_I64LE);
    if (axes[i].scale != 0.0) add_number(file, group, "scale", axes[i].scale, H5T_IEEE_F64LE);
    add_text(file, group, "units", axes[i].units);
  }
}

TEST(TimeSeries, HyperSpyAxesStateTheTime) {
  const auto folder = scratch_folder();
  const auto values = sample_values(6, 2, 4, 5);
  const StoredAxis y{"y", 4.0, "A"}, x{"x", 4.0, "A"}, ky{"ky", 0.2, "1/nm"}, kx{"kx", 0.2, "1/nm"};
  const auto write = [&](const std::string& name, const std::vector<hsize_t>& shape, const std::vector<float>& stored,
                         const std::vector<StoredAxis>& axes) {
    make_file(folder / name, [&](hid_t file) { add_hyperspy_signal(file, shape, stored, axes); });
    return folder / name;
  };
  const auto first = write("first.hspy", {3, 2, 2, 4, 5}, values, {{"time", 40.0, "ms"}, y, x, ky, kx});
  const auto reader = open_scan(communicator(), first);
  expect_series(*reader, 3, 2, 2, 0.04);
  EXPECT_NEAR(reader->description().scan_step_nm.value.value(), 0.4, 1e-12);
  EXPECT_NEAR(reader->description().k_per_pixel_inverse_nm.value.value(), 0.2, 1e-12);
  const auto inside =
      write("inside.hspy", {2, 2, 3, 4, 5}, time_inside(values, 3, 4), {y, x, {"t", 2.0, "min"}, ky, kx});
  const auto turned = open_scan(communicator(), inside);
  expect_series(*turned, 3, 2, 2, 120.0);
  EXPECT_NEAR(turned->description().scan_step_nm.value.value(), 0.4, 1e-12);
  // Time running backwards is as far from frame to frame.
  expect_series(
      *open_scan(communicator(), write("back.hspy", {3, 2, 2, 4, 5}, values, {{"time", -0.5, "s"}, y, x, ky, kx})), 3,
      2, 2, 0.5);
  // Five axes without a time among their names: the first, whose unit is none of time.
  expect_series(
      *open_scan(communicator(), write("tilt.hspy", {3, 2, 2, 4, 5}, values, {{"tilt", 1.0, "degrees"}, y, x, ky, kx})),
      3, 2, 2, std::nullopt);
  ReadOptions options;
  options.scan_shape = {2, 2};
  const auto rows = write("rows.hspy", {3, 4, 4, 5}, values, {{"time", 0.5, "s"}, x, ky, kx});
  expect_series(*open_scan(communicator(), rows, options), 3, 2, 2, 0.5);
  options.scan_shape = {3, 2};
  expect_refused(rows, {"--scan-shape 3x2", "4 positions"}, options);
  options = {};
  options.time_frames = 2;
  expect_refused(first, {"--time-frames 2 contradicts", "3 scan(s)"}, options);

  // An axis that lists its values.
  const auto listed = [&](const std::string& name, const std::vector<float>& times) {
    make_file(folder / name, [&](hid_t file) {
      add_hyperspy_signal(file, {3, 2, 2, 4, 5}, values, {{"time", 0.0, "s"}, y, x, ky, kx});
      add_data(file, "/Experiments/film/axis-0/axis", {times.size()}, times);
    });
    return folder / name;
  };
  expect_series(*open_scan(communicator(), listed("even.hspy", {1.0F, 1.5F, 2.0F})), 3, 2, 2, 0.5);
  expect_refused(listed("uneven.hspy", {1.0F, 1.5F, 3.0F}), {"not evenly spaced", "axis-0"});
  expect_refused(listed("short.hspy", {1.0F, 1.5F}), {"2 times for 3 frames"});
  make_file(folder / "size.hspy", [&](hid_t file) {
    add_text(file, "/", "file_format", "HyperSpy");
    add_data(file, "/Experiments/film/data", {3, 2, 2, 4, 5}, values);
    for (int axis = 0; axis < 5; ++axis) {
      const auto group = fmt::format("/Experiments/film/axis-{}", axis);
      add_group(file, group);
      add_number(file, group, "size", 2.0, H5T_STD_I64LE);
    }
  });
  expect_refused(folder / "size.hspy", {"axis-0", "2 places", "has 3"});
}

TEST(TimeSeries, NexusAxesStateTheTime) {
  const auto folder = scratch_folder();
  const auto values = sample_values(6, 2, 4, 5);
  const auto write = [&](const std::string& name, const std::vector<hsize_t>& shape, const std::vector<float>& stored,
                         const std::vector<std::string>& axes, const std::vector<float>& times,
                         const std::string& units) {
    make_file(folder / name, [&](hid_t file) {
      add_group(file, "/entry/detector");
      add_text(file, "/entry", "NX_class", "NXentry");
      add_text(file, "/entry/detector", "NX_class", "NXdata");
      add_text(file, "/entry/detector", "signal", "counts");
      add_texts(file, "/entry/detector", "axes", axes);
      add_data(file, "/entry/detector/counts", shape, stored);
      if (times.empty()) return;
      add_data(file, "/entry/detector/time", {times.size()}, times);
      add_text(file, "/entry/detector/time", "units", units);
    });
    return folder / name;
  };
  const std::vector<std::string> usual = {"time", "y", "x", ".", "."};
  const auto first = write("first.nxs", {3, 2, 2, 4, 5}, values, usual, {0.0F, 250.0F, 500.0F}, "us");
  expect_series(*open_scan(communicator(), first), 3, 2, 2, 2.5e-4);
  expect_series(*open_scan(communicator(), write("inside.nxs", {2, 2, 3, 4, 5}, time_inside(values, 3, 4),
                                                 {"y", "x", "time", ".", "."}, {0.0F, 1.0F, 2.0F}, "h")),
                3, 2, 2, 3600.0);
  // Without times, or in a unit that is none of time, frames are counted.
  expect_series(*open_scan(communicator(), write("bare.nxs", {3, 2, 2, 4, 5}, values, usual, {}, "")), 3, 2, 2,
                std::nullopt);
  expect_series(
      *open_scan(communicator(), write("count.nxs", {3, 2, 2, 4, 5}, values, usual, {0.0F, 1.0F, 2.0F}, "frames")), 3,
      2, 2, std::nullopt);
  ReadOptions options;
  options.frame_interval_s = 7.0;
  expect_series(*open_scan(communicator(), first, options), 3, 2, 2, 7.0);
  options = {};
  options.scan_shape = {2, 2};
  const auto rows = write("rows.nxs", {3, 4, 4, 5}, values, {"time", "x", ".", "."}, {0.0F, 0.5F, 1.0F}, "s");
  expect_series(*open_scan(communicator(), rows, options), 3, 2, 2, 0.5);
  options.time_frames = 4;
  expect_refused(rows, {"--time-frames 4 contradicts", "3 scan(s)"}, options);
  expect_refused(write("uneven.nxs", {3, 2, 2, 4, 5}, values, usual, {0.0F, 1.0F, 3.0F}, "s"), {"not evenly spaced"});
  expect_refused(write("edges.nxs", {3, 2, 2, 4, 5}, values, usual, {0.0F, 1.0F, 2.0F, 3.0F}, "s"),
                 {"4 times for 3 frames"});
  expect_refused(write("names.nxs", {3, 2, 2, 4, 5}, values, {"time", "y"}, {}, ""), {"5 axes", "names 2 (time, y)"});
  // A single position over time.
  expect_series(*open_scan(communicator(), write("point.nxs", {6, 4, 5}, sample_values(6, 1, 4, 5), {"time", ".", "."},
                                                 {0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 5.0F}, "ms")),
                6, 1, 1, 1e-3);
}

TEST(TimeSeries, FilesWithoutATimeAxisAreSplitByTheUser) {
  const auto folder = scratch_folder();
  ReadOptions options;
  options.time_frames = 3;
  options.scan_shape = {2, 2};
  options.pattern_shape = {4, 5};
  options.element = "<f4";
  write_bytes(folder / "a.bin", "head" + float_bytes(sample_values(6, 2, 4, 5)));
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
  write_bytes(folder / "three.npy", npy("(12, 4, 5)", sample_values(6, 2, 4, 5)));
  options.time_frames = 3;
  options.scan_shape = {2, 2};
  expect_sample_values(*open_scan(communicator(), folder / "three.npy", options));
  options.scan_shape = {3, 2};
  expect_refused(folder / "three.npy", {"--scan-shape 3x2"}, options);
  write_bytes(folder / "five.npy", npy("(3, 2, 2, 4, 5)", sample_values(6, 2, 4, 5)));
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
  const auto all = sample_values(d.total_rows(), d.scan_nx, d.pattern_ny, d.pattern_nx);
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
  auto values = sample_values(6, 2, 4, 5);
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
