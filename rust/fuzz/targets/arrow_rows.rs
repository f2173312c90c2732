//! Record batches of any schema, read by a mapping; however blocks are cut, the rows are the same.
#![no_main]

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use octomed_fuzz::{batches, findings, mapping};
use octomed_trace::ArrowCutter;

fuzz_target!(|input: &[u8]| {
    let mut bytes = Unstructured::new(input);
    let Ok(columns) = bytes.arbitrary::<u8>() else {
        return;
    };
    let Ok(batch) = batches::batch(&mut bytes) else {
        return;
    };
    let mapping = mapping(columns);
    let cut = |target| {
        let mut cutter = ArrowCutter::new(mapping, 5, target);
        let mut blocks = cutter.feed(batch.clone())?;
        blocks.extend(cutter.finish()?);
        Ok::<_, octomed_trace::TraceError>(findings(&blocks, mapping))
    };
    assert_eq!(cut(u64::MAX), cut(1));
});
