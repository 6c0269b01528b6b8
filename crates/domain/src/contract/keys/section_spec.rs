//! How a section of the contract and its keys are described.

/// A table of the file.
#[derive(Debug)]
pub struct SectionSpec {
    /// `data.*`: `*` stands for a name that the user chooses.
    pub path: &'static str,
    /// What it is for, in one line.
    pub meaning: &'static str,
    /// Its keys, in the order of the documentation.
    pub keys: &'static [Key],
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// As it is written in the file.
    pub name: &'static str,
    /// What its value may be.
    pub kind: KeyKind,
    /// What holds when it is not there, in words.
    pub default: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// A value as it stands in the file.
    pub example: &'static str,
}

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyKind {
    /// One text.
    Text,
    /// A list of texts.
    Texts,
    /// A path inside of the project.
    Path,
    /// `true` or `false`.
    Bool,
    /// A whole number from the first to the second.
    Count(u64, u64),
    /// A number above the first, at most the second.
    Number(f64, f64),
    /// A share from 0 to 1, or a percentage as text.
    Share,
    /// A length of time.
    Span,
    /// A length of time, or `forever`.
    Retention,
    /// Rules.
    Rules,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A table of its own, named by its path.
    Section(&'static str),
    /// A text, or a number or truth value that is taken as one.
    Word,
    /// A list of texts, numbers or truth values.
    Words,
    /// Names that the user chooses, with a text each.
    Map,
    /// A list of references, or names with a reference each.
    Inputs,
    /// Parameter names with a search range or a list of choices each.
    Search,
    /// Anything.
    Any,
    /// Percentages from 1 to 100, growing.
    Percents,
    /// Triggers.
    Triggers,
    /// A date, a year, or a share of the rows.
    When,
}

/// One key.
pub(super) const fn key(
    name: &'static str,
    kind: KeyKind,
    default: &'static str,
    meaning: &'static str,
    example: &'static str,
) -> Key {
    Key { name, kind, default, meaning, example }
}

/// One section.
pub(super) const fn section(path: &'static str, meaning: &'static str, keys: &'static [Key]) -> SectionSpec {
    SectionSpec { path, meaning, keys }
}
