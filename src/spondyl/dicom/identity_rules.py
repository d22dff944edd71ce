"""Which attributes may stay in a de-identified object: everything not named here goes.

After the Basic Application Level Confidentiality Profile (PS3.15 table E.1-1, edition 2026c), turned
round: the table lists what must go, and new attributes are added to it with every edition; here text,
dates, names and private attributes go unless they are listed, so that what nobody thought of goes as well.
"""

from typing import Final

__all__ = [
    "CODING_SCHEMES",
    "DUMMY",
    "EMPTY",
    "EMPTY_IN_REPORTS",
    "GONE",
    "GONE_GROUPS",
    "IDENTIFYING_VRS",
    "KEPT_BULK",
    "KEPT_TEXT",
    "KEPT_UIDS",
    "OUR_TEXT",
]

IDENTIFYING_VRS: Final = frozenset({"AE", "AS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
"""Value representations whose values go unless their attribute is listed below."""

KEPT_TEXT: Final = frozenset(
    (
        *("CodeValue", "LongCodeValue", "URNCodeValue", "CodeMeaning"),
        *("CodingSchemeDesignator", "CodingSchemeVersion", "CodingSchemeRegistry"),
        *("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "ConvolutionKernel", "FilterType"),
        *("RescaleType", "PositionReferenceIndicator", "StackID", "DimensionDescriptionLabel"),
    )
)
"""Technical words of scanners and code systems."""

KEPT_UIDS: Final = frozenset({"CodingSchemeUID", "ContextUID", "MappingResourceUID"})
"""UIDs that name a vocabulary; so do those of classes (``...SOPClassUID``)."""

OUR_TEXT: Final = frozenset(
    (
        *("SegmentLabel", "SegmentDescription", "SegmentAlgorithmName", "TrackingID"),
        *("AlgorithmName", "AlgorithmVersion", "AlgorithmSource", "CodingSchemeName"),
        *("ContentDescription", "SeriesDescription", "ContributionDescription", "TextValue"),
        *("ROIName", "ROIGenerationDescription", "StructureSetLabel"),
    )
)
"""Words in the objects Spondyl writes: it chose them, and no patient is in them."""

EMPTY: Final = frozenset(
    (
        *("AccessionNumber", "StudyID", "ReferringPhysicianName", "OperatorsName", "ContentCreatorName"),
        *("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StructureSetDate", "StructureSetTime"),
        *("ContrastBolusAgent", "ROIName", "ROIInterpreter", "AcquisitionContextSequence"),
        *("ReferencedPerformedProcedureStepSequence", "VerifyingObserverIdentificationCodeSequence"),
    )
)
"""Attributes that must be there but may be empty (type 2)."""

EMPTY_IN_REPORTS: Final = frozenset({"ReferencedPerformedProcedureStepSequence"})
"""Those of :data:`EMPTY` for which this holds in structured reports alone; elsewhere none is better."""

DUMMY: Final = frozenset(
    (
        *("DeviceSerialNumber", "StructureSetLabel", "SegmentLabel", "SegmentAlgorithmName", "TrackingID"),
        *("AlgorithmName", "AlgorithmVersion", "TextValue", "PersonName", "VerifyingObserverName"),
        *("VerifyingOrganization", "VerificationDateTime", "ContentDate", "ContentTime", "Date", "Time"),
        *("DateTime", "FrameAcquisitionDateTime", "FrameReferenceDateTime", "AcquisitionDateTime"),
    )
)
"""Attributes that must have a value (type 1); they get one that says nothing."""

GONE_GROUPS: Final = frozenset({0x0010, 0x0012, 0x0032, 0x0034, 0x0038, 0x0400, 0x4008, 0xFFFA, 0xFFFC})
"""Groups about patient, trials, requests, visits, readings and signatures: gone but for :data:`EMPTY`."""

GONE: Final = frozenset(
    (
        *("InstanceOriginStatus", "ModifyingDeviceID", "LensSpecification"),
        *("AuthorObserverSequence", "ParticipantSequence", "CustodialOrganizationSequence"),
        *("ContentCreatorIdentificationCodeSequence", "ConsultingPhysicianIdentificationSequence"),
        *("PhysiciansOfRecordIdentificationSequence", "PhysiciansReadingStudyIdentificationSequence"),
        *("PerformingPhysicianIdentificationSequence", "ReferringPhysicianIdentificationSequence"),
        *("OperatorIdentificationSequence", "PersonIdentificationCodeSequence", "ROICreatorSequence"),
        *("ROIInterpreterSequence", "ActualHumanPerformersSequence", "ScheduledHumanPerformersSequence"),
        *("ScheduledPerformingPhysicianIdentificationSequence", "VerbalSourceIdentifierCodeSequenceTrial"),
        *("InstitutionCodeSequence", "InstitutionalDepartmentTypeCodeSequence", "IconImageSequence"),
        *("AdmittingDiagnosesCodeSequence", "ReasonForRequestedProcedureCodeSequence"),
        *("PerformedStationNameCodeSequence", "PerformedStationGeographicLocationCodeSequence"),
        *("ScheduledStationNameCodeSequence", "ScheduledStationGeographicLocationCodeSequence"),
        *("ReferencedPatientSequence", "ReferencedPatientAliasSequence", "ReferencedStudySequence"),
        *("RequestAttributesSequence", "ReferencedRequestSequence", "TransducerIdentificationSequence"),
        *("UDISequence", "GraphicAnnotationSequence", "WaveformAnnotationSequence"),
        *("SpecimenPreparationSequence", "SpecimenDescriptionSequence", "PrescriptionNotesSequence"),
        *("IssuerOfTheContainerIdentifierSequence", "IssuerOfTheSpecimenIdentifierSequence"),
        *("IssuerOfAccessionNumberSequence", "ContextGroupVersion", "ContextGroupLocalVersion"),
        *("TemplateVersion", "TemplateLocalVersion", "ReasonForTheAttributeModification"),
    )
)
"""Attributes of other value representations that identify, or may."""

KEPT_BULK: Final = frozenset(
    (
        *("PixelData", "FloatPixelData", "DoubleFloatPixelData", "ExtendedOffsetTable"),
        *("ExtendedOffsetTableLengths", "LUTData", "ICCProfile"),
        *(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    )
)
"""Binary attributes that stay, untouched."""

CODING_SCHEMES: Final = frozenset(
    (
        *("DCM", "SCT", "SRT", "SNM3", "UCUM", "LN", "NCIt", "FMA", "RADLEX", "UMLS", "MDC", "NEU"),
        *("UBERON", "RFC3066", "RFC5646", "ISO639_1", "ISO639_2", "ISO3166_1", "99SPONDYL"),
    )
)
"""Public vocabularies; a code of any other is a word of somebody's own and goes."""
