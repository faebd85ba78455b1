// The shear-transformation-zone (STZ) catalog: which kind of zone every voxel of a glass is, and what each kind can do.
// What mg-catalog writes (catalog.h5) and mg-deform reads.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "core/hdf5_file.hpp"
#include "core/provenance.hpp"
#include "core/voxel_grid.hpp"

namespace mesoglass::catalog {

// How an activation barrier Q0 is drawn, anew after each transformation of its voxel.
enum class BarrierLaw : std::uint8_t {
  normal,   // mean + spread * N(0,1): `barrier_spread` is a standard deviation in eV
  uniform,  // mean * (1 - spread + 2 spread U(0,1)): `barrier_spread` is a relative half width
};

// One kind of zone: a row of /types. Row 0 is the glassy matrix, whose modes are random and redrawn after each
// transformation; the others are kinds of medium-range order (MRO) with `modes` / 2 slip systems in both senses.
struct ShearZoneType {
  std::string name;
  std::int32_t modes = 20;
  double amplitude = 1.0;  // matrix: scales gamma0; MRO: A, each mode has e:e = 2 (A gamma0)^2
  double softening =
      1.0;  // the factor s on the voxel's softening in Q = Q0 exp(-d s g): 1 = softens as the matrix does
  BarrierLaw barrier_law = BarrierLaw::uniform;
  double barrier_mean_ev = 3.45;
  double barrier_spread = 0.2;
  double young_modulus_gpa = 88.6;
  double poisson_ratio = 0.371;
  double gamma0 = 0.0275;  // characteristic strain: matrix modes have <e:e> = gamma0^2

  // The measured descriptors it came from; NaN where there are none.
  double source_k_peak = std::numeric_limits<double>::quiet_NaN();  // nm^-1
  double source_size_nm = std::numeric_limits<double>::quiet_NaN();
  double source_order = std::numeric_limits<double>::quiet_NaN();
  double source_area_fraction = std::numeric_limits<double>::quiet_NaN();
  // Their standard errors, and what the rules make of them: standard error of the domain diameter and of the volume
  // fraction, and the modes, amplitude and softening at one standard error less and more order.
  double source_size_error_nm = std::numeric_limits<double>::quiet_NaN();
  double source_order_error = std::numeric_limits<double>::quiet_NaN();
  double source_area_fraction_error = std::numeric_limits<double>::quiet_NaN();
  double diameter_error_nm = std::numeric_limits<double>::quiet_NaN();
  double volume_fraction_error = std::numeric_limits<double>::quiet_NaN();
  double modes_at_less_order = std::numeric_limits<double>::quiet_NaN();
  double modes_at_more_order = std::numeric_limits<double>::quiet_NaN();
  double amplitude_at_less_order = std::numeric_limits<double>::quiet_NaN();
  double amplitude_at_more_order = std::numeric_limits<double>::quiet_NaN();
  double softening_at_less_order = std::numeric_limits<double>::quiet_NaN();
  double softening_at_more_order = std::numeric_limits<double>::quiet_NaN();
};

// A number of a type that only a measurement gives: its column in /types, unit and description, in one place for
// writing and reading.
struct MeasuredColumn {
  const char* name;
  double ShearZoneType::*member;
  const char* unit;
  const char* description;
};
inline constexpr MeasuredColumn measured_columns[] = {
    {"source_k_peak", &ShearZoneType::source_k_peak, "nm^-1", "measured scattering vector, or NaN"},
    {"source_size_nm", &ShearZoneType::source_size_nm, "nm", "measured MRO size, or NaN"},
    {"source_order", &ShearZoneType::source_order, "1", "measured degree of order, or NaN"},
    {"source_area_fraction", &ShearZoneType::source_area_fraction, "1", "measured area fraction, or NaN"},
    {"source_size_error_nm", &ShearZoneType::source_size_error_nm, "nm", "standard error of the size"},
    {"source_order_error", &ShearZoneType::source_order_error, "1", "standard error of the degree of order"},
    {"source_area_fraction_error", &ShearZoneType::source_area_fraction_error, "1",
     "standard error of the area fraction"},
    {"diameter_error_nm", &ShearZoneType::diameter_error_nm, "nm", "standard error of the mean domain diameter"},
    {"volume_fraction_error", &ShearZoneType::volume_fraction_error, "1", "standard error of the volume fraction"},
    {"modes_at_less_order", &ShearZoneType::modes_at_less_order, "1", "modes at one standard error less order"},
    {"modes_at_more_order", &ShearZoneType::modes_at_more_order, "1", "modes at one standard error more order"},
    {"amplitude_at_less_order", &ShearZoneType::amplitude_at_less_order, "1",
     "amplitude at one standard error less order"},
    {"amplitude_at_more_order", &ShearZoneType::amplitude_at_more_order, "1",
     "amplitude at one standard error more order"},
    {"softening_at_less_order", &ShearZoneType::softening_at_less_order, "1",
     "softening at one standard error less order"},
    {"softening_at_more_order", &ShearZoneType::softening_at_more_order, "1",
     "softening at one standard error more order"},
};
// Files of format 1.0 have only the first three.
inline constexpr std::size_t measured_columns_of_1_0 = 3;

// What is common to the modes of all types (see shear_modes.hpp). The last three repeat a published two-dimensional
// code, so that their effect can be studied.
struct ModeRules {
  double jitter = 0.2;                 // relative half width of MRO amplitudes and directions; 0 = none
  double dilatation = 0.0;             // each mode dilates by |N(0,1)| * dilatation * gamma0 (volume strain); 0 = none
  bool parallel_modes = false;         // angles a_0 + 4 pi j / m: pairs nearly parallel instead of opposite (2-D only)
  bool compounding_softening = false;  // mode j of an MRO voxel softens by s^(j+1) instead of s
  bool tension_biased = false;         // a_0 drawn from [-pi/2, pi/2] instead of a full turn (2-D only)
};

// One MRO domain: a row of /domains.
struct Domain {
  std::uint8_t type = 0;  // row of the types; 0 where each voxel of the domain has a type of its own
  std::int32_t voxels = 0;
  std::array<float, 3> centre_nm = {0, 0, 0};  // x, y, z
  float diameter_nm = 0;
  std::array<float, 4> rotation = {1, 0, 0, 0};  // unit quaternion w, x, y, z; in 2-D about z by a_0
};

// A catalog on this communicator: types and domains are the same on every rank, voxel arrays hold this rank's slabs,
// grid.voxels_of(rank, size).
struct Catalog {
  VoxelGrid grid;
  std::vector<ShearZoneType> types;  // row 0 = glassy matrix
  ModeRules rules;
  std::vector<Domain> domains;             // all of them, on every rank (40 bytes each)
  std::vector<std::uint8_t> voxel_type;    // own voxels: row of types
  std::vector<std::int32_t> voxel_domain;  // own voxels: row of domains, -1 = matrix
  std::uint64_t seed = 0;
  std::string glass;  // name

  // The orientation of an own voxel (0 <= own_voxel < voxel_type.size()); the identity in the matrix.
  [[nodiscard]] std::array<float, 4> rotation(std::size_t own_voxel) const noexcept {
    const std::int32_t row = voxel_domain[own_voxel];
    return row < 0 ? std::array<float, 4>{1, 0, 0, 0} : domains[static_cast<std::size_t>(row)].rotation;
  }
};

// Throws InputError that names the type and value unless the type is possible: modes even (MRO) and 1 to 64,
// amplitudes, moduli, gamma0, barriers finite and positive, softening 0 to 1, Poisson's ratio -1 to 0.5 exclusive,
// barriers that cannot be negative.
void validate_type(const ShearZoneType& type, bool is_matrix);
// The rules, against the dimensions of the grid (parallel modes and tension bias are two-dimensional).
void validate_rules(const ModeRules& rules, int dimensions);

// Reads and checks a catalog.h5 (docs/formats.md): format and version, shapes, ranges, rows that refer to each other.
// Throws InputError on every rank. Collective.
[[nodiscard]] Catalog read_catalog(const Communicator& communicator, const std::filesystem::path& path);

// Only the grid, types, rules, seed and glass name (no voxels, no domains): for plans and dry runs. Collective.
[[nodiscard]] Catalog read_catalog_header(const Communicator& communicator, const std::filesystem::path& path);

// Writes a catalog to `path` (pass an AtomicOutput's temporary path) with its realised statistics and provenance.
// Collective.
void write_catalog(const Communicator& communicator, const std::filesystem::path& path, const Catalog& catalog,
                   const Provenance& provenance);

}  // namespace mesoglass::catalog
