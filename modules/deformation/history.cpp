#include "deformation/history.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace mesoglass::deformation {

namespace {

// A number that is a count in the file, or not.
enum class Stored { real, integer };

struct Column {
  const char* name;
  const char* unit;
  const char* description;
  Stored stored;
};

// In the order of the struct's numbers.
constexpr std::array<Column, 24> history_columns = {{
    {"strain", "1", "engineering strain along the loading (xx; in simple shear 2 e_xy)", Stored::real},
    {"true_strain", "1", "ln(1 + strain); in simple shear the strain", Stored::real},
    {"stress_xx", "GPa", "mean stress", Stored::real},
    {"stress_yy", "GPa", "mean stress", Stored::real},
    {"stress_zz", "GPa", "mean stress", Stored::real},
    {"stress_yz", "GPa", "mean stress", Stored::real},
    {"stress_xz", "GPa", "mean stress", Stored::real},
    {"stress_xy", "GPa", "mean stress", Stored::real},
    {"axial_stress", "GPa", "mean stress that does work on the strain (xx; in simple shear xy)", Stored::real},
    {"time", "s", "time", Stored::real},
    {"temperature", "K", "temperature", Stored::real},
    {"events", "1", "transformations so far, thermal and athermal", Stored::integer},
    {"avalanches", "1", "athermal avalanches so far", Stored::integer},
    {"largest_cfv", "nm^3", "volume of the largest connected cluster of voxels with excess free volume", Stored::real},
    {"largest_cfv_voxels", "1", "voxels of that cluster", Stored::integer},
    {"cfv_clusters", "1", "number of clusters", Stored::integer},
    {"cfv_mean_voxels", "1", "mean size of the cluster of a voxel with excess free volume, sum s^2 / sum s",
     Stored::real},
    {"percolates_x", "1", "1 where the largest cluster meets its periodic image along x", Stored::integer},
    {"percolates_y", "1", "1 where it does along y", Stored::integer},
    {"percolates_z", "1", "1 where it does along z", Stored::integer},
    {"elastic_energy", "eV", "elastic energy of the sample", Stored::real},
    {"external_work", "eV", "work done on the sample since the start", Stored::real},
    {"dissipated_work", "eV", "work turned into heat by transformations since the start", Stored::real},
    {"participation_ratio", "1", "(sum w)^2 / (N sum w^2) of the von Mises plastic strain: 1 = uniform", Stored::real},
}};
// Rows are plain structs of doubles, so a column is every n-th number.
template <std::size_t Count, typename Row>
void write_table(Hdf5File& file, const std::string& group, const std::array<Column, Count>& columns,
                 const std::vector<Row>& rows) {
  static_assert(sizeof(Row) == Count * sizeof(double));
  file.create_group(group);
  const auto* numbers = reinterpret_cast<const double*>(rows.data());
  for (std::size_t c = 0; c < Count; ++c) {
    const std::string name = group + "/" + columns[c].name;
    if (columns[c].stored == Stored::integer) {
      std::vector<std::int64_t> values(rows.size());
      for (std::size_t r = 0; r < rows.size(); ++r) values[r] = static_cast<std::int64_t>(numbers[r * Count + c]);
      file.write(name, values, columns[c].unit, columns[c].description);
    } else {
      std::vector<double> values(rows.size());
      for (std::size_t r = 0; r < rows.size(); ++r) values[r] = numbers[r * Count + c];
      file.write(name, values, columns[c].unit, columns[c].description);
    }
  }
}

}  // namespace

void write_history(Hdf5File& file, const std::vector<HistoryRow>& rows) {
  write_table(file, "/history", history_columns, rows);
}

HistoryFindings findings_of(const std::vector<HistoryRow>& rows) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  HistoryFindings findings{nan, nan, nan, nan};
  if (rows.empty()) return findings;
  const auto stress = [](const HistoryRow& row) { return std::fabs(row.axial_stress_gpa); };
  const auto peak = std::max_element(rows.begin(), rows.end(),
                                     [&](const HistoryRow& a, const HistoryRow& b) { return stress(a) < stress(b); });
  findings.peak_stress_gpa = stress(*peak);
  findings.peak_strain = std::fabs(peak->strain);

  const double flow_begins = 0.8 * std::fabs(rows.back().strain);
  if (findings.peak_strain < flow_begins) {
    double sum = 0.0;
    double count = 0.0;
    for (const HistoryRow& row : rows) {
      if (std::fabs(row.strain) < flow_begins) continue;
      sum += stress(row);
      count += 1.0;
    }
    findings.flow_stress_gpa = sum / count;
  }

  double steepest = 0.0;
  for (std::size_t row = 1; row < rows.size(); ++row) {
    const double from = std::fabs(rows[row - 1].true_strain);
    const double to = std::fabs(rows[row].true_strain);
    if (!(to > from)) continue;
    const double slope = (rows[row].largest_cfv_nm3 - rows[row - 1].largest_cfv_nm3) / (to - from);
    if (slope <= steepest) continue;
    steepest = slope;
    findings.percolation_strain = 0.5 * (from + to);
  }
  return findings;
}

}  // namespace mesoglass::deformation
