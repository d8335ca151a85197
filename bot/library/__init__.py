"""The policy library: documents, their clauses, and the search for the clause that answers."""

from bot.library.catalogue import Filters
from bot.library.document import GONE, Clause, Document, Passage, Status
from bot.library.library import EVIDENCE_FLOOR, FileReport, Hit, Library, Result, policy_files

__all__ = [
    "EVIDENCE_FLOOR",
    "GONE",
    "Clause",
    "Document",
    "FileReport",
    "Filters",
    "Hit",
    "Library",
    "Passage",
    "Result",
    "Status",
    "policy_files",
]
