//! Rows to MosaicML MDS shards, and back: write, read, verify.
