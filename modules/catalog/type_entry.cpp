#include "catalog/type_entry.hpp"

#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "core/error.hpp"
#include "core/option_table.hpp"

namespace mesoglass::catalog {

namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

double number_of(const std::string& entry, const std::string& key, const std::string& text) {
  double value = 0.0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last || !std::isfinite(value)) {
    throw input_error("--type '{}': {} = '{}' is not a finite number", entry, key, text);
  }
  return value;
}

}  // namespace

MroPopulation parse_type_entry(const std::string& entry, const MroPopulation& defaults) {
  MroPopulation result = defaults;
  const auto colon = entry.find(':');
  if (colon == std::string::npos || trimmed(entry.substr(0, colon)).empty()) {
    throw input_error("--type '{}' has no name: write NAME: modes=12, amplitude=0.5, softening=0.9", entry);
  }
  result.type.name = trimmed(entry.substr(0, colon));
  const std::map<std::string, double*> reals = {
      {"amplitude", &result.type.amplitude},
      {"softening", &result.type.softening},
      {"fraction", &result.volume_fraction},
      {"diameter", &result.sizes.mean_nm},
      {"spread", &result.sizes.spread_nm},
      {"minimum", &result.sizes.minimum_nm},
      {"barrier-mean", &result.type.barrier_mean_ev},
      {"barrier-spread", &result.type.barrier_spread},
      {"young-modulus", &result.type.young_modulus_gpa},
      {"poisson-ratio", &result.type.poisson_ratio},
      {"gamma0", &result.type.gamma0},
  };
  std::set<std::string> seen;
  std::istringstream parts(entry.substr(colon + 1));
  for (std::string part; std::getline(parts, part, ',');) {
    if (trimmed(part).empty()) continue;
    const auto equals = part.find('=');
    if (equals == std::string::npos) {
      throw input_error("--type '{}': '{}' is not key=value", entry, trimmed(part));
    }
    const auto key = trimmed(part.substr(0, equals));
    const auto value = trimmed(part.substr(equals + 1));
    if (!seen.insert(key).second) throw input_error("--type '{}': {} is given twice: keep one", entry, key);
    if (const auto real = reals.find(key); real != reals.end()) {
      *real->second = number_of(entry, key, value);
    } else if (key == "modes") {
      const double modes = number_of(entry, key, value);
      if (modes != std::floor(modes) || std::fabs(modes) > 1e6) {
        throw input_error("--type '{}': modes = '{}' is not a whole number", entry, value);
      }
      result.type.modes = static_cast<std::int32_t>(modes);
    } else if (key == "barrier-law") {
      if (value != "normal" && value != "uniform") {
        throw input_error("--type '{}': barrier-law = '{}' is not known: use normal or uniform", entry, value);
      }
      result.type.barrier_law = value == "normal" ? BarrierLaw::normal : BarrierLaw::uniform;
    } else {
      std::vector<std::string> keys = {"modes", "barrier-law"};
      for (const auto& known : reals) keys.push_back(known.first);
      const auto nearest = nearest_name(key, keys);
      throw input_error("--type '{}': unknown key '{}': {}keys are {}", entry, key,
                        nearest.empty() ? "" : fmt::format("perhaps '{}' is meant; ", nearest), fmt::join(keys, ", "));
    }
  }
  for (const char* needed : {"modes", "amplitude", "softening"}) {
    if (!seen.contains(needed)) throw input_error("--type '{}' does not say {}: add {}=...", entry, needed, needed);
  }
  return result;
}

}  // namespace mesoglass::catalog
