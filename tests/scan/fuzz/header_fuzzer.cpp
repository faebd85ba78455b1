// libFuzzer target of one parser, named by MESOGLASS_FUZZ_PARSER. Works in a folder of its own under the system's
// temporary folder (TMPDIR).
#include <unistd.h>

#include <string>

#include "core/environment.hpp"
#include "header_parsers.hpp"

namespace {

mesoglass::test::HeaderBytes as_bytes(const std::uint8_t* data, std::size_t size) {
  return {data, size};
}

const std::filesystem::path& folder() {
  static const auto path = [] {
    auto made = std::filesystem::temp_directory_path() /
                ("mesoglass-fuzz-" MESOGLASS_FUZZ_PARSER "-" + std::to_string(::getpid()));
    std::filesystem::create_directories(made);
    return made;
  }();
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  static mesoglass::Environment environment(*argc, *argv);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto& parser = mesoglass::test::header_parser(MESOGLASS_FUZZ_PARSER);
  parser.parse(as_bytes(data, size), folder());
  return 0;
}
