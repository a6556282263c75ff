"""The hallucination checks, one file each; the engine and `mlrbench check` use the names exported here."""

from .audit import audit, audit_trial
from .case import Case, Check, Outcome
from .subject import Subject, subject_of_folder, subject_of_trial

__all__ = ["Case", "Check", "Outcome", "Subject", "audit", "audit_trial", "subject_of_folder", "subject_of_trial"]
