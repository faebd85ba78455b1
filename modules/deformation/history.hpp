// What a run writes down as it goes: the history rows, and the numbers read off them in the end.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/hdf5_file.hpp"

namespace mesoglass::deformation {

// One row; counts are kept as double and written as integers.
struct HistoryRow {
  double strain = 0.0;
  double true_strain = 0.0;
  std::array<double, 6> stress_gpa{};
  double axial_stress_gpa = 0.0;
  double time_s = 0.0;
  double temperature_k = 0.0;
  double events = 0.0;
  double avalanches = 0.0;
  double largest_cfv_nm3 = 0.0;
  double largest_cfv_voxels = 0.0;
  double cfv_clusters = 0.0;
  double cfv_mean_voxels = 0.0;
  double percolates_x = 0.0;
  double percolates_y = 0.0;
  double percolates_z = 0.0;
  double elastic_energy_ev = 0.0;
  double external_work_ev = 0.0;
  double dissipated_work_ev = 0.0;
  double participation_ratio = 0.0;
};
static_assert(sizeof(HistoryRow) == 24 * sizeof(double), "a row is written and read as plain numbers");

// Writes /history, one column a dataset. Collective.
void write_history(Hdf5File& file, const std::vector<HistoryRow>& rows);

// What is read off a history; NaN where there is nothing to read.
struct HistoryFindings {
  double peak_stress_gpa = 0.0;     // largest |axial stress|
  double peak_strain = 0.0;         // |strain| there
  double flow_stress_gpa = 0.0;     // mean |axial stress| of the last fifth of the strain, if the peak lies before it
  double percolation_strain = 0.0;  // |true strain| in the middle of the interval where the largest connected free
                                    // volume grows most steeply
};
[[nodiscard]] HistoryFindings findings_of(const std::vector<HistoryRow>& rows);

}  // namespace mesoglass::deformation
