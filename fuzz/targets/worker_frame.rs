//! Frames of worker processes of Python: what says that a worker is ready, and answers for a regression and a model of classes.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/runtimes/src/python/frame.rs"]
#[expect(dead_code, reason = "what is written to a worker is not fuzzed")]
mod frame;

use frame::Asked;

fuzz_target!(|data: &[u8]| {
    let _ = frame::read_ready(&mut &data[..]);
    for classes in [0, 3] {
        let _ = frame::read_answer(&mut &data[..], Asked { number: 7, rows: 2, classes });
    }
});
