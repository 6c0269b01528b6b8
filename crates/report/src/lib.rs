//! Pages of evidence as one file: HTML that needs nothing else.
//!
//! Holds true: no script, no address of anything outside; every text is escaped, so a column may be called what it
//! likes; pictures are SVG with a sentence for those who cannot see them; light and dark follow the reader's system; a
//! page keeps to its size by leaving out pictures and rows from its end, and says how many. The same input gives the same
//! bytes. Absent: what the numbers mean, files, clocks.

mod escape;
mod figure;
mod fit;
mod number;
mod page;
mod rows;
mod series;
mod style;

pub use figure::{CurvePoint, Figure, ReliabilityPoint};
pub use number::{number, percent, whole};
pub use page::{Cell, Part, Report, Table};
pub use rows::{Bar, Range};
pub use series::{Series, SeriesPoint};

/// Bytes that a page has at most.
pub const MAX_BYTES: usize = 300_000;

/// The state of a thing: a glyph, a colour, and a word beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The rule holds.
    Ok,
    /// It holds, and not by much.
    Warn,
    /// It is broken.
    Bad,
    /// A person or more data must decide.
    Wait,
    /// Has not happened, or is not judged.
    None,
    /// Not enough data.
    InsufficientData,
}

impl State {
    /// The glyph, which never stands without its word.
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Warn => "▲",
            Self::Bad => "✕",
            Self::Wait => "◆",
            Self::None => "–",
            Self::InsufficientData => "▨",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Wait => "wait",
            Self::None => "none",
            Self::InsufficientData => "thin",
        }
    }
}
