// mg-analyze: medium-range order from 4D-STEM scans.
#include "diffraction/analyze_program.hpp"

int main(int argc, char** argv) {
  mesoglass::OptionTable table;
  mesoglass::diffraction::add_analyze_options(table);
  return mesoglass::run_program(argc, argv, mesoglass::diffraction::analyze_information(), std::move(table),
                                mesoglass::diffraction::run_analyze);
}
