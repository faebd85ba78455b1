#include "diffraction/pixel_mask.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "core/atomic_output.hpp"
#include "core/error.hpp"
#include "core/hdf5_file.hpp"
#include "scan/npy_header.hpp"

namespace mesoglass::diffraction {

namespace {

bool inside_polygon(const std::vector<Point>& corners, double x, double y) {
  bool inside = false;
  for (std::size_t i = 0, j = corners.size() - 1; i < corners.size(); j = i++) {
    if ((corners[i].y > y) != (corners[j].y > y) &&
        x < (corners[j].x - corners[i].x) * (y - corners[i].y) / (corners[j].y - corners[i].y) + corners[i].x) {
      inside = !inside;
    }
  }
  return inside;
}

PixelMask mask_from_flags(std::span<const std::uint8_t> flags) {
  PixelMask good(flags.size());
  for (std::size_t pixel = 0; pixel < flags.size(); ++pixel) good[pixel] = flags[pixel] == 0 ? 1 : 0;
  return good;
}

// C order, one byte an element.
PixelMask mask_from_npy(const std::string& source, const PatternShape& shape) {
  const auto header = scan::read_npy_header(source);
  const std::string type = header.type.substr(std::min(header.type.size(), header.type.find_first_not_of("|<>=")));
  const bool bytes = type == "u1" || type == "i1" || type == "b1" || type == "?";
  if (!bytes || header.shape != std::vector<std::int64_t>{shape.ny, shape.nx}) {
    throw input_error(
        "{}: the mask must be an array of bytes or booleans with the patterns' shape {} x {} (it is {} of shape {}): "
        "save it with numpy.save(name, mask.astype('u1'))",
        source, shape.ny, shape.nx, header.type, fmt::join(header.shape, " x "));
  }
  std::vector<std::uint8_t> flags(static_cast<std::size_t>(shape.pixels()));
  std::ifstream file(source, std::ios::binary);
  file.seekg(header.data_begin);
  if (!file.read(reinterpret_cast<char*>(flags.data()), static_cast<std::streamsize>(flags.size()))) {
    throw input_error("{}: the file ends before its {} x {} bytes do: save the mask again", source, shape.ny, shape.nx);
  }
  return mask_from_flags(flags);
}

}  // namespace

PixelMask mask_from_shapes(const std::string& text, const PatternShape& shape, const std::string& source) {
  PixelMask good(static_cast<std::size_t>(shape.pixels()), 1);
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    line = line.substr(0, line.find('#'));
    std::istringstream words(line);
    std::string kind;
    if (!(words >> kind)) continue;
    std::vector<double> values;
    for (double value = 0.0; words >> value;) values.push_back(value);
    const bool finite = std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
    const bool right_count = (kind == "circle" && values.size() == 3) || (kind == "rectangle" && values.size() == 4) ||
                             (kind == "pixel" && values.size() == 2) ||
                             (kind == "polygon" && values.size() >= 6 && values.size() % 2 == 0);
    if (!words.eof() || !finite || !right_count) {
      throw input_error(
          "{}, line {}: \"{}\" is not a shape: use circle X Y RADIUS, rectangle X0 Y0 X1 Y1, polygon X1 Y1 X2 Y2 X3 Y3 "
          "..., or "
          "pixel X Y",
          source, number, line);
    }
    std::vector<Point> corners;
    for (std::size_t i = 0; kind == "polygon" && i < values.size(); i += 2)
      corners.push_back({values[i], values[i + 1]});
    for (std::int64_t y = 0; y < shape.ny; ++y) {
      for (std::int64_t x = 0; x < shape.nx; ++x) {
        const auto px = static_cast<double>(x);
        const auto py = static_cast<double>(y);
        const bool covered =
            (kind == "circle" && std::hypot(px - values[0], py - values[1]) <= values[2]) ||
            (kind == "rectangle" && px >= std::min(values[0], values[2]) && px <= std::max(values[0], values[2]) &&
             py >= std::min(values[1], values[3]) && py <= std::max(values[1], values[3])) ||
            (kind == "pixel" && px == values[0] && py == values[1]) ||
            (kind == "polygon" && inside_polygon(corners, px, py));
        if (covered) good[static_cast<std::size_t>(y * shape.nx + x)] = 0;
      }
    }
  }
  return good;
}

PixelMask read_pixel_mask(const Communicator& communicator, const std::string& source, const PatternShape& shape) {
  PixelMask good;
  const auto colon = source.rfind(":/");
  if (colon != std::string::npos && colon > 0) {
    const Hdf5File file = Hdf5File::open(communicator, source.substr(0, colon));
    const std::string dataset = source.substr(colon + 1);
    const auto expected = Shape{static_cast<std::uint64_t>(shape.ny), static_cast<std::uint64_t>(shape.nx)};
    if (!file.is_dataset(dataset) || file.shape(dataset) != expected) {
      throw input_error("{}: no dataset {} with the patterns' shape {} x {}: name one as FILE.h5:/path", source,
                        dataset, shape.ny, shape.nx);
    }
    good = mask_from_flags(file.read<std::uint8_t>(dataset));
  } else {
    on_root(communicator, [&] {
      good = source.ends_with(".npy") ? mask_from_npy(source, shape)
                                      : mask_from_shapes(read_text_file(source), shape, source);
    });
    communicator.broadcast_vector(good);
  }
  if (std::none_of(good.begin(), good.end(), [](std::uint8_t flag) { return flag != 0; })) {
    throw input_error("{}: the mask leaves no pixel of {} x {}: not zero means left out", source, shape.ny, shape.nx);
  }
  return good;
}

std::vector<std::size_t> left_out_pixels(std::span<const std::uint8_t> good) {
  std::vector<std::size_t> pixels;
  for (std::size_t pixel = 0; pixel < good.size(); ++pixel) {
    if (good[pixel] == 0) pixels.push_back(pixel);
  }
  return pixels;
}

void clear_not_finite(std::span<float> pattern, std::span<const std::size_t> left_out) noexcept {
  for (const std::size_t pixel : left_out) {
    if (!std::isfinite(pattern[pixel])) pattern[pixel] = 0.0F;
  }
}

BadPixels mark_bad_pixels(std::span<const float> mean_pattern, const PatternShape& shape, double gain, double patterns,
                          PixelMask& good) {
  constexpr double hot_ratio = 3.0;
  constexpr double hot_deviations = 10.0;
  constexpr double dead_ratio = 0.1;
  constexpr double dead_electrons = 25.0;
  const PixelMask before = good;
  BadPixels found;
  for (std::int64_t y = 0; y < shape.ny; ++y) {
    for (std::int64_t x = 0; x < shape.nx; ++x) {
      const auto pixel = static_cast<std::size_t>(y * shape.nx + x);
      if (!before.empty() && before[pixel] == 0) continue;
      std::vector<double> neighbours;
      for (std::int64_t v = std::max<std::int64_t>(0, y - 1); v <= std::min(shape.ny - 1, y + 1); ++v) {
        for (std::int64_t u = std::max<std::int64_t>(0, x - 1); u <= std::min(shape.nx - 1, x + 1); ++u) {
          const auto other = static_cast<std::size_t>(v * shape.nx + u);
          if (other != pixel && (before.empty() || before[other] != 0)) {
            neighbours.push_back(static_cast<double>(mean_pattern[other]));
          }
        }
      }
      if (neighbours.size() < 3) continue;
      std::sort(neighbours.begin(), neighbours.end());
      const double value = static_cast<double>(mean_pattern[pixel]);
      const double second_brightest = std::max(0.0, neighbours[neighbours.size() - 2]);
      const double second_darkest = neighbours[1];
      const double counting = std::sqrt(gain * std::max(second_brightest, gain / patterns) / patterns);
      const bool hot = value > hot_ratio * second_brightest + hot_deviations * counting;
      const bool dead = value < dead_ratio * second_darkest && second_darkest * patterns / gain >= dead_electrons;
      if (!hot && !dead) continue;
      if (good.empty()) good.assign(static_cast<std::size_t>(shape.pixels()), 1);
      good[pixel] = 0;
      ++(hot ? found.hot : found.dead);
    }
  }
  return found;
}

}  // namespace mesoglass::diffraction
