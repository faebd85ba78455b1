// Every file that the fuzz targets' corpus holds, read once by its parser: what was found stays mended.
#include <fstream>
#include <iterator>

#include "fuzz/header_parsers.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::test {
namespace {

TEST(FuzzCorpus, IsReadOrRefused) {
  if (!communicator().is_root()) return;  // parsers are not collective
  const auto scratch = std::filesystem::path(std::getenv("MESOGLASS_SCRATCH")) / "corpus";
  for (const auto& parser : header_parsers()) {
    const auto folder = scratch / parser.name;
    std::filesystem::create_directories(folder);
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(source_folder() / "tests/scan/corpus" / parser.name)) {
      std::ifstream stream(entry.path(), std::ios::binary);
      const std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
      const std::vector<std::uint8_t> bytes(text.begin(), text.end());
      EXPECT_NO_THROW(parser.parse(bytes, folder)) << entry.path();
      ++files;
    }
    EXPECT_GT(files, 3) << parser.name;
  }
}

}  // namespace
}  // namespace mesoglass::test
