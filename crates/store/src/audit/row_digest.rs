//! The digest of each column of a row that its entry keeps as evidence.

use kilter_domain::digest::Digest;

use crate::database::ValueRef;

/// The digest of a row, and a short one of each column to name what differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowDigest {
    columns: Vec<Digest>,
}

/// What a digest begins with among the evidence of an entry.
pub(crate) const MARK: &str = "row:";

/// Characters of a column's digest that are kept: they only name it, the whole digest decides.
pub(crate) const SHORT: usize = 4;

impl RowDigest {
    /// Adds the value of a column. A number that is none is stored as no value, and a zero has no sign.
    pub(crate) fn add(&mut self, column: &str, value: ValueRef<'_>) {
        let mut bytes = column.as_bytes().to_vec();
        bytes.push(0);
        match value {
            ValueRef::Null => bytes.push(b'n'),
            ValueRef::Real(number) if number.is_nan() => bytes.push(b'n'),
            ValueRef::Integer(number) => {
                bytes.push(b'i');
                bytes.extend(number.to_le_bytes());
            }
            ValueRef::Real(number) => {
                bytes.push(b'r');
                bytes.extend((number + 0.0).to_le_bytes());
            }
            ValueRef::Text(text) => {
                bytes.push(b't');
                bytes.extend(text.as_bytes());
            }
            ValueRef::Blob(blob) => {
                bytes.push(b'b');
                bytes.extend(blob);
            }
        }
        self.columns.push(Digest::of(&bytes));
    }

    /// As evidence of an entry.
    pub(crate) fn evidence(&self) -> String {
        let short: String = self.columns.iter().map(|column| column.to_string()[..SHORT].to_owned()).collect();
        format!("{MARK}{}:{short}", self.whole())
    }

    fn whole(&self) -> Digest {
        let bytes: Vec<u8> = self.columns.iter().flat_map(|column| *column.raw()).collect();
        Digest::of(&bytes)
    }

    /// Which columns are not as the evidence of an entry says; `None` where the entry says nothing of its row, as those
    /// of earlier programs.
    pub(crate) fn differs(&self, columns: &[&'static str], evidence: &[String]) -> Option<Vec<&'static str>> {
        let marked = evidence.iter().find_map(|item| item.strip_prefix(MARK))?;
        let (whole, short) = marked.split_once(':').unwrap_or((marked, ""));
        if whole == self.whole().to_string() {
            return Some(Vec::new());
        }
        let says = |place: usize| short.get(place * SHORT..(place + 1) * SHORT);
        let named = columns.iter().zip(&self.columns).enumerate();
        let differing = named.filter(|(place, (_, digest))| says(*place) != digest.to_string().get(..SHORT));
        let mut differing: Vec<&'static str> = differing.map(|(_, (column, _))| *column).collect();
        if differing.is_empty() {
            // Short digests may agree by chance; the whole one decides.
            differing = columns.to_vec();
        }
        Some(differing)
    }
}
