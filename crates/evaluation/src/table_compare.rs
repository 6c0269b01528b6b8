//! Whole tables at rest: what one looks like, and how two of them differ.
//!
//! Invariants: columns are read one at a time, a few beside each other, so memory holds a few columns and never a table; against
//! a stored profile not even that, because rows are counted batch by batch. The answer does not depend on how many
//! columns were compared side by side.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use kilter_domain::table::ColumnType;
use kilter_lake::{LakeError, TableColumns, Values};
use kilter_stats::{
    Unmeasured,
    compare::{ColumnDrift, CurrentColumn, RowCounts, SchemaChange, TableDrift},
    drift::Sample,
    profile::{ColumnCounts, ColumnProfile, ColumnSample, ColumnValues, Stored, TableProfile, TextCounts},
};

/// Columns compared side by side: each needs eight bytes a row of each table, and their pages.
const MAX_THREADS: usize = 4;

/// What a table is compared with.
pub enum Reference<'a> {
    /// Another table: every distance is exact.
    Table(&'a TableColumns),
    /// A stored profile.
    Profile(&'a TableProfile),
}

/// Why rows cannot be counted like a profile.
#[derive(Debug, thiserror::Error)]
pub enum LikeError {
    /// The rows cannot be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A column of the profile is missing, or holds something else.
    #[error("these rows cannot be counted like the profile")]
    Unlike(#[from] Unmeasured),
}

/// Describes the columns of a table that stand in `names`.
///
/// # Errors
/// What the files answer when the columns are read.
pub fn profile(table: &TableColumns, names: &[String]) -> Result<TableProfile, LakeError> {
    let columns = side_by_side(names.len(), |at| {
        let (stored, values) = whole(table, &names[at])?;
        Ok::<_, LakeError>(ColumnProfile::of(&names[at], stored, values))
    })?;
    Ok(TableProfile::new(table.rows(), columns))
}

/// Describes a table with the bins and values of a profile, so that [`TableProfile::merge`] adds the two up.
///
/// # Errors
/// A column of the profile that the table lacks or stores otherwise, and what the files answer.
pub fn profile_like(reference: &TableProfile, table: &TableColumns) -> Result<TableProfile, LikeError> {
    let columns = side_by_side(reference.columns.len(), |at| {
        let column = &reference.columns[at];
        let (stored, values) = whole(table, &column.name)?;
        Ok::<_, LikeError>(column.like(stored, values)?)
    })?;
    Ok(TableProfile::new(table.rows(), columns))
}

/// Compares the columns of a table that `is_chosen` picks with a reference.
///
/// # Errors
/// What the files answer when the columns are read.
pub fn compare(
    reference: &Reference,
    current: &TableColumns,
    is_chosen: impl Fn(&str) -> bool,
) -> Result<TableDrift, LakeError> {
    let (old_rows, old_names) = match reference {
        Reference::Table(table) => (table.rows(), table.columns().iter().map(|(name, _)| name.clone()).collect()),
        Reference::Profile(profile) => {
            (profile.rows, profile.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>())
        }
    };
    let is_new = |name: &str| !old_names.iter().any(|old| old == name);
    let is_current = |name: &str| current.columns().iter().any(|(known, _)| known == name);
    let chosen: Vec<&String> = old_names.iter().filter(|name| is_chosen(name)).collect();
    let shared: Vec<&String> = chosen.iter().copied().filter(|name| is_current(name)).collect();
    let compared = side_by_side(shared.len(), |at| match reference {
        Reference::Table(table) => exactly(table, current, shared[at]),
        Reference::Profile(profile) => by_profile(profile, current, shared[at]),
    })?;
    let removed = chosen.into_iter().filter(|name| !is_current(name));
    let mut schema: Vec<_> = removed.map(|name| SchemaChange::Removed { column: name.clone() }).collect();
    let added = current.columns().iter().map(|(name, _)| name).filter(|name| is_chosen(name) && is_new(name));
    schema.extend(added.map(|name| SchemaChange::Added { column: name.clone() }));
    let (changes, columns): (Vec<_>, Vec<_>) = compared.into_iter().unzip();
    schema.extend(changes.into_iter().flatten());
    Ok(TableDrift::new((old_rows, current.rows()), schema, columns))
}

type Compared = (Option<SchemaChange>, ColumnDrift);

/// Both columns in memory, sorted.
fn exactly(reference: &TableColumns, current: &TableColumns, name: &str) -> Result<Compared, LakeError> {
    let (old_stored, old_values) = whole(reference, name)?;
    let (profile, old_sample) = ColumnProfile::with_sample(name, old_stored, old_values);
    let (stored, values) = whole(current, name)?;
    let numbers = |sample: ColumnSample| {
        let frozen = profile.reference.as_ref().filter(|_| old_stored != Stored::Text);
        let counts = frozen.map(|frozen| frozen.count_sample(stored, &sample));
        let side = RowCounts { rows: sample.rows(), missing: sample.missing(), infinite: sample.infinite() };
        (side, counts, Some(sample))
    };
    let (side, counts, sample) = match values {
        ColumnValues::Numbers(values) => numbers(ColumnSample::Numbers(Sample::taking(values))),
        ColumnValues::Wholes(values) => numbers(ColumnSample::Wholes(values.into_sample())),
        ColumnValues::Texts(texts) => {
            let frozen = profile.reference.as_ref().filter(|_| old_stored == Stored::Text);
            let counts = frozen.and_then(|frozen| frozen.count_texts(&texts));
            (RowCounts { rows: texts.rows(), missing: texts.missing(), infinite: 0 }, counts, None)
        }
    };
    let exact = old_sample.as_ref().zip(sample.as_ref());
    let drift = ColumnDrift::of(&profile, &CurrentColumn { stored, side, counts, exact });
    Ok((retyped(&profile, stored, side), drift))
}

/// The current column, a batch at a time.
fn by_profile(reference: &TableProfile, current: &TableColumns, name: &str) -> Result<Compared, LakeError> {
    let profile = reference.column(name).cloned().unwrap_or_else(|| ColumnProfile::of(name, Stored::Text, none()));
    let stored = stored_as(current, name);
    let frozen = profile.reference.as_ref().filter(|_| (stored == Stored::Text) == (profile.stored == Stored::Text));
    let mut side = RowCounts { rows: 0, missing: 0, infinite: 0 };
    let mut counts: Option<ColumnCounts> = None;
    let mut texts = TextCounts::default();
    let mut add = |more: ColumnCounts| match &mut counts {
        // Counts of one reference always add up.
        Some(counts) => counts.merge(&more).unwrap_or_default(),
        None => counts = Some(more),
    };
    current.read(name, |batch| match batch {
        Values::Numbers(values) => {
            side.add(RowCounts::of_numbers(values));
            frozen.map(|frozen| frozen.count_numbers(stored, values)).into_iter().for_each(&mut add);
        }
        Values::Wholes(values) => {
            side.add(RowCounts::of_wholes(values));
            frozen.map(|frozen| frozen.count_wholes(values)).into_iter().for_each(&mut add);
        }
        Values::Texts { counts, missing } => {
            counts.iter().for_each(|(text, rows)| texts.add(text, *rows));
            texts.add_missing(missing);
        }
    })?;
    if stored == Stored::Text {
        side = RowCounts { rows: texts.rows(), missing: texts.missing(), infinite: 0 };
        counts = frozen.and_then(|frozen| frozen.count_texts(&texts));
    }
    let drift = ColumnDrift::of(&profile, &CurrentColumn { stored, side, counts, exact: None });
    Ok((retyped(&profile, stored, side), drift))
}

/// A column without a value has no type that could have changed.
fn retyped(profile: &ColumnProfile, stored: Stored, side: RowCounts) -> Option<SchemaChange> {
    let has_values = profile.rows > profile.missing && side.rows > side.missing;
    SchemaChange::of_type(&profile.name, profile.stored, stored).filter(|_| has_values)
}

/// A whole column.
fn whole(table: &TableColumns, name: &str) -> Result<(Stored, ColumnValues), LakeError> {
    let stored = stored_as(table, name);
    let rows = usize::try_from(table.rows()).unwrap_or_default().min(1 << 28);
    let mut values = match stored {
        Stored::Text => ColumnValues::Texts(TextCounts::default()),
        _ => ColumnValues::Numbers(Vec::with_capacity(rows)),
    };
    table.read(name, |batch| match (batch, &mut values) {
        (Values::Numbers(more), values) => values.add_numbers(more),
        (Values::Wholes(more), values) => values.add_wholes(more),
        (Values::Texts { counts, missing }, ColumnValues::Texts(texts)) => {
            counts.iter().for_each(|(text, rows)| texts.add(text, *rows));
            texts.add_missing(missing);
        }
        (Values::Texts { .. }, _) => {}
    })?;
    Ok((stored, values))
}

fn none() -> ColumnValues {
    ColumnValues::Texts(TextCounts::default())
}

fn stored_as(table: &TableColumns, name: &str) -> Stored {
    let found = table.columns().iter().find(|(known, _)| known == name).map(|(_, column)| *column);
    match found.unwrap_or(ColumnType::Text) {
        ColumnType::Float => Stored::Float,
        ColumnType::Int => Stored::Int,
        ColumnType::Bool => Stored::Bool,
        ColumnType::Text => Stored::Text,
        ColumnType::Time => Stored::Time,
    }
}

/// Does `work` for every number below `count`, a few at a time; the answers come in the numbers' order, and of the
/// errors that of the lowest number.
fn side_by_side<T: Send, E: Send>(count: usize, work: impl Fn(usize) -> Result<T, E> + Sync) -> Result<Vec<T>, E> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS).min(count);
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Result<T, E>>>> = Mutex::new((0..count).map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    let answer = work(at);
                    // A poisoned lock means that another column's thread panicked, which ends the scope anyway.
                    if let Ok(mut done) = done.lock() {
                        done[at] = Some(answer);
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_default().into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kilter_lake::{ReadOptions, write_table};
    use kilter_stats::compare::Level;

    fn table(folder: &std::path::Path, name: &str, text: &str) -> TableColumns {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        // Through Parquet, so that both ways of reading are taken.
        let read = kilter_lake::read_table(&path, &ReadOptions::default()).unwrap();
        let parquet = path.with_extension("parquet");
        write_table(&parquet, &read).unwrap();
        TableColumns::open(&parquet, &ReadOptions::default()).unwrap()
    }

    fn rows(rows: usize, shift: usize, city: &str) -> String {
        let mut text = "id,x,city,flag\n".to_owned();
        for row in 0..rows {
            let x = (row * 7919 % 1000 + shift) as f64 / 10.0;
            let city = ["Rome", "Oslo", city][row % 3];
            text += &format!("{row},{x},{city},{}\n", row % 2 == 0);
        }
        text
    }

    #[test]
    fn a_stored_profile_gives_the_distances_of_the_tables() {
        let folder = tempfile::tempdir().unwrap();
        let old = table(folder.path(), "old.csv", &rows(3000, 0, "Bern"));
        let new = table(folder.path(), "new.csv", &rows(1200, 120, "Kyiv"));
        let names: Vec<String> = old.columns().iter().map(|(name, _)| name.clone()).collect();
        let profile = profile(&old, &names).unwrap();
        let exact = compare(&Reference::Table(&old), &new, |_| true).unwrap();
        let stored = compare(&Reference::Profile(&profile), &new, |_| true).unwrap();
        let levels = |drift: &TableDrift| drift.columns.iter().map(|c| (c.name.clone(), c.level)).collect::<Vec<_>>();
        assert_eq!(levels(&exact), levels(&stored));
        assert_eq!(levels(&exact)[0].1, Level::Alert);
        for (a, b) in exact.columns.iter().zip(&stored.columns) {
            for (a, b) in a.distances.iter().zip(&b.distances) {
                assert!((a.value - b.value).abs() < 0.004, "{a:?} {b:?}");
            }
            assert_eq!(a.unseen, b.unseen);
        }
    }

    #[test]
    fn schema_changes_are_told_and_a_column_without_a_value_is_no_other_type() {
        let folder = tempfile::tempdir().unwrap();
        let old = table(folder.path(), "old.csv", "a,b,c,gone\n1,x,2,1\n3,y,4,1\n");
        let new = table(folder.path(), "new.csv", "a,b,c,fresh\none,,2.5,1\ntwo,,4,1\n");
        let drift = compare(&Reference::Table(&old), &new, |_| true).unwrap();
        let changes: Vec<_> = drift.schema.iter().map(SchemaChange::column).collect();
        assert_eq!(changes, ["gone", "fresh", "a"]);
        assert_eq!(compare(&Reference::Table(&old), &new, |name| name == "c").unwrap().schema, []);
    }

    #[test]
    fn the_lowest_error_is_told_however_many_threads_there_are() {
        let answer = side_by_side(64, |at| if at % 10 == 7 { Err(at) } else { Ok(at) });
        assert_eq!(answer, Err(7));
        assert_eq!(side_by_side(5, Ok::<_, ()>), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(side_by_side(0, Ok::<_, ()>), Ok(Vec::new()));
    }
}
