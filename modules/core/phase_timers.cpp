#include "core/phase_timers.hpp"

#include <set>
#include <sstream>

namespace mesoglass {

std::vector<PhaseTimers::Row> PhaseTimers::over_ranks(const Communicator& communicator) const {
  std::string own_names;
  for (const auto& [phase, seconds] : seconds_) own_names += phase + '\n';
  const auto letters = communicator.all_gather(std::span<const char>(own_names));
  std::set<std::string> names;
  std::istringstream stream(std::string(letters.begin(), letters.end()));
  for (std::string name; std::getline(stream, name);) names.insert(name);
  std::vector<Row> rows;
  for (const auto& name : names) {
    const auto found = seconds_.find(name);
    const double own = found == seconds_.end() ? 0.0 : found->second;
    rows.push_back({name, communicator.min(own), communicator.sum(own) / communicator.size(), communicator.max(own)});
  }
  return rows;
}

}  // namespace mesoglass
