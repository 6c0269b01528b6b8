//! A document: sections of paragraphs, tables, prose of people, and gaps.

/// Which document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// The model card.
    Card,
    /// The technical documentation of Annex IV of the EU AI Act.
    AnnexIv,
    /// The inventory sheet of SR 26-2.
    Sr262,
}

/// A document about a version.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it is about.
    pub title: String,
    /// YAML in front of it, for tools that read model cards; empty: none.
    pub front_matter: String,
    /// Its sections, in order.
    pub sections: Vec<Section>,
    /// The revision of the card whose parts it has, where people wrote one.
    pub revision: Option<u64>,
}

/// A section.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// What it says.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Rows under headings.
    Table {
        /// The headings.
        headings: Vec<String>,
        /// As many cells a row as there are headings.
        rows: Vec<Vec<String>>,
    },
    /// What no record says, and where it would come from.
    Gap(String),
    /// What people write: the name of the part, and its text; `None`: nobody has yet.
    Human {
        /// The name of the part.
        part: String,
        /// Its text.
        text: Option<String>,
    },
}

impl Document {
    /// What no record says, section by section.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        for section in &self.sections {
            for block in &section.blocks {
                match block {
                    Block::Gap(what) => gaps.push(format!("{}: {what}", section.heading)),
                    Block::Human { part, text: None } => {
                        gaps.push(format!("{}: nobody wrote the part `{part}` of the card", section.heading));
                    }
                    _ => {}
                }
            }
        }
        gaps
    }
}

impl Section {
    pub(super) fn new(heading: &str) -> Self {
        Self { heading: heading.to_owned(), blocks: Vec::new() }
    }

    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Text(text.into()));
        self
    }

    /// What is stated, else a gap that says where it would come from.
    pub(super) fn stated(self, text: Option<String>, else_gap: &str) -> Self {
        match text.filter(|text| !text.trim().is_empty()) {
            Some(text) => self.text(text),
            None => self.gap(else_gap),
        }
    }

    pub(super) fn gap(mut self, what: &str) -> Self {
        self.blocks.push(Block::Gap(what.to_owned()));
        self
    }

    pub(super) fn human(mut self, part: &str, text: Option<&String>) -> Self {
        self.blocks.push(Block::Human { part: part.to_owned(), text: text.cloned() });
        self
    }

    /// A table, else a gap.
    pub(super) fn table(mut self, headings: &[&str], rows: Vec<Vec<String>>, else_gap: &str) -> Self {
        if rows.is_empty() {
            return self.gap(else_gap);
        }
        let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
        self.blocks.push(Block::Table { headings, rows });
        self
    }
}
