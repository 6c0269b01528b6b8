//! Pages of evidence as one file: HTML that needs nothing else.
//!
//! Invariants: no script, no address of anything outside; every text is escaped, so a column may be called what it
//! likes; pictures are SVG with a sentence for those who cannot see them; light and dark follow the reader's system; a
//! page keeps to its size by leaving out pictures and rows from its end, and says how many. The same input gives the same
//! bytes. Out of scope: what the numbers mean, files, clocks.

#![warn(missing_docs)]

mod escape;
mod figure;
mod markdown;
mod number;
mod page;
mod rows;
mod series;
mod state;
mod style;
mod text_width;

pub use figure::{CurvePoint, Figure, ReliabilityPoint};
pub use number::{number, percent, whole};
pub use page::{Cell, MAX_BYTES, Report, ReportPart, Table};
pub use rows::{Bar, Range};
pub use series::{Series, SeriesPoint};
pub use state::Status;
