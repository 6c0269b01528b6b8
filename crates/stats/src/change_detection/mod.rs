//! Classical online change detectors, one value at a time: ADWIN, Page-Hinkley, DDM, EDDM, HDDM-A, HDDM-W.
//!
//! Invariants: constant or logarithmic memory, deterministic, defaults and answers of river (checked by the oracles);
//! after a detection a detector starts anew with the next value. Out of scope: any bound on false alarms over time; where
//! that matters use `sequential`.

mod adwin;
mod errors;
mod hoeffding;
mod page_hinkley;
mod running_mean;

pub use self::page_hinkley::{Direction, PageHinkley};
pub use adwin::Adwin;
pub use errors::{Ddm, Eddm};
pub use hoeffding::{HddmA, HddmW};
