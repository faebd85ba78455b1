// Files with random damage: every reader either reads them or says why not; none crashes, hangs or reads past its
// buffer (the sanitizer build watches). HDF5 trees are left out, whose bytes the HDF5 library parses.
#include <algorithm>
#include <fstream>

#include "core/random_stream.hpp"
#include "scan_samples.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::test {
namespace {

struct Specimen {
  std::string name;
  std::string bytes;
  std::size_t header_bytes;  // where damage is most telling
};

std::vector<Specimen> specimens() {
  std::string npy = "\x93NUMPY";
  npy += '\1';
  npy += '\0';
  const std::string dictionary = "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3, 5, 7), }";
  npy += static_cast<char>(dictionary.size());
  npy += '\0';
  npy += dictionary;
  std::string mib = "MQ1,000001,00384,01,0007,0005,U16,   1x1,01,2021-05-07";
  mib.resize(384, '\0');
  const std::string xml =
      R"(<root><type>scan</type><pix_x>3</pix_x><pix_y>2</pix_y><raw_file filename="frames.raw"/><scan_parameters mode="search">
<scan_resolution_x>3</scan_resolution_x><scan_resolution_y>2</scan_resolution_y></scan_parameters><iom_measurements>
<source.get_voltage>300000.0</source.get_voltage><optics.get_full_scan_field_of_view>[1e-9, 1e-9]</optics.get_full_scan_field_of_view>
<calibrated_diffraction_angle>0.0004</calibrated_diffraction_angle></iom_measurements></root>)";
  const std::string pixels(2UL * 3 * 5 * 7 * 2, '\7');
  return {{"a.npy", npy + pixels, npy.size()}, {"a.mib", mib + pixels.substr(0, 70), 60}, {"a.xml", xml, xml.size()}};
}

std::string damaged(const Specimen& specimen, RandomStream& stream) {
  static const std::string telling = "0123456789,()[]<>'\"/-.eExU \0\xff\n";
  std::string bytes = specimen.bytes;
  const auto changes = 1 + stream.index(4);
  for (std::int64_t i = 0; i < changes; ++i) {
    const auto at = static_cast<std::size_t>(
        stream.index(static_cast<std::int64_t>(std::min(specimen.header_bytes, bytes.size()))));
    const char letter = stream.index(2) == 0
                            ? telling[static_cast<std::size_t>(stream.index(static_cast<std::int64_t>(telling.size())))]
                            : static_cast<char>(stream.index(256));
    switch (stream.index(4)) {
      case 0:
        bytes.insert(at, 1, letter);
        break;
      case 1:
        bytes.erase(at, static_cast<std::size_t>(1 + stream.index(5)));
        break;
      case 2:
        bytes.insert(at, std::string(static_cast<std::size_t>(stream.index(300)), letter));
        break;
      default:
        bytes[at] = letter;
        break;
    }
    if (bytes.empty()) return "x";
  }
  return bytes;
}

TEST(DamagedFiles, AreReadOrRefused) {
  const auto folder = scratch_folder();
  write_bytes(folder / "frames.raw", empad_bytes(2, 3, 1024));
  // Each rank alone with its own files: the damage is the same for a given number, whoever opens it.
  const auto self = Communicator::self();
  const auto own = folder / fmt::format("rank{}", communicator().rank());
  std::filesystem::create_directory(own);
  std::filesystem::copy_file(folder / "frames.raw", own / "frames.raw");
  constexpr int trials = 400;
  for (const auto& specimen : specimens()) {
    int read = 0;
    int refused = 0;
    for (int trial = 0; trial < trials; ++trial) {
      RandomStream stream(static_cast<std::uint64_t>(trial), RandomPurpose::test, specimen.header_bytes);
      const auto path = own / specimen.name;
      std::ofstream(path, std::ios::binary) << damaged(specimen, stream);
      try {
        const auto reader = scan::open_scan(self, path);
        const auto& d = reader->description();
        ASSERT_LE(d.values_per_row(), std::int64_t{1} << 24) << "a small file cannot hold such a row";
        std::vector<float> row(static_cast<std::size_t>(d.values_per_row()));
        reader->read_rows(d.total_rows() - 1, 1, row);
        ++read;
      } catch (const Error& error) {
        EXPECT_EQ(error.exit_code(), ExitCode::bad_input) << error.what();
        ++refused;
      }
    }
    EXPECT_GT(refused, trials / 20) << specimen.name;
    EXPECT_GT(read, 0) << specimen.name;
  }
}

}  // namespace
}  // namespace mesoglass::test
