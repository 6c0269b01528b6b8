//! Two tables whose rows have times, compared as a monitor compares a window with the reference of a version.
//!
//! Invariants: the reference is made and read by the code that packages a version and reads a window, so that the
//! reading of a monitor comes out again from its rows.

use kilter_domain::{table::Table, time::Timestamp};
use kilter_stats::{
    Unmeasured,
    compare::{EVIDENCE, Level, MIN_ROWS, benjamini_hochberg},
    drift::Measure,
    sequential::{Basis, WindowReference},
};

use super::{
    column_view::{ColumnView, ReferenceTimes},
    drift::DriftDistance,
    reference::Reference,
};

/// A column of two tables.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedDrift {
    /// The name of the column.
    pub name: String,
    /// Headline first; empty where nothing could be measured.
    pub distances: Vec<DriftDistance>,
    /// Why there is no distance; `None` if there is one.
    pub unmeasured: Option<Unmeasured>,
    /// P that blocks of the window lie so far off without a change: one over their e-value.
    pub p: f64,
    /// The same after correction for the number of columns.
    pub p_adjusted: f64,
    /// How much it matters, by the headline distance and the corrected evidence.
    pub level: Level,
}

/// Compares the rows of a table with those of a reference, at their times. Columns that `picks` does not name, and those
/// that cannot be compared, are left out.
pub fn compare(
    reference: (&Table, ReferenceTimes),
    current: (&Table, &[Timestamp]),
    picks: impl Fn(&str) -> bool,
) -> Vec<TimedDrift> {
    let (known, (table, events)) =
        (Reference::of(reference.0, picks).with_times(reference.0, reference.1, &[]), current);
    let columns = known.columns.keys().filter(|name| table.get(name).is_some());
    let mut all: Vec<TimedDrift> = columns.map(|name| column(&known, name, table, events)).collect();
    let adjusted = benjamini_hochberg(&all.iter().map(|column| column.p).collect::<Vec<_>>());
    for (column, p) in all.iter_mut().zip(adjusted) {
        column.p_adjusted = p;
        column.level = level_of(column);
    }
    all.sort_by(|a, b| b.level.cmp(&a.level).then(a.p.total_cmp(&b.p)).then(a.name.cmp(&b.name)));
    all
}

fn column(reference: &Reference, name: &str, table: &Table, events: &[Timestamp]) -> TimedDrift {
    let mut drift = TimedDrift {
        name: name.to_owned(),
        distances: vec![],
        unmeasured: None,
        p: 1.0,
        p_adjusted: 1.0,
        level: Level::TooFew,
    };
    let (Some(values), Some(view), Some(known)) = (table.get(name), reference.view(name), reference.columns.get(name))
    else {
        return drift;
    };
    let measures: &[Measure] = match known.headline() {
        Measure::W1OverSd => &Measure::NUMERIC,
        _ => &Measure::CATEGORICAL,
    };
    for measure in measures {
        match reference.distance(name, values, events, *measure) {
            Ok(distance) => drift.distances.push(distance),
            Err(reason) => drop(drift.unmeasured.get_or_insert(reason)),
        }
    }
    if let Some(codes) = known.codes(values) {
        drift.p = p_of(&view, &codes, events);
    }
    drift
}

/// One over the e-value of all blocks together (Markov's inequality).
fn p_of(view: &ColumnView, codes: &[u32], events: &[Timestamp]) -> f64 {
    let Ok(windows) = WindowReference::of(view.law, &view.tallies, &view.directions) else { return 1.0 };
    let mut evidence = windows.begin();
    windows.update(&mut evidence, &view.blocks(codes, events), 1.0);
    (1.0 / evidence.latest_e_value()).min(1.0)
}

fn level_of(column: &TimedDrift) -> Level {
    let Some(headline) = column.distances.first() else { return Level::TooFew };
    if headline.distance.current_rows < MIN_ROWS || headline.basis == Basis::TooFew {
        return Level::TooFew;
    }
    // A sentinel among the values hides a shift from W1 and not from KS.
    let judged =
        column.distances.iter().enumerate().filter(|(at, found)| *at == 0 || found.distance.measure == Measure::Ks);
    let level = judged.map(|(_, found)| Level::of_effect(found.distance.measure, found.distance.effect)).max();
    match column.p_adjusted <= EVIDENCE {
        true => level.unwrap_or(Level::Calm),
        false => Level::Calm,
    }
}
