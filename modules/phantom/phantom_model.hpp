// What a synthetic scan is made of: film, beam, detector and the kinds of medium-range order (MRO) planted in it.
// docs/phantom.md states the model in full.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/random_stream.hpp"

namespace mesoglass::phantom {

enum class DomainOrientation {
  random,  // uniform over all rotations
  beam,    // zone axis along the beam, any angle about it: every speckle of a domain is seen
};

// One kind of MRO.
struct MroType {
  std::string name;
  double k_inverse_nm = 0.0;        // length of its scattering vectors
  int fold = 2;                     // number of scattering vectors, evenly spread in a plane
  double diameter_mean_nm = 0.0;    // Gaussian distribution of the diameter = full width at half maximum of the domain
  double diameter_spread_nm = 0.0;  // its standard deviation
  double volume_fraction = 0.0;     // spheres of that diameter over the film's volume
  double order = 0.0;               // 0 to 1, scales the speckle intensity
  double tilt_width_rad = 0.0;      // standard deviation of the rocking curve; 0 = as the domain's size gives it
  DomainOrientation orientation = DomainOrientation::random;
};

struct Film {
  double thickness_nm = 30.0;  // at the middle of the scan
  double wedge_x = 0.0;        // nm of thickness a nm along x
  double wedge_y = 0.0;
  double mean_free_path_nm = 80.0;
};

struct Beam {
  double voltage_v = 300e3;
  double probe_fwhm_nm = 1.0;
  double disc_radius_inverse_nm = 0.5;  // convergence half angle over the wavelength
  double dose_electrons = 1e5;          // a pattern
};

// How the scattered electrons are spread.
struct Scattering {
  double halo_k_inverse_nm = 4.2;
  double halo_width_inverse_nm = 0.45;  // standard deviation
  double background_fraction = 0.6;     // of the diffuse electrons, in a smooth decay instead of the halo
  double speckle_strength_inverse_nm =
      0.006;  // beam fraction that an ideal domain scatters into a speckle, a nm of domain
};

struct Detector {
  std::int64_t ny = 128;
  std::int64_t nx = 128;
  double k_per_pixel_inverse_nm = 0.1;
  double gain = 1.0;          // detector units an electron
  double centre_y_px = 63.5;  // of the unscattered beam at the middle of the scan
  double centre_x_px = 63.5;
  double descan_x_px = 0.0;         // how far the centre moves in x over the scan's whole width
  double descan_y_px = 0.0;         // and in y over its height
  double ellipse_axis_ratio = 1.0;  // long over short axis of a ring
  double ellipse_angle_rad = 0.0;   // of the long axis, from kx towards ky
  std::int64_t hot_pixels = 0;
  std::int64_t dead_pixels = 0;
  double hot_electrons = 1000.0;  // what a hot pixel shows in every pattern
};

// A time series of scans whose speckles fluctuate (speckle_dynamics.hpp).
struct Dynamics {
  std::int64_t frames = 1;  // 1 = a single scan without dynamics
  double frame_interval_s = 1.0;
  double relaxation_time_s = 10.0;  // at the middle of the scan
  double relaxation_ratio = 1.0;    // of the last column's time over the first one's
  double stretching = 1.0;          // beta
};

struct PhantomModel {
  std::uint64_t seed = 1;
  std::int64_t scan_ny = 64;
  std::int64_t scan_nx = 64;
  double scan_step_nm = 0.25;
  Film film;
  Beam beam;
  Scattering scattering;
  Detector detector;
  Dynamics dynamics;
  std::vector<MroType> types;

  // Probe positions start at (0, 0); x runs along a scan row.
  [[nodiscard]] double width_nm() const { return static_cast<double>(scan_nx - 1) * scan_step_nm; }
  [[nodiscard]] double height_nm() const { return static_cast<double>(scan_ny - 1) * scan_step_nm; }
  // Film thickness at a place; not below zero.
  [[nodiscard]] double thickness_nm(double x_nm, double y_nm) const;
  [[nodiscard]] double transmittance(double x_nm, double y_nm) const;
  // relaxation_time_s * relaxation_ratio^(x / width - 1/2); beyond the scan as at its edge.
  [[nodiscard]] double relaxation_time_s(double x_nm) const;
  // (x, y) of the unscattered beam on the detector, in pixels, at a probe position.
  [[nodiscard]] std::pair<double, double> centre_px(std::int64_t scan_y, std::int64_t scan_x) const;
};

// Standard deviation of a Gaussian of unit full width at half maximum: 1 / (2 sqrt(2 ln 2)).
inline constexpr double sigma_of_fwhm = 0.42466090014400953;

// "name=strong,k=3.9,fold=6,diameter=1.2,spread=0.1,fraction=0.1,order=1" with optional tilt= (rad) and
// orientation=random|beam. Throws input_error naming the field, its value and range. Pure.
[[nodiscard]] MroType parse_type(const std::string& text);

// Refuses what cannot be: a wedge that ends inside the scan, vectors off the detector, fractions that sum to more than
// 0.6, two types of one name. Throws input_error. Pure.
void check_model(const PhantomModel& model);

}  // namespace mesoglass::phantom
