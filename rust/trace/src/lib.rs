//! Source rows to traces: records, row formats, readers.
