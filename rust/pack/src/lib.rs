//! Lengths to packs: buckets and best fit.
