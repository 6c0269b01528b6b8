//! How far a column of a window is from its reference, where a season matters from the like of each row.

use kilter_domain::{table::Column, time::Timestamp};
use kilter_stats::{
    Outcome, Unmeasured,
    drift::{Measure, Strata},
};

use super::reference::{ColumnReference, rows_by_stratum};

/// A distance with what chance alone would show.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Far {
    pub value: f64,
    pub expected: f64,
    /// The value less what chance explains, at least zero.
    pub effect: f64,
    /// Rows with a value.
    pub rows: u64,
}

/// The distance of a column from its reference.
///
/// # Errors
/// When the column is of another type than the reference, or has too few values.
pub fn far(reference: &ColumnReference, column: &Column, measure: Measure) -> Outcome<Far> {
    let window = reference.count(column).ok_or_else(|| Unmeasured::bad_input("column", "it changed its type"))?;
    let distance = reference.distance(&window, measure)?;
    let (value, expected, effect, rows) = (distance.value, distance.expected, distance.effect, distance.current_rows);
    Ok(Far { value, expected, effect, rows })
}

/// The distance from the like of each row: that of each stratum, weighted by its rows of the window. Strata with too few
/// rows are passed over. What chance explains is taken off the sum, not off each part, which would leave its noise.
///
/// # Errors
/// When no stratum could be compared, for the reason of the first.
pub fn by_season(
    strata: &Strata,
    parts: &[ColumnReference],
    (column, events): (&Column, &[Timestamp]),
    measure: Measure,
) -> Outcome<Far> {
    let (mut sum, mut failed) = (Far::default(), Unmeasured::too_few("rows", 0, 1));
    for (stratum, rows) in rows_by_stratum(strata, events) {
        let Some(reference) = parts.get(stratum) else { continue };
        match far(reference, &column.take(&rows), measure) {
            Ok(part) => {
                let weight = part.rows as f64;
                sum.value += weight * part.value;
                sum.expected += weight * part.expected;
                sum.rows += part.rows;
            }
            Err(reason) if sum.rows == 0 => failed = reason,
            Err(_) => {}
        }
    }
    if sum.rows == 0 {
        return Err(failed);
    }
    let rows = sum.rows as f64;
    let (value, expected) = (sum.value / rows, sum.expected / rows);
    Ok(Far { value, expected, effect: (value - expected).max(0.0), rows: sum.rows })
}

#[cfg(test)]
mod tests {
    use kilter_domain::table::Table;
    use kilter_stats::drift::Cycle;

    use super::*;
    use crate::measure::reference::Reference;

    /// Days from 2001 on, with a temperature that follows the year and a number that does not.
    fn days(from: i64, days: i64, warmer: f64) -> (Table, Vec<Timestamp>) {
        let events: Vec<Timestamp> = (from..from + days).map(|day| Timestamp((11_323 + day) * 86_400_000)).collect();
        let mut state = 5_u64 + from as u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1_u64 << 24) as f64 - 0.5
        };
        let wave = |day: i64| -10.0 * (std::f64::consts::TAU * day as f64 / 365.25).cos();
        let temperature = (from..from + days).map(|day| wave(day) + 4.0 * noise() + warmer).collect();
        let load = (0..days).map(|_| noise()).collect();
        let table =
            Table::new(vec![("temperature".into(), Column::Float(temperature)), ("load".into(), Column::Float(load))]);
        (table.unwrap(), events)
    }

    #[test]
    fn a_summer_is_compared_with_summers_and_a_hot_one_is_still_told() {
        let (table, events) = days(0, 5 * 365, 0.0);
        let scores = vec![0.5; events.len()];
        let reference = Reference::of(&table, |_| true).with_season(&table, &events, (&events, &scores));
        let season = reference.season.as_ref().unwrap();
        let (strata, parts) = season.of("temperature").unwrap();
        assert_eq!((strata.cycle(), strata.count(), season.of("load").is_none()), (Cycle::Year, 12, true));
        let of = |warmer: f64| {
            let (july, events) = days(5 * 365 + 181, 31, warmer);
            let column = july.column("temperature").unwrap();
            let pooled = far(&reference.columns["temperature"], column, Measure::Psi).unwrap();
            (pooled.effect, by_season(strata, parts, (column, &events), Measure::Psi).unwrap().effect)
        };
        let (pooled, seasonal) = of(0.0);
        assert!(pooled > 1.0 && seasonal < 0.1, "{pooled} {seasonal}");
        assert!(of(4.0).1 > 0.5, "{:?}", of(4.0));
    }
    #[test]
    fn a_spring_is_compared_with_the_only_one_and_an_autumn_with_the_whole() {
        let (table, events) = days(0, 243, 0.0);
        let scores = vec![0.5; events.len()];
        let reference = Reference::of(&table, |_| true).with_season(&table, &events, (&events, &scores));
        let (strata, parts) = reference.season.as_ref().unwrap().of("temperature").unwrap();
        let of = |from: i64| {
            let (window, events) = days(from, 30, 0.0);
            let column = window.column("temperature").unwrap();
            let effect = by_season(strata, parts, (column, &events), Measure::Psi).unwrap().effect;
            let pooled = far(&reference.columns["temperature"], column, Measure::Psi).unwrap().effect;
            (effect, pooled, reference.months.first_seen(&events))
        };
        let (spring, pooled, known) = of(365 + 59);
        assert!(spring < pooled / 2.0 && pooled > 0.8 && known.is_none(), "{spring} {pooled}");
        let (autumn, pooled, unknown) = of(304);
        assert!(
            (autumn - pooled).abs() < pooled / 2.0 && unknown.as_deref() == Some("November"),
            "{autumn} {pooled} {unknown:?}"
        );
    }
}
