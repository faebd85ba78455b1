// EMPAD, raw, npy and Merlin files made byte by byte.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>

#include "core/units.hpp"
#include "scan_samples.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::test {
namespace {

using scan::open_scan;
using scan::ReadOptions;

constexpr std::int64_t footer = 1024;

TEST(Empad, ReadsFramesWithFooterShapedByTheFileName) {
  const auto path = scratch_folder() / "scan_x3_y2.raw";
  write_bytes(path, empad_bytes(2, 3, footer));
  const auto reader = open_scan(communicator(), path);
  const auto& d = reader->description();
  EXPECT_EQ(d.format, "EMPAD v1");
  EXPECT_EQ(d.scan_ny, 2);
  EXPECT_EQ(d.scan_nx, 3);
  EXPECT_EQ(d.pattern_ny, 128);
  EXPECT_FALSE(d.k_per_pixel_inverse_nm.value);
  expect_sample_values(*reader);
}

TEST(Empad, ReadsFramesWithoutFooter) {
  const auto path = scratch_folder() / "scan_x2_y2.raw";
  write_bytes(path, empad_bytes(2, 2, 0));
  const auto reader = open_scan(communicator(), path);
  EXPECT_NE(reader->description().format.find("without footer"), std::string::npos);
  expect_sample_values(*reader);
}

// The order of the sources: pix_x and pix_y fit, although both modes are wrong, as in real files.
TEST(Empad, TakesTheFirstCandidateThatFitsAndTheCalibration) {
  const auto folder = scratch_folder();
  write_bytes(folder / "anything.raw", empad_bytes(3, 2, footer));
  write_bytes(
      folder / "acquisition_1.xml",
      R"(<root name="a"><type>scan</type><pix_x>2</pix_x><pix_y>3</pix_y><raw_file filename="/home/empad/anything.raw"/>
<scan_parameters mode="search"><scan_resolution_x>64</scan_resolution_x><scan_resolution_y>64</scan_resolution_y></scan_parameters>
<scan_parameters mode="acquire"><scan_resolution_x>128</scan_resolution_x><scan_resolution_y>128</scan_resolution_y></scan_parameters>
<iom_measurements><source.get_voltage>300000.0</source.get_voltage>
<optics.get_full_scan_field_of_view>[1.0e-09, 1.5e-09]</optics.get_full_scan_field_of_view>
<calibrated_diffraction_angle>0.0004</calibrated_diffraction_angle></iom_measurements></root>)");
  for (const char* name : {"anything.raw", "acquisition_1.xml"}) {
    const auto reader = open_scan(communicator(), folder / name);
    const auto& d = reader->description();
    EXPECT_EQ(d.scan_ny, 3);
    EXPECT_EQ(d.scan_nx, 2);
    EXPECT_EQ(d.files.size(), 2U);
    EXPECT_DOUBLE_EQ(d.voltage_v.value.value(), 300000.0);
    EXPECT_NEAR(d.scan_step_nm.value.value(), 0.5, 1e-12);  // 1 nm over 2 positions
    // 0.4 mrad over the wavelength of 300 kV electrons, 1.9687 pm (de Graef, table 2.2).
    EXPECT_NEAR(d.k_per_pixel_inverse_nm.value.value(), 0.0004 / 1.9687e-3, 1e-5);
    EXPECT_NE(d.k_per_pixel_inverse_nm.origin.find("acquisition_1.xml"), std::string::npos);
    expect_sample_values(*reader);
  }
}

TEST(Empad, NewerSoftwareStoresTheFieldOfTheLongerSideTimesAFactor) {
  const auto folder = scratch_folder();
  write_bytes(folder / "new.raw", empad_bytes(4, 2, footer));
  write_bytes(
      folder / "new.xml",
      R"(<root><raw_file filename="new.raw"/><scan_parameters mode="search"><scan_resolution_x>2</scan_resolution_x>
<scan_resolution_y>4</scan_resolution_y></scan_parameters><iom_measurements><full_scan_field_of_view>
<scale_factor>0.5</scale_factor><x>4e-9</x><y>4e-9</y></full_scan_field_of_view><high_voltage>200000</high_voltage>
</iom_measurements></root>)");
  const auto reader = open_scan(communicator(), folder / "new.xml");
  EXPECT_NEAR(reader->description().scan_step_nm.value.value(), 2.0, 1e-12);  // 4 nm / (0.5 * 4)
  EXPECT_FALSE(reader->description().k_per_pixel_inverse_nm.value);
}

TEST(Empad, TheUserWinsOverFileAndName) {
  const auto path = scratch_folder() / "scan_x3_y2.raw";
  write_bytes(path, empad_bytes(2, 3, footer));
  ReadOptions options;
  options.scan_shape = {3, 2};
  options.k_per_pixel_inverse_nm = 0.07;
  options.gain = 150.0;
  const auto reader = open_scan(communicator(), path, options);
  EXPECT_EQ(reader->description().scan_ny, 3);
  EXPECT_DOUBLE_EQ(reader->description().k_per_pixel_inverse_nm.value.value(), 0.07);
  EXPECT_EQ(reader->description().gain.origin, "given by the user");
  options.scan_shape = {4, 2};
  expect_refused(path, {"--scan-shape = 4 x 2 = 8 frames", "532480 bytes", "6 frames"}, options);
}

TEST(Empad, AnImpossibleShapeIsRefusedWithEveryCandidateAndTheSizes) {
  const auto folder = scratch_folder();
  write_bytes(folder / "scan_x5_y5.raw", empad_bytes(2, 3, footer));
  write_bytes(folder / "scan_x5_y5.xml",
              R"(<root><raw_file filename="scan_x5_y5.raw"/><pix_x>4</pix_x><pix_y>7</pix_y>
<scan_parameters mode="acquire"><scan_resolution_x>16</scan_resolution_x><scan_resolution_y>8</scan_resolution_y></scan_parameters>
<scan_parameters mode="search"><scan_resolution_x>32</scan_resolution_x><scan_resolution_y>64</scan_resolution_y></scan_parameters></root>)");
  expect_refused(
      folder / "scan_x5_y5.raw",
      {"399360 bytes", "6 frames of 66560 bytes", "file name scan_x5_y5.raw = 5 x 5 = 25 frames = 1664000 bytes",
       "pix_y, pix_x = 7 x 4", "mode acquire = 8 x 16", "mode search = 64 x 32", "--scan-shape"});
}

TEST(Empad, DamagedFilesAreRefused) {
  const auto folder = scratch_folder();
  const auto whole = empad_bytes(2, 3, footer);
  write_bytes(folder / "scan_x3_y2.raw", whole.substr(0, whole.size() - 700));
  expect_refused(folder / "scan_x3_y2.raw", {"cut short", "65860 bytes over"});
  write_bytes(folder / "empty.raw", "");
  expect_refused(folder / "empty.raw", {"empty"});
  write_bytes(folder / "short.raw", "12345");
  expect_refused(folder / "short.raw", {"5 bytes", "neither the file name nor an .xml"});
  expect_refused(folder / "missing.raw", {"does not exist"});
  expect_refused(folder, {"is a folder"});
  write_bytes(folder / "absurd_x9999999_y9999999.raw", whole);
  expect_refused(folder / "absurd_x9999999_y9999999.raw", {"9999999 x 9999999"});
  write_bytes(folder / "lonely.xml", R"(<root><raw_file filename="gone.raw"/><pix_x>4</pix_x><pix_y>7</pix_y></root>)");
  expect_refused(folder / "lonely.xml", {"gone.raw", "not beside it", "7 x 4"});
  write_bytes(folder / "broken.xml", "<root><raw_file filename=");
  expect_refused(folder / "broken.xml", {"not valid XML"});
  write_bytes(folder / "other.xml", "<html><body/></html>");
  expect_refused(folder / "other.xml", {"not an EMPAD"});
  write_bytes(folder / "unknown.dat", "hello");
  expect_refused(folder / "unknown.dat", {"no known scan format"});
  write_bytes(folder / "image.dm4", std::string(100, '\3'));
  expect_refused(folder / "image.dm4", {"convert it"});
}

TEST(Empad, AFileThatShrinksWhileItIsReadEndsInAnError) {
  const auto path = scratch_folder() / "scan_x3_y2.raw";
  const auto bytes = empad_bytes(2, 3, footer);
  write_bytes(path, bytes);
  const auto reader = open_scan(communicator(), path);
  communicator().barrier();
  on_root(communicator(), [&] { std::filesystem::resize_file(path, bytes.size() - 70000); });
  communicator().barrier();
  std::vector<float> values(static_cast<std::size_t>(reader->description().values_per_row()));
  reader->read_rows(0, 1, values);
  EXPECT_THROW(reader->read_rows(1, 1, values), Error);
}

TEST(RawBinary, ReadsTheStatedLayout) {
  const auto path = scratch_folder() / "detector.bin";
  // A file header of 10 bytes and a gap of 6 before each next frame.
  const auto frames = big_endian_16(2, 3, 5, 7, "gapgap");
  write_bytes(path, "0123" + frames);
  ReadOptions options;
  options.scan_shape = {2, 3};
  options.pattern_shape = {5, 7};
  options.element = ">u2";
  options.header_bytes = 10;
  options.frame_stride_bytes = 5 * 7 * 2 + 6;
  expect_sample_values(*open_scan(communicator(), path, options));
  options.header_bytes = 9;
  expect_refused(path, {"needs", "--header-bytes"}, options);
  options.pattern_shape.reset();
  expect_refused(path, {"--pattern-shape"}, options);
}

template <typename T>
void append_number(std::string& bytes, int value, bool big_endian) {
  const auto number = static_cast<T>(value);
  char stored[sizeof(T)];
  std::memcpy(stored, &number, sizeof(T));
  if (big_endian != (std::endian::native == std::endian::big)) std::reverse(std::begin(stored), std::end(stored));
  bytes.append(stored, sizeof(T));
}

// Numbers of every kind and both byte orders; negative ones where there are.
TEST(RawBinary, ReadsEveryElementType) {
  struct Kind {
    const char* name;
    void (*append)(std::string&, int, bool);
    bool negative;
  };
  const std::vector<Kind> kinds = {
      {"u1", append_number<std::uint8_t>, false},  {"i1", append_number<std::int8_t>, true},
      {"u2", append_number<std::uint16_t>, false}, {"i2", append_number<std::int16_t>, true},
      {"u4", append_number<std::uint32_t>, false}, {"i4", append_number<std::int32_t>, true},
      {"u8", append_number<std::uint64_t>, false}, {"i8", append_number<std::int64_t>, true},
      {"f4", append_number<float>, true},          {"f8", append_number<double>, true}};
  const auto folder = scratch_folder();
  ReadOptions options;
  options.scan_shape = {2, 3};
  options.pattern_shape = {4, 5};
  constexpr int values = 2 * 3 * 4 * 5;
  for (const Kind& kind : kinds) {
    for (const bool big_endian : {false, true}) {
      options.element = (big_endian ? ">" : "<") + std::string(kind.name);
      SCOPED_TRACE(options.element);
      std::string bytes;
      std::vector<float> expected;
      for (int i = 0; i < values; ++i) {
        const int value = kind.negative && i % 2 == 1 ? -i : i;
        kind.append(bytes, value, big_endian);
        expected.push_back(static_cast<float>(value));
      }
      const auto path = folder / (std::string(kind.name) + (big_endian ? "-big.bin" : "-little.bin"));
      write_bytes(path, bytes);
      std::vector<float> read(expected.size());
      open_scan(communicator(), path, options)->read_rows(0, 2, read);
      EXPECT_EQ(read, expected);
    }
  }
}

std::string npy_bytes(const std::string& dictionary, const std::string& data) {
  std::string header = dictionary;
  header.resize((10 + header.size() + 64) / 64 * 64 - 10 - 1, ' ');
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += '\1';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 0xFFU);
  bytes += static_cast<char>(header.size() >> 8U);
  return bytes + header + data;
}

TEST(Npy, ReadsFourAxesAndRefusesOthers) {
  const auto folder = scratch_folder();
  const auto data = big_endian_16(2, 3, 5, 7, "");
  write_bytes(folder / "a.npy", npy_bytes("{'descr': '>u2', 'fortran_order': False, 'shape': (2, 3, 5, 7), }", data));
  const auto reader = open_scan(communicator(), folder / "a.npy");
  EXPECT_EQ(reader->description().pattern_nx, 7);
  EXPECT_TRUE(reader->description().big_endian);
  expect_sample_values(*reader);

  write_bytes(folder / "b.npy", npy_bytes("{'descr': '>u2', 'fortran_order': True, 'shape': (2, 3, 5, 7), }", data));
  expect_refused(folder / "b.npy", {"column by column"});
  write_bytes(folder / "c.npy", npy_bytes("{'descr': '<c8', 'fortran_order': False, 'shape': (2, 3, 5, 7), }", data));
  expect_refused(folder / "c.npy", {"<c8"});
  write_bytes(folder / "d.npy", npy_bytes("{'descr': '>u2', 'fortran_order': False, 'shape': (2, 3, 5, 8), }", data));
  expect_refused(folder / "d.npy", {"cut short"});
  write_bytes(folder / "e.npy",
              npy_bytes("{'descr': '>u2', 'fortran_order': False, 'shape': (99999999999999999999, 3, 5, 8), }", data));
  expect_refused(folder / "e.npy", {"damaged"});
  write_bytes(
      folder / "f.npy",
      npy_bytes("{'descr': '>u2', 'fortran_order': False, 'shape': (4000000000000, 4000000000, 60000, 60000), }",
                data));
  expect_refused(folder / "f.npy", {"no scan has such a size"});
  write_bytes(folder / "g.npy", std::string("\x93NUMPY\x01\x00\xff\xff{", 11));
  expect_refused(folder / "g.npy", {"damaged .npy header"});
}

TEST(Merlin, ReadsFramesBehindTheirHeaders) {
  const auto folder = scratch_folder();
  std::string header = "MQ1,000001,00384,01,0007,0005,U16,   1x1,01,2021-05-07 18:51:10.905800,0.1,";
  header.resize(384, '\0');
  write_bytes(folder / "a.mib", big_endian_16(2, 3, 5, 7, header));
  ReadOptions options;
  options.scan_shape = {2, 3};
  expect_sample_values(*open_scan(communicator(), folder / "a.mib", options));
  EXPECT_EQ(open_scan(communicator(), folder / "a.mib")->description().scan_nx, 6);
  write_bytes(folder / "a.hdr", "HDR,\r\nFrames in Acquisition (Number):\t6\r\nFrames per Trigger (Number):\t3\r\nEnd");
  expect_sample_values(*open_scan(communicator(), folder / "a.mib"));
  options.scan_shape = {4, 3};
  expect_refused(folder / "a.mib", {"6 frames"}, options);

  const auto whole = big_endian_16(2, 3, 5, 7, header);
  write_bytes(folder / "b.mib", whole.substr(0, whole.size() - 1));
  expect_refused(folder / "b.mib", {"cut short"});
  write_bytes(folder / "c.mib", "MQ1,000001,00384,01,0000,0005,U16,");
  expect_refused(folder / "c.mib", {"damaged Merlin header"});
  std::string raw_mode = header;
  raw_mode.replace(raw_mode.find("U16"), 3, "R64");
  write_bytes(folder / "d.mib", raw_mode);
  expect_refused(folder / "d.mib", {"raw-mode"});
}

}  // namespace
}  // namespace mesoglass::test
