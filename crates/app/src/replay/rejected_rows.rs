//! Rows that the endpoint refuses: one unfit row costs itself its answer, and no other row.

use std::sync::Arc;

use kilter_serving::InferError;

/// Rows that were refused for their own sake, as a caller's request would be.
#[derive(Debug, Default)]
pub struct Refusals {
    /// How many rows were refused.
    pub rows: usize,
    /// The first of them, and why.
    first: Option<(Arc<str>, String)>,
}

impl Refusals {
    /// Counts rows that were refused together.
    pub fn count(&mut self, rows: &[usize], ids: &[Arc<str>], refusal: InferError) {
        self.rows += rows.len();
        if let (None, Some(&row)) = (&self.first, rows.first()) {
            self.first = Some((ids[row].clone(), refusal.in_row(row).to_string()));
        }
    }

    /// What the report says of them; `None` where no row was refused.
    pub fn note(&self) -> Option<String> {
        let (id, reason) = self.first.as_ref()?;
        let rows = match self.rows {
            1 => "1 row was refused, as an endpoint refuses it, and has no answer".to_owned(),
            rows => format!("{rows} rows were refused, as an endpoint refuses them, and have no answer; the first"),
        };
        Some(format!("{rows}: row `{id}`: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use kilter_inference::PredictError;
    use kilter_serving::{VersionRef, endpoint::ScoreError};

    use super::*;

    fn refused(reason: ScoreError) -> InferError {
        let version = VersionRef { number: 1, digest: kilter_domain::digest::Digest::of(b"model") };
        InferError::Score { version, reason }
    }

    fn noted(parts: &[&[usize]], refusal: impl Fn() -> ScoreError) -> String {
        let ids: Vec<Arc<str>> = (0..1000).map(|row| Arc::from(format!("r{row}"))).collect();
        let mut refusals = Refusals::default();
        parts.iter().for_each(|part| refusals.count(part, &ids, refused(refusal())));
        refusals.note().unwrap()
    }

    fn infinite() -> ScoreError {
        PredictError::NotFinite { column: "x".into(), row: 0, value: "inf".into() }.into()
    }

    #[test]
    fn the_first_row_is_named_with_its_number_in_the_table() {
        let note = noted(&[&[20], &[21], &[700]], infinite);
        assert!(note.starts_with("3 rows were refused"), "{note}");
        assert!(note.contains("row `r20`") && note.contains("is `inf` in row 20;"), "{note}");
    }

    #[test]
    fn what_no_row_is_at_fault_for_counts_all_of_them() {
        let lacking = || ScoreError::MissingInputs { missing: vec!["x".into()], known: vec!["x".into()] };
        let note = noted(&[&(0..1000).collect::<Vec<_>>()], lacking);
        assert!(note.starts_with("1000 rows were refused"), "{note}");
    }
}
