#include "core/summary.hpp"

#include <fmt/format.h>

#include "core/atomic_output.hpp"
#include "core/build_information.hpp"

namespace mesoglass {

std::string Summary::text() const {
  std::string lines;
  for (const auto& [name, entry] : entries_.items()) {
    const auto& value = entry.at("value");
    const auto shown = value.is_number_float() ? fmt::format("{:.5g}", value.get<double>())
                       : value.is_string()     ? value.get<std::string>()
                                               : value.dump();
    const auto unit = entry.at("unit").get<std::string>();
    lines += fmt::format("  {:<34} {}{}   {}\n", name, shown, unit.empty() || unit == "1" ? "" : " " + unit,
                         entry.at("text").get<std::string>());
  }
  return lines;
}

void Summary::write(const std::filesystem::path& path, const std::string& program) const {
  const nlohmann::ordered_json document = {{"program", program}, {"version", project_version}, {"results", entries_}};
  write_text_file(path, document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace mesoglass
