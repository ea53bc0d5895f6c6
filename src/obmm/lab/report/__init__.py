"""The performance report: one data object, shown as a page, in the terminal, or as JSON."""

from obmm.lab.report.data import Reading, ReportData, TargetRow, report_on
from obmm.lab.report.run import RunData

__all__ = ["Reading", "ReportData", "RunData", "TargetRow", "report_on"]
