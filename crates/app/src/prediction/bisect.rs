//! Which rows are at fault when many are refused together.
//!
//! Invariants: each unfit row costs some asks and no other row its answer; never more than two asks for each row.

/// Asks for all rows at once, and for halves of what is refused while `is_of_a_row`: the parts that stay refused, in their
/// order. Such a part is one row, or rows that no single one of them is at fault for (a column is missing).
pub(crate) fn by_halves<'r, E>(
    rows: &'r [usize],
    mut ask: impl FnMut(&'r [usize]) -> Result<(), E>,
    is_of_a_row: impl Fn(&E) -> bool,
) -> Vec<(&'r [usize], E)> {
    let (mut parts, mut refused) = (vec![rows], Vec::new());
    while let Some(part) = parts.pop() {
        match ask(part) {
            Ok(()) => {}
            Err(error) if part.len() > 1 && is_of_a_row(&error) => {
                let (earlier, later) = part.split_at(part.len() / 2);
                parts.extend([later, earlier]);
            }
            Err(error) => refused.push((part, error)),
        }
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for 1000 rows of which `unfit` are refused: the asks, the rows that were answered, the parts that were not.
    fn asked(unfit: &[usize], is_of_a_row: bool) -> (usize, Vec<usize>, Vec<Vec<usize>>) {
        let rows: Vec<usize> = (0..1000).collect();
        let (mut asks, mut answered) = (0, Vec::new());
        let ask = |part: &[usize]| {
            asks += 1;
            match part.iter().any(|row| unfit.contains(row)) {
                true => Err(()),
                false => {
                    answered.extend_from_slice(part);
                    Ok(())
                }
            }
        };
        let refused = by_halves(&rows, ask, |()| is_of_a_row).into_iter().map(|(part, ())| part.to_vec()).collect();
        (asks, answered, refused)
    }

    #[test]
    fn unfit_rows_cost_only_their_own_answers() {
        let (asks, answered, refused) = asked(&[700, 20, 21], true);
        assert!(asks < 60, "{asks} asks for three rows of a thousand");
        assert!(answered.is_sorted() && answered.len() == 997);
        assert_eq!(refused, [[20], [21], [700]]);
    }

    #[test]
    fn where_every_row_is_refused_each_is_asked_twice_at_most() {
        let (asks, answered, refused) = asked(&(0..1000).collect::<Vec<_>>(), true);
        assert_eq!((asks, answered.len(), refused.len()), (1999, 0, 1000));
    }

    #[test]
    fn what_no_row_is_at_fault_for_is_asked_once() {
        let (asks, answered, refused) = asked(&[999], false);
        assert_eq!((asks, answered.len(), refused.len(), refused[0].len()), (1, 0, 1, 1000));
    }
}
