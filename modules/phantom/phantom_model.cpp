#include "phantom/phantom_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>

#include "core/error.hpp"
#include "core/option_table.hpp"

namespace mesoglass::phantom {

double PhantomModel::thickness_nm(double x_nm, double y_nm) const {
  return std::max(
      0.0, film.thickness_nm + film.wedge_x * (x_nm - 0.5 * width_nm()) + film.wedge_y * (y_nm - 0.5 * height_nm()));
}

double PhantomModel::transmittance(double x_nm, double y_nm) const {
  return std::exp(-thickness_nm(x_nm, y_nm) / film.mean_free_path_nm);
}

double PhantomModel::relaxation_time_s(double x_nm) const {
  const double place = width_nm() > 0.0 ? std::clamp(x_nm / width_nm(), 0.0, 1.0) : 0.5;
  return dynamics.relaxation_time_s * std::pow(dynamics.relaxation_ratio, place - 0.5);
}

std::pair<double, double> PhantomModel::centre_px(std::int64_t scan_y, std::int64_t scan_x) const {
  const auto along = [](std::int64_t index, std::int64_t count) {
    return count > 1 ? static_cast<double>(index) / static_cast<double>(count - 1) - 0.5 : 0.0;
  };
  return {detector.centre_x_px + detector.descan_x_px * along(scan_x, scan_nx),
          detector.centre_y_px + detector.descan_y_px * along(scan_y, scan_ny)};
}

namespace {

struct TypeField {
  const char* name;
  double lowest;
  double highest;
  std::optional<double> default_value;
  const char* unit;
};

constexpr double unbounded_fold = 64.0;

const std::vector<TypeField>& type_fields() {
  static const std::vector<TypeField> fields = {{"k", 0.5, 100.0, std::nullopt, "nm^-1"},
                                                {"fold", 1.0, unbounded_fold, std::nullopt, "vectors"},
                                                {"diameter", 0.2, 50.0, std::nullopt, "nm"},
                                                {"spread", 0.0, 20.0, 0.0, "nm"},
                                                {"fraction", 0.0, 0.6, std::nullopt, "1"},
                                                {"order", 0.0, 1.0, std::nullopt, "1"},
                                                {"tilt", 0.0, 10.0, 0.0, "rad"}};
  return fields;
}

std::map<std::string, std::string> split_fields(const std::string& text) {
  std::map<std::string, std::string> fields;
  for (std::size_t at = 0; at <= text.size();) {
    const auto comma = std::min(text.find(',', at), text.size());
    const auto part = text.substr(at, comma - at);
    const auto equals = part.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == part.size()) {
      throw input_error(
          "--type {}: '{}' is not name=value: write for example "
          "name=strong,k=3.9,fold=6,diameter=1.2,spread=0.1,fraction=0.1,order=1",
          text, part);
    }
    const auto trimmed = [](std::string word) {
      word.erase(0, word.find_first_not_of(' '));
      word.erase(word.find_last_not_of(' ') + 1);
      return word;
    };
    if (!fields.emplace(trimmed(part.substr(0, equals)), trimmed(part.substr(equals + 1))).second) {
      throw input_error("--type {}: '{}' is given twice: give it once", text, part.substr(0, equals));
    }
    at = comma + 1;
  }
  return fields;
}

double field_value(const std::string& text, const TypeField& field, const std::map<std::string, std::string>& given) {
  const auto found = given.find(field.name);
  if (found == given.end()) {
    if (field.default_value) return *field.default_value;
    throw input_error("--type {}: {} is missing: add {}=... ({} to {} {})", text, field.name, field.name, field.lowest,
                      field.highest, field.unit);
  }
  char* end = nullptr;
  const double value = std::strtod(found->second.c_str(), &end);
  if (end != found->second.c_str() + found->second.size() || !(value >= field.lowest && value <= field.highest)) {
    throw input_error("--type {}: {}={} is not allowed ({} to {} {})", text, field.name, found->second, field.lowest,
                      field.highest, field.unit);
  }
  return value;
}

}  // namespace

MroType parse_type(const std::string& text) {
  const auto given = split_fields(text);
  std::vector<std::string> names = {"name", "orientation"};
  for (const auto& field : type_fields()) names.emplace_back(field.name);
  for (const auto& [name, value] : given) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      const auto near = nearest_name(name, names);
      throw input_error("--type {}: unknown field {}{}: allowed are {}", text, name,
                        near.empty() ? "" : " (did you mean " + near + "?)", fmt::join(names, ", "));
    }
  }
  MroType type;
  std::map<std::string, double> numbers;
  for (const auto& field : type_fields()) numbers[field.name] = field_value(text, field, given);
  if (numbers["fold"] != std::floor(numbers["fold"])) {
    throw input_error("--type {}: fold={} is not a whole number", text, numbers["fold"]);
  }
  type.name = given.count("name") != 0 ? given.at("name") : fmt::format("k{:g}", numbers["k"]);
  type.k_inverse_nm = numbers["k"];
  type.fold = static_cast<int>(numbers["fold"]);
  type.diameter_mean_nm = numbers["diameter"];
  type.diameter_spread_nm = numbers["spread"];
  type.volume_fraction = numbers["fraction"];
  type.order = numbers["order"];
  type.tilt_width_rad = numbers["tilt"];
  if (type.diameter_spread_nm > 0.5 * type.diameter_mean_nm) {
    throw input_error(
        "--type {}: spread={} exceeds half of the diameter {} (a Gaussian of it would plant nothing and "
        "negative sizes): give a narrower distribution",
        text, type.diameter_spread_nm, type.diameter_mean_nm);
  }
  const auto orientation = given.count("orientation") != 0 ? given.at("orientation") : "random";
  if (orientation != "random" && orientation != "beam") {
    throw input_error("--type {}: orientation={} is not allowed (random or beam)", text, orientation);
  }
  type.orientation = orientation == "beam" ? DomainOrientation::beam : DomainOrientation::random;
  return type;
}

void check_model(const PhantomModel& model) {
  double fraction = 0.0;
  for (std::size_t i = 0; i < model.types.size(); ++i) {
    const auto& type = model.types[i];
    fraction += type.volume_fraction;
    const double reach = 0.5 * static_cast<double>(std::min(model.detector.nx, model.detector.ny)) *
                         model.detector.k_per_pixel_inverse_nm;
    if (type.k_inverse_nm > reach) {
      throw input_error(
          "type {} scatters to k = {} nm^-1 but the detector reaches {:.3f} nm^-1 ({} x {} pixels of {} "
          "nm^-1): raise --k-per-pixel or --pattern-shape",
          type.name, type.k_inverse_nm, reach, model.detector.ny, model.detector.nx,
          model.detector.k_per_pixel_inverse_nm);
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (model.types[j].name == type.name) {
        throw input_error("two types are called {}: give each its own name", type.name);
      }
    }
  }
  constexpr double densest = 0.6;
  if (fraction > densest) {
    throw input_error(
        "the types fill {:.3f} of the volume (at most {} is possible for a glass with a matrix): lower their "
        "fractions",
        fraction, densest);
  }
  for (const double x : {0.0, model.width_nm()}) {
    for (const double y : {0.0, model.height_nm()}) {
      if (model.thickness_nm(x, y) <= 0.0) {
        throw input_error(
            "the film ends inside the scan (thickness {} nm in the middle, wedge {} and {} nm/nm over {:.1f} x "
            "{:.1f} nm): make it thicker or the wedge weaker",
            model.film.thickness_nm, model.film.wedge_x, model.film.wedge_y, model.width_nm(), model.height_nm());
      }
    }
  }
  const auto& d = model.detector;
  for (const std::int64_t row : {std::int64_t{0}, model.scan_ny - 1}) {
    for (const std::int64_t column : {std::int64_t{0}, model.scan_nx - 1}) {
      const auto [x, y] = model.centre_px(row, column);
      if (x < 0.0 || y < 0.0 || x > static_cast<double>(d.nx - 1) || y > static_cast<double>(d.ny - 1)) {
        throw input_error(
            "the beam leaves the detector (centre at {:.1f}, {:.1f} px of {} x {}): correct --centre-x, "
            "--centre-y or the descan",
            x, y, d.nx, d.ny);
      }
    }
  }
  if (d.hot_pixels + d.dead_pixels > d.nx * d.ny / 4) {
    throw input_error("{} hot and {} dead pixels are more than a quarter of the detector's {}: lower them",
                      d.hot_pixels, d.dead_pixels, d.nx * d.ny);
  }
}

}  // namespace mesoglass::phantom
