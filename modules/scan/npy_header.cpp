#include "scan/npy_header.hpp"

#include <charconv>
#include <regex>

#include "core/error.hpp"
#include "scan/frame_file.hpp"

namespace mesoglass::scan {

namespace {

[[noreturn]] void damaged(const std::filesystem::path& path, const std::string& why) {
  throw input_error("{} has a damaged .npy header ({}): save it again with numpy.save", path.string(), why);
}

}  // namespace

NpyHeader read_npy_header(const std::filesystem::path& path) {
  // numpy itself refuses longer headers.
  constexpr std::size_t most_header_bytes = 10000;
  const auto text = read_beginning(path, most_header_bytes);
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(text[i])); };
  if (text.rfind("\x93NUMPY", 0) != 0) {
    throw input_error("{} is not a numpy file (it does not begin as one): save the array with numpy.save",
                      path.string());
  }
  if (text.size() < 12) damaged(path, "the file ends inside it");
  const bool short_length = byte(6) == 1;
  if (byte(6) < 1 || byte(6) > 3) damaged(path, fmt::format("format version {}", byte(6)));
  const std::size_t begin = short_length ? 10 : 12;
  const std::size_t length =
      short_length ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  if (length > text.size() - begin) damaged(path, "the file ends inside it");
  const std::string dictionary = text.substr(begin, length);

  NpyHeader header;
  header.data_begin = static_cast<std::int64_t>(begin + length);
  std::smatch match;
  // Bounded repetitions: the library's matcher goes one call deeper with every repeated character.
  static const std::regex type_pattern(R"('descr'\s{0,20}:\s{0,20}'([^']{1,20})')");
  static const std::regex order_pattern(R"('fortran_order'\s{0,20}:\s{0,20}(True|False))");
  static const std::regex shape_pattern(R"('shape'\s{0,20}:\s{0,20}\(([0-9, ]{0,200})\))");
  if (!std::regex_search(dictionary, match, type_pattern)) damaged(path, "no 'descr'");
  header.type = match[1];
  if (!std::regex_search(dictionary, match, order_pattern)) damaged(path, "no 'fortran_order'");
  if (match[1] == "True") {
    throw input_error("{} is stored column by column (fortran_order): save it again with numpy.ascontiguousarray",
                      path.string());
  }
  if (!std::regex_search(dictionary, match, shape_pattern)) damaged(path, "no 'shape'");
  const std::string numbers = match[1];
  for (std::size_t at = 0; at < numbers.size();) {
    if (numbers[at] < '0' || numbers[at] > '9') {
      ++at;
      continue;
    }
    std::int64_t extent = 0;
    const auto result = std::from_chars(numbers.data() + at, numbers.data() + numbers.size(), extent);
    if (result.ec != std::errc()) damaged(path, "an axis beyond every number");
    header.shape.push_back(extent);
    at = static_cast<std::size_t>(result.ptr - numbers.data());
  }
  return header;
}

}  // namespace mesoglass::scan
