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
    /// What is to be asked again, the earlier rows last, after `rows` were refused together: both halves where one row is
    /// at fault, nothing where each of them would be refused (a column is missing) or one row is left, which is counted.
    ///
    /// Halves cost some asks for each unfit row, and never more than two for each row.
    pub fn narrow<'r>(&mut self, rows: &'r [usize], ids: &[Arc<str>], refusal: InferError) -> Vec<&'r [usize]> {
        if refusal.row().is_some() && rows.len() > 1 {
            let (earlier, later) = rows.split_at(rows.len() / 2);
            return vec![later, earlier];
        }
        self.rows += rows.len();
        if let (None, Some(&row)) = (&self.first, rows.first()) {
            self.first = Some((ids[row].clone(), refusal.in_row(row).to_string()));
        }
        Vec::new()
    }

    /// What the report says of them; `None` where no row was refused.
    pub fn note(&self) -> Option<String> {
        let (id, because) = self.first.as_ref()?;
        let rows = match self.rows {
            1 => "1 row was refused, as an endpoint refuses it, and has no answer".to_owned(),
            rows => format!("{rows} rows were refused, as an endpoint refuses them, and have no answer; the first"),
        };
        Some(format!("{rows}: row `{id}`: {because}"))
    }
}

#[cfg(test)]
mod tests {
    use kilter_inference::PredictError;
    use kilter_serving::{VersionRef, endpoint::ScoreError};

    use super::*;

    fn refused(because: ScoreError) -> InferError {
        let version = VersionRef { number: 1, digest: kilter_domain::digest::Digest::of(b"model") };
        InferError::Score { version, because }
    }

    /// Asks for 1000 rows of which `unfit` are refused; answers with what was asked, what was answered and the note.
    fn asked(unfit: &[usize], refusal: impl Fn() -> ScoreError) -> (usize, usize, String) {
        let ids: Vec<Arc<str>> = (0..1000).map(|row| Arc::from(format!("r{row}"))).collect();
        let rows: Vec<usize> = (0..1000).collect();
        let (mut refusals, mut asks, mut answered) = (Refusals::default(), 0, 0);
        let mut parts = vec![&rows[..]];
        while let Some(part) = parts.pop() {
            asks += 1;
            match part.iter().any(|row| unfit.contains(row)) {
                true => parts.extend(refusals.narrow(part, &ids, refused(refusal()))),
                false => answered += part.len(),
            }
        }
        assert_eq!(refusals.rows + answered, 1000);
        (asks, answered, refusals.note().unwrap())
    }

    fn infinite() -> ScoreError {
        PredictError::NotFinite { column: "x".into(), row: 0, value: "inf".into() }.into()
    }

    #[test]
    fn unfit_rows_cost_only_their_own_answers() {
        let (asks, answered, note) = asked(&[700, 20, 21], infinite);
        assert_eq!(answered, 997);
        assert!(asks < 60, "{asks} asks for three rows of a thousand");
        assert!(note.starts_with("3 rows were refused"), "{note}");
        assert!(note.contains("row `r20`") && note.contains("is `inf` in row 20;"), "{note}");
    }

    #[test]
    fn where_every_row_is_refused_each_is_asked_twice_at_most() {
        let everything: Vec<usize> = (0..1000).collect();
        let (asks, answered, note) = asked(&everything, infinite);
        assert_eq!((asks, answered), (1999, 0));
        assert!(note.contains("row `r0`"), "{note}");
    }

    #[test]
    fn what_no_row_is_at_fault_for_is_asked_once() {
        let lacking = || ScoreError::MissingInputs { missing: vec!["`x`".into()], known: vec!["`x`".into()] };
        let (asks, answered, note) = asked(&[999], lacking);
        assert_eq!((asks, answered), (1, 0));
        assert!(note.starts_with("1000 rows were refused"), "{note}");
    }
}
