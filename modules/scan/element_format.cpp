#include "scan/element_format.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace mesoglass::scan {

namespace {

constexpr bool machine_is_big_endian = std::endian::native == std::endian::big;

template <typename Bits>
Bits swapped(Bits bits) {
  if constexpr (sizeof(Bits) == 2)
    return __builtin_bswap16(bits);
  else if constexpr (sizeof(Bits) == 4)
    return __builtin_bswap32(bits);
  else if constexpr (sizeof(Bits) == 8)
    return __builtin_bswap64(bits);
  else
    return bits;
}

template <typename T, typename Bits>
void convert(const std::byte* stored, bool swap, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    Bits bits;
    std::memcpy(&bits, stored + i * sizeof(Bits), sizeof(Bits));
    if (swap) bits = swapped(bits);
    values[i] = static_cast<float>(std::bit_cast<T>(bits));
  }
}

}  // namespace

std::optional<ElementFormat> parse_element(const std::string& name) {
  static const std::pair<const char*, const char*> long_names[] = {
      {"float32", "f4"}, {"float64", "f8"}, {"uint8", "u1"}, {"uint16", "u2"}, {"uint32", "u4"},
      {"uint64", "u8"},  {"int8", "i1"},    {"int16", "i2"}, {"int32", "i4"},  {"int64", "i8"}};
  std::string rest = name;
  ElementFormat element;
  if (!rest.empty() && std::string("<>|=").find(rest.front()) != std::string::npos) {
    element.big_endian = rest.front() == '>';
    rest.erase(0, 1);
  }
  for (const auto& [long_name, short_name] : long_names) {
    if (rest == long_name) rest = short_name;
  }
  if (rest.size() != 2) return std::nullopt;
  switch (rest[0]) {
    case 'f':
      element.type.kind = ElementType::Kind::real;
      break;
    case 'u':
      element.type.kind = ElementType::Kind::unsigned_integer;
      break;
    case 'i':
      element.type.kind = ElementType::Kind::signed_integer;
      break;
    default:
      return std::nullopt;
  }
  element.type.bytes = rest[1] - '0';
  const int bytes = element.type.bytes;
  const bool known = bytes == 4 || bytes == 8 || (rest[0] != 'f' && (bytes == 1 || bytes == 2));
  if (!known) return std::nullopt;
  return element;
}

std::string element_text(const ElementFormat& element) {
  std::string kind = "number";
  if (element.type.kind == ElementType::Kind::real) kind = "real";
  if (element.type.kind == ElementType::Kind::unsigned_integer) kind = "unsigned integer";
  if (element.type.kind == ElementType::Kind::signed_integer) kind = "integer";
  std::string text = fmt::format("{}-bit {}", element.type.bytes * 8, kind);
  if (element.type.bytes > 1) text += element.big_endian ? ", big endian" : ", little endian";
  return text;
}

void convert_to_float(std::span<const std::byte> stored, const ElementFormat& element, std::span<float> values) {
  const bool swap = element.big_endian != machine_is_big_endian;
  const auto kind = element.type.kind;
  using Kind = ElementType::Kind;
  if (stored.size() < values.size() * static_cast<std::size_t>(element.type.bytes)) {
    throw std::logic_error("convert_to_float: fewer stored bytes than values");
  }
  const std::byte* bytes = stored.data();
  switch (element.type.bytes * 10 + static_cast<int>(kind)) {
    case 10 + static_cast<int>(Kind::unsigned_integer):
      return convert<std::uint8_t, std::uint8_t>(bytes, false, values);
    case 10 + static_cast<int>(Kind::signed_integer):
      return convert<std::int8_t, std::uint8_t>(bytes, false, values);
    case 20 + static_cast<int>(Kind::unsigned_integer):
      return convert<std::uint16_t, std::uint16_t>(bytes, swap, values);
    case 20 + static_cast<int>(Kind::signed_integer):
      return convert<std::int16_t, std::uint16_t>(bytes, swap, values);
    case 40 + static_cast<int>(Kind::unsigned_integer):
      return convert<std::uint32_t, std::uint32_t>(bytes, swap, values);
    case 40 + static_cast<int>(Kind::signed_integer):
      return convert<std::int32_t, std::uint32_t>(bytes, swap, values);
    case 40 + static_cast<int>(Kind::real):
      return convert<float, std::uint32_t>(bytes, swap, values);
    case 80 + static_cast<int>(Kind::unsigned_integer):
      return convert<std::uint64_t, std::uint64_t>(bytes, swap, values);
    case 80 + static_cast<int>(Kind::signed_integer):
      return convert<std::int64_t, std::uint64_t>(bytes, swap, values);
    case 80 + static_cast<int>(Kind::real):
      return convert<double, std::uint64_t>(bytes, swap, values);
    default:
      throw std::logic_error("convert_to_float: unknown element type");
  }
}

bool is_native_float(const ElementFormat& element) {
  return element.type.kind == ElementType::Kind::real && element.type.bytes == 4 &&
         element.big_endian == machine_is_big_endian;
}

}  // namespace mesoglass::scan
