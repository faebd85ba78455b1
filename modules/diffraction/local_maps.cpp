#include "diffraction/local_maps.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/hdf5_file.hpp"
#include "diffraction/thickness_bins.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr float unknown = std::numeric_limits<float>::quiet_NaN();
constexpr const char* bragg_name = "bragg_ratio";

}  // namespace

LocalWindow choose_local_window(const AreaGeometry& geometry, const PolarGrid& grid, const AnalysisSettings& settings,
                                double k_per_pixel, const std::vector<double>& shares) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto pixels = [&](const std::optional<double>& k) { return k ? *k / k_per_pixel : nan; };
  return local_window(grid, geometry.ring ? geometry.ring->radius_px : nan,
                      geometry.ring ? geometry.ring->half_width_px : nan, pixels(settings.local_k_low),
                      pixels(settings.local_k_high), shares);
}

std::vector<LocalMap> local_maps_of(const Communicator& communicator, const LocalMeasures& measures,
                                    std::span<const double> transmittance, std::span<const std::uint8_t> kept,
                                    const AnalysisSettings& settings) {
  std::vector<LocalMap> maps;
  const std::size_t positions = kept.size();
  const auto gather = [&](LocalMeasure measure) { return measures.gather(communicator, static_cast<int>(measure)); };
  const auto add = [&](const std::string& name, const std::string& unit, const std::string& text,
                       std::vector<float> values, bool with_distance) {
    maps.push_back({name, unit, text, std::move(values), with_distance});
  };
  std::vector<float> thickness(positions, unknown);
  for (std::size_t i = 0; i < positions; ++i) {
    if (kept[i] != 0) thickness[i] = static_cast<float>(thickness_in_mean_free_paths(transmittance[i]));
  }
  // What the outer ring scatters per unit of thickness, over the area's mean; of all electrons 1 - T are scattered.
  std::vector<float> density = gather(LocalMeasure::outer_share);
  double sum = 0.0, count = 0.0;
  for (std::size_t i = 0; i < positions; ++i) {
    density[i] = thickness[i] > 0.0F ? density[i] * static_cast<float>(1.0 - transmittance[i]) / thickness[i] : unknown;
    if (!std::isfinite(density[i])) continue;
    sum += static_cast<double>(density[i]);
    count += 1.0;
  }
  const auto scale = static_cast<float>(sum > 0.0 ? count / sum : 0.0);
  for (float& value : density) value = scale > 0.0F ? value * scale : unknown;
  if (settings.mean_free_path_nm) {
    for (float& value : thickness) value *= static_cast<float>(*settings.mean_free_path_nm);
    add("thickness", "nm", "thickness -lambda ln T", std::move(thickness), true);
  } else {
    add("thickness", "mean free paths", "thickness over the mean free path, -ln T", std::move(thickness), true);
  }
  add("density", "1", "annular dark field of the outermost quarter of k over thickness, relative to the area's mean",
      std::move(density), true);
  add("order", "1", "sum of c_n over even n, mean over the ring's k", gather(LocalMeasure::order), true);
  for (int map = static_cast<int>(LocalMeasure::first_c_n); map < measures.maps(); ++map) {
    const int n = LocalMeasures::symmetry(map - static_cast<int>(LocalMeasure::first_c_n));
    add("c" + std::to_string(n), "1", std::to_string(n) + "-fold angular power, mean over the ring's k",
        measures.gather(communicator, map), false);
  }
  add("ring_variance", "1", "<I^2>/<I>^2 - 1 over the angles, counting noise removed, mean over the ring's k",
      gather(LocalMeasure::ring_variance), true);
  add("dilatation", "1", "(e_xx + e_yy)/2 from the ring's radius, relative to the mean pattern",
      gather(LocalMeasure::dilatation), true);
  std::vector<float> difference = gather(LocalMeasure::shear_difference);
  std::vector<float> mixed = gather(LocalMeasure::shear_xy);
  std::vector<float> shear(positions);
  for (std::size_t i = 0; i < positions; ++i) shear[i] = std::hypot(difference[i], mixed[i]);
  add("shear", "1", "largest shear sqrt(((e_xx - e_yy)/2)^2 + e_xy^2) from the ring's ellipse; noise raises it",
      std::move(shear), true);
  add("shear_difference", "1", "(e_xx - e_yy)/2, x along kx", std::move(difference), false);
  add("shear_xy", "1", "e_xy", std::move(mixed), false);
  add(bragg_name, "1", "highest value at any (k, phi) over the mean at that k; 1 where counting noise explains it",
      gather(LocalMeasure::bragg_ratio), false);
  return maps;
}

void add_user_map(const Communicator& communicator, const std::string& name, const std::string& source, std::int64_t ny,
                  std::int64_t nx, std::vector<LocalMap>& maps) {
  const auto colon = source.rfind(":/");
  if (colon == std::string::npos || colon == 0) {
    throw input_error("--map {}={} names no dataset: write FILE.h5:/path/of/dataset", name, source);
  }
  const std::string path = source.substr(colon + 1);
  const Hdf5File file = Hdf5File::open(communicator, source.substr(0, colon));
  if (!file.is_dataset(path)) {
    throw input_error("{}: no dataset {}: --map wants FILE.h5:/path/of/dataset", source.substr(0, colon), path);
  }
  const Shape shape = file.shape(path);
  if (shape != Shape{static_cast<std::uint64_t>(ny), static_cast<std::uint64_t>(nx)}) {
    std::string text;
    for (const auto length : shape) text += (text.empty() ? "" : " x ") + std::to_string(length);
    throw input_error("{}: {} has the shape {}, the scan {} x {}: give a map with one value a probe position",
                      source.substr(0, colon), path, text, ny, nx);
  }
  const auto read = file.read<double>(path);
  std::vector<float> values(read.begin(), read.end());
  const std::string unit = file.has_attribute(path, "units") ? file.attribute_text(path, "units") : "";
  maps.push_back({name, unit, "given by the user: " + source, std::move(values), true});
}

std::int64_t crystalline_positions(const std::vector<LocalMap>& maps, double ratio) {
  std::int64_t count = 0;
  for (const LocalMap& map : maps) {
    if (map.name != bragg_name) continue;
    count += std::count_if(map.values.begin(), map.values.end(),
                           [&](float value) { return static_cast<double>(value) > ratio; });
  }
  return count;
}

}  // namespace mesoglass::diffraction
