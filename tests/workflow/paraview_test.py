"""Fields open in VTK's own reader, which is ParaView's, with the numbers that the result files hold."""

import unittest

import h5py
import numpy
from program_test import ProgramTest

try:
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOHDF import vtkHDFReader
except ImportError:
    vtkHDFReader = None


@unittest.skipIf(vtkHDFReader is None, "VTK's Python modules (python3-vtk9) are not installed")
class ParaView(ProgramTest):
    def fields(self, name):
        """The image that VTK reads, and its arrays (points, components)."""
        reader = vtkHDFReader()
        reader.SetFileName(str(self.folder / name))
        reader.Update()
        image = reader.GetOutput()
        data = image.GetPointData()
        return image, {data.GetArrayName(i): vtk_to_numpy(data.GetArray(i)) for i in range(data.GetNumberOfArrays())}

    def deform(self, *catalog_options):
        self.run_ok("mg-catalog", *catalog_options, "--output", "glass.h5")
        self.run_ok("mg-deform", "glass.h5", "--output", "d.h5", "--final-strain", 0.01, ranks=2)
        image, fields = self.fields("d.000.vtkhdf")
        with h5py.File(self.folder / "d.h5") as file:
            # All but the table of clusters are fields.
            snapshot = {name: node[()] for name, node in file["snapshots/000"].items() if not name.startswith("cluster_")}
        self.assertEqual(set(fields), set(snapshot))
        return image, fields, snapshot

    def test_two_dimensional_snapshot(self):
        image, fields, snapshot = self.deform("--parameter-set", "2d", "--glass", "x05", "--nx", 12, "--ny", 10)
        self.assertEqual(image.GetDimensions(), (12, 10, 2))
        self.assertEqual(image.GetSpacing(), (0.7, 0.7, 1.0))
        for name, values in snapshot.items():
            both_faces = numpy.concatenate([values, values]).reshape(fields[name].shape)
            numpy.testing.assert_array_equal(fields[name], both_faces, err_msg=name)

    def test_three_dimensional_snapshot(self):
        image, fields, snapshot = self.deform("--glass", "x05", "--nx", 6, "--ny", 5, "--nz", 4, "--domain-diameter", 0)
        self.assertEqual(image.GetDimensions(), (6, 5, 4))
        self.assertEqual(image.GetSpacing(), (2.5, 2.5, 2.5))
        self.assertEqual(image.GetOrigin(), (1.25, 1.25, 1.25))
        for name, values in snapshot.items():
            numpy.testing.assert_array_equal(fields[name], values.reshape(fields[name].shape), err_msg=name)

    def test_elastic_fields(self):
        eigenstrain = 0.05 * numpy.random.default_rng(3).normal(size=(4, 6, 8, 6))
        with h5py.File(self.folder / "input.h5", "w") as file:
            file["eigenstrain"] = eigenstrain
            file.create_group("grid").attrs["voxel_size_nm"] = [1.5, 1.2, 0.9]
        self.run_ok("mg-elastic", "input.h5", "--young-modulus", 88.6, "--poisson-ratio", 0.371, "--mean-strain", "xx=0.01",
                    "--output", "e.h5", "--paraview", "e.vtkhdf", ranks=2)
        image, fields = self.fields("e.vtkhdf")
        self.assertEqual(image.GetDimensions(), (8, 6, 4))
        self.assertEqual(image.GetSpacing(), (1.5, 1.2, 0.9))
        with h5py.File(self.folder / "e.h5") as file:
            stress, strain, displacement = (file[name][()].reshape(192, -1) for name in ("stress", "strain", "displacement"))
        self.assertEqual(set(fields), {"stress", "strain", "eigenstrain", "displacement", "von_mises_stress", "young_modulus"})
        for name, values in (("stress", stress), ("strain", strain), ("eigenstrain", eigenstrain.reshape(192, 6))):
            # XX, YY, ZZ, XY, YZ, XZ of xx, yy, zz, yz, xz, xy.
            numpy.testing.assert_array_equal(fields[name], values[:, [0, 1, 2, 5, 3, 4]], err_msg=name)
        numpy.testing.assert_array_equal(fields["displacement"], displacement)
        xx, yy, zz, yz, xz, xy = stress.T
        von_mises = numpy.sqrt(((xx - yy)**2 + (yy - zz)**2 + (zz - xx)**2) / 2 + 3 * (yz**2 + xz**2 + xy**2))
        numpy.testing.assert_allclose(fields["von_mises_stress"], von_mises, rtol=1e-12)
        numpy.testing.assert_array_equal(fields["young_modulus"], numpy.full(192, 88.6))


if __name__ == "__main__":
    unittest.main()
