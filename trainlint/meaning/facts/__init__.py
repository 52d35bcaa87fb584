"""What libraries are and do, as data: one file per subject, held against the installed libraries by a test."""
