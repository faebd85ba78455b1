// Standard normal numbers by the dozen.
#pragma once

#include <span>

#include "core/random_stream.hpp"

namespace mesoglass {

// Fills `values` by Box and Muller from the stream's next uniform numbers, two a pair of values, as as many calls of
// stream.normal() would, to within a few units of the last place, and several times faster. Logarithm, sine and cosine
// are written out, so the bits are the same on every machine. An odd last value's partner is dropped. Not collective.
void fill_with_normals(RandomStream& stream, std::span<double> values) noexcept;

}  // namespace mesoglass
