// Which detector pixels count: masks given by the user, dead and hot pixels found on the mean pattern.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "diffraction/pattern_geometry.hpp"

namespace mesoglass::diffraction {

// One byte a pixel, 1 = good.
using PixelMask = std::vector<std::uint8_t>;

// Reads a mask of pixels to leave out:
//   a text file, one shape a line, all that lies inside is left out: "circle X Y RADIUS", "rectangle X0 Y0 X1 Y1",
//     "polygon X1 Y1 X2 Y2 X3 Y3 ...", "pixel X Y"; # starts a comment;
//   FILE.npy: a two-dimensional array of bytes or booleans, not zero = left out;
//   FILE.h5:/path/of/dataset: the same in HDF5.
// Throws input_error on every rank. Collective.
[[nodiscard]] PixelMask read_pixel_mask(const Communicator& communicator, const std::string& source,
                                        const PatternShape& shape);

// The shapes of a text mask. Throws input_error naming `source` and the line. Pure.
[[nodiscard]] PixelMask mask_from_shapes(const std::string& text, const PatternShape& shape, const std::string& source);

// The pixels of a mask that are left out; none of an empty one.
[[nodiscard]] std::vector<std::size_t> left_out_pixels(std::span<const std::uint8_t> good);

// Sets those of the pixels that hold NaN or infinity to 0: what has no weight still takes part in sums of products.
void clear_not_finite(std::span<float> pattern, std::span<const std::size_t> left_out) noexcept;

struct BadPixels {
  std::int64_t dead = 0;
  std::int64_t hot = 0;
};

// Marks pixels of the mean pattern that their neighbours cannot explain: hot where a pixel exceeds three times the
// second brightest of its eight neighbours by more than ten standard errors of counting, dead where it has less than a
// tenth of the second darkest and that is expected to have at least 25 electrons in all patterns together.
[[nodiscard]] BadPixels mark_bad_pixels(std::span<const float> mean_pattern, const PatternShape& shape, double gain,
                                        double patterns, PixelMask& good);

}  // namespace mesoglass::diffraction
