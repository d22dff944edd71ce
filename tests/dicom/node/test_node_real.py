"""The whole way with the model that ships: killed in the middle, and still each result once in Orthanc."""

import pytest
from node_fakes import NAME, PATIENT, slices_of
from node_pacs import kill, read_back, send, states, wait_until

from spondyl.dicom.node.study import State
from spondyl.phantom import PhantomOptions, make_phantom


@pytest.mark.slow
def test_killed_while_the_model_works(orthanc, peer, launch):
    options = PhantomOptions(levels=("T12", "L3"), spacing_mm=(1.5, 1.5, 3), field_of_view_mm=(105, 120, 200))
    phantom = make_phantom(3, options)
    slices = slices_of(phantom.image)
    study = slices[0].StudyInstanceUID
    settings = {"send_to": peer, "results": ("seg", "sr", "rtstruct")}
    config, program = launch("real", **settings)
    send(config.port, slices)
    half = config.store / "studies" / "1" / "results" / "1-seg.dcm"
    wait_until(half.exists, "the segmentation is written, the report not yet", timeout_s=240)
    kill(program)
    assert states(config) == [State.PROCESSING]
    assert half.exists()
    assert all(orthanc.instances(study, kind) == [] for kind in ("SEG", "SR", "RTSTRUCT"))
    launch("real", **settings)
    wait_until(lambda: states(config) in ([State.DONE], [State.DEAD]), "done", timeout_s=240)
    seg, report, contours = (read_back(orthanc, study, kind) for kind in ("SEG", "SR", "RTSTRUCT"))
    named = {segment.SegmentLabel for segment in seg.SegmentSequence}
    assert len(named & set(phantom.spine.names)) >= 3
    assert named <= {roi.ROIName for roi in contours.StructureSetROISequence}
    assert all(name in str(report) for name in named)
    assert (seg.PatientName, report.PatientID) == (NAME, PATIENT)
