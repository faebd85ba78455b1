#include "diffraction/composition.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>

#include "core/error.hpp"
#include "diffraction/electron_scattering.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr std::size_t longest_number = 16;

bool is_upper(char letter) {
  return std::isupper(static_cast<unsigned char>(letter)) != 0;
}
bool is_lower(char letter) {
  return std::islower(static_cast<unsigned char>(letter)) != 0;
}

// 0 where there is no such element.
int atomic_number_of(const std::string& symbol) {
  const auto table = lobato_coefficients();
  const auto row = std::find_if(table.begin(), table.end(), [&](const auto& entry) { return symbol == entry.symbol; });
  return row == table.end() ? 0 : static_cast<int>(row - table.begin()) + 1;
}

}  // namespace

Composition parse_composition(const std::string& typed, const std::string& option) {
  std::string text;
  std::copy_if(typed.begin(), typed.end(), std::back_inserter(text), [](char letter) { return letter != ' '; });
  const auto wrong = [&](const std::string& what) {
    return input_error("{} {}: {}: write symbols with their shares of the atoms, for example Zr45Cu50Al5", option,
                       typed, what);
  };
  Composition composition{{}, text};
  double total = 0.0;
  for (std::size_t place = 0; place < text.size();) {
    if (!is_upper(text[place])) throw wrong(fmt::format("no element begins with '{}'", text.substr(place, 1)));
    std::size_t end = place + 1;
    while (end < text.size() && is_lower(text[end])) ++end;
    const std::string symbol = text.substr(place, end - place);
    const int atomic_number = atomic_number_of(symbol);
    if (atomic_number == 0) throw wrong(fmt::format("there is no element {}", symbol));
    place = end;
    while (end < text.size() && !is_upper(text[end]) && !is_lower(text[end])) ++end;
    const std::string number = text.substr(place, end - place);
    place = end;
    double share = 1.0;
    if (!number.empty()) {
      if (number.find_first_not_of("0123456789.") != std::string::npos || number == "." ||
          std::count(number.begin(), number.end(), '.') > 1 || number.size() > longest_number) {
        throw wrong(fmt::format("'{}' after {} is not a number", number, symbol));
      }
      share = std::stod(number);
    }
    if (!(share > 0.0) || !std::isfinite(share))
      throw wrong(fmt::format("the share of {} is {}, not positive", symbol, number));
    total += share;
    const auto known = std::find_if(composition.parts.begin(), composition.parts.end(),
                                    [&](const auto& part) { return part.atomic_number == atomic_number; });
    if (known == composition.parts.end()) {
      composition.parts.push_back({atomic_number, share});
    } else {
      known->fraction += share;
    }
  }
  if (composition.parts.empty()) throw wrong("it names no element");
  for (Composition::Part& part : composition.parts) part.fraction /= total;
  return composition;
}

}  // namespace mesoglass::diffraction
