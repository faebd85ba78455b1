// Numbers as files store them: integers and reals of either byte order, converted to float.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "core/hdf5_file.hpp"

namespace mesoglass::scan {

struct ElementFormat {
  ElementType type;
  bool big_endian = false;
};

// numpy's name of a number ("<f4", ">u2", "|u1", "u1", "float32"); nothing where it is not a real or integer of 1 to 8
// bytes. A name without byte order means little endian. Pure.
[[nodiscard]] std::optional<ElementFormat> parse_element(const std::string& name);
// "32-bit real, little endian".
[[nodiscard]] std::string element_text(const ElementFormat& element);

// Converts `values.size()` stored numbers to float. `stored` holds at least that many elements, at any alignment.
void convert_to_float(std::span<const std::byte> stored, const ElementFormat& element, std::span<float> values);

// True where the stored bytes are floats of this machine already.
[[nodiscard]] bool is_native_float(const ElementFormat& element);

}  // namespace mesoglass::scan
