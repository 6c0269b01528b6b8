//! The state of a thing as a page shows it.

/// The state of a thing: a glyph, a colour, and a word beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
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
    /// Goes on.
    Running,
    /// An earlier step said no; it never ran.
    Blocked,
    /// Not enough data.
    InsufficientData,
}

impl Status {
    /// The glyph, which never stands without its word.
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Warn => "▲",
            Self::Bad => "✕",
            Self::Wait => "◆",
            Self::None => "–",
            Self::Running => "◌",
            Self::Blocked => "⊘",
            Self::InsufficientData => "▨",
        }
    }

    /// The ANSI colour: one of the sixteen that every terminal theme maps itself.
    pub const fn ansi(self) -> &'static str {
        match self {
            Self::Ok => "32",
            Self::Warn => "33",
            Self::Bad => "31",
            Self::Wait => "35",
            Self::Running => "36",
            Self::None | Self::Blocked | Self::InsufficientData => "2",
        }
    }

    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Wait => "wait",
            Self::None | Self::Running | Self::Blocked => "none",
            Self::InsufficientData => "thin",
        }
    }
}
