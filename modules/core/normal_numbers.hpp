// Standard normal numbers by the dozen.
#pragma once

#include <cstddef>
#include <span>

#include "core/random_stream.hpp"

namespace mesoglass {

// Fills `values` by Box and Muller with the stream's normal numbers from number `first` on, counted from the stream's
// start, to within a few units of the last place as as many calls of stream.normal() would, and several times faster.
// Each has the same bits whatever others are asked for, and on every machine, since logarithm, sine and cosine are
// written out. An odd last value's partner is dropped. Not collective.
void fill_with_normals(RandomStream& stream, std::span<double> values, std::size_t first = 0) noexcept;

}  // namespace mesoglass
