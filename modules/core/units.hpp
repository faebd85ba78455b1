// The project's units are nm, GPa, eV, K, s and nm^-1; everything is converted once, at the boundary.
#pragma once

namespace mesoglass::units {

// CODATA 2018, exact by definition of the SI.
inline constexpr double boltzmann_ev_per_k = 8.617333262145179e-5;
inline constexpr double elementary_charge_c = 1.602176634e-19;

// 1 GPa nm^3 = 1e9 Pa * 1e-27 m^3 = 1e-18 J.
inline constexpr double ev_per_gpa_nm3 = 1e-18 / elementary_charge_c;  // 6.241509...

inline constexpr double nm_per_m = 1e9;
inline constexpr double nm_per_angstrom = 0.1;
inline constexpr double pi = 3.14159265358979323846;

// Relativistic electron wavelength in nm from the accelerating voltage in V (CODATA 2018 h, m_e, c, e).
[[nodiscard]] double electron_wavelength_nm(double voltage_v);

}  // namespace mesoglass::units
