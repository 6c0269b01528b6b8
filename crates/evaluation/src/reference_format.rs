//! A reference as bytes: one header that names the parts, then each part in the profile format of `stats`.
//!
//! Invariants: about 2.5 kB a column, and 3 to 6 kB more where its rows have times; what is read back was checked, part by part; an earlier version of the format is
//! read for ever. Out of scope: raw rows.

use std::collections::BTreeMap;

use kilter_stats::{
    drift::{CategoricalReference, FormatError, NumericReference, SeasonalStrata, Tally},
    performance_estimation::Calibration,
};
use serde::{Deserialize, Serialize};

use super::{
    column_reference::ColumnReference,
    event_time::Months,
    reference::Reference,
    season::{SeasonalColumn, SeasonalColumns},
    variation::ReferenceVariation,
};

/// What every profile begins with; the last letter is the version of the layout.
const MAGIC: &[u8; 8] = b"KILTERP1";
/// Parts that a header may name.
const MAX_PARTS: usize = 1_000_000;

/// Why bytes are no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The bytes are something else, or of a layout that this program does not know.
    #[error("could not read the profile: it does not begin as a profile of this layout does")]
    Foreign,
    /// The bytes end within a part.
    #[error("could not read the profile: it ends too early")]
    Truncated,
    /// The parts do not fit together; with the reason.
    #[error("could not read the profile: {0}")]
    Nonsense(String),
    /// The header is not the JSON that it must be.
    #[error("could not read the header of the profile")]
    Header(#[from] serde_json::Error),
    /// The part of one column does not read as what the header states.
    #[error("could not read the profile of column `{column}`")]
    Part {
        /// The name of the column.
        column: String,
        /// What is wrong with the part.
        #[source]
        source: FormatError,
    },
}

#[derive(Serialize, Deserialize)]
struct Header {
    rows: u64,
    calibration: Option<Calibration>,
    /// As the first profiles had them: by hour of the week alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    strata: Option<SeasonalStrata>,
    #[serde(default)]
    cycles: Vec<SeasonalStrata>,
    /// The place in `cycles` of each column by season; none: the first.
    #[serde(default)]
    cycle_of: BTreeMap<String, usize>,
    #[serde(default, skip_serializing_if = "Months::is_empty")]
    months: Months,
    /// How much windows of the reference differ by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variation: Option<ReferenceVariation>,
    parts: Vec<Part>,
}

#[derive(Serialize, Deserialize)]
struct Part {
    name: String,
    place: Place,
    kind: Kind,
    bytes: usize,
}

/// Where a part belongs.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Column,
    Answer,
    /// A stratum as earlier versions kept it, by bins of its own: it can be compared with no other, and is left out.
    Stratum(usize),
    /// The rows of a stratum, by the bins or categories of the column.
    Slot(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Numeric,
    Categorical,
    Tally,
}

impl Reference {
    /// The reference as bytes.
    ///
    /// # Errors
    /// When there are more columns than the layout can hold, or a column cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ProfileError> {
        let mut body = Vec::new();
        let mut headers = Vec::new();
        let mut add = |name: &str, place, kind, bytes: Vec<u8>| {
            headers.push(Part { name: name.to_owned(), place, kind, bytes: bytes.len() });
            body.extend(bytes);
        };
        let columns = self.columns.iter().map(|(name, column)| (name, Place::Column, column));
        let answers = self.answers.iter().map(|(name, column)| (name, Place::Answer, column));
        for (name, place, column) in columns.chain(answers) {
            match column {
                ColumnReference::Numeric(column) => add(name, place, Kind::Numeric, column.to_bytes()),
                ColumnReference::Categorical(column) => add(name, place, Kind::Categorical, column.to_bytes()),
            }
        }
        let seasonal = || self.season.iter().flat_map(|season| &season.columns);
        for (name, column) in seasonal() {
            for (stratum, tally) in column.parts.iter().enumerate() {
                add(name, Place::Slot(stratum), Kind::Tally, tally.to_bytes());
            }
        }
        let header = Header {
            parts: headers,
            variation: self.variation.clone(),
            rows: self.rows,
            calibration: self.calibration.clone(),
            strata: None,
            cycles: self.season.as_ref().map(|season| season.cycles.clone()).unwrap_or_default(),
            months: self.months,
            cycle_of: seasonal().map(|(name, column)| (name.clone(), column.cycle)).collect(),
        };
        let header = serde_json::to_vec(&header)?;
        let length = u32::try_from(header.len()).map_err(|_| ProfileError::Nonsense("too many columns".into()))?;
        Ok([MAGIC.as_slice(), &length.to_le_bytes(), &header, &body].concat())
    }

    /// Reads a reference back; everything is checked.
    ///
    /// # Errors
    /// When the bytes are something else, end early, or their parts do not fit together.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProfileError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(ProfileError::Foreign)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(ProfileError::Truncated)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (header, mut body) = rest.split_at_checked(length).ok_or(ProfileError::Truncated)?;
        let header: Header = serde_json::from_slice(header)?;
        if header.parts.len() > MAX_PARTS {
            return Err(ProfileError::Nonsense("it names too many parts".into()));
        }
        let mut reference = Reference { rows: header.rows, calibration: header.calibration, ..Reference::default() };
        let mut seasonal: BTreeMap<String, Vec<Tally>> = BTreeMap::new();
        for part in header.parts {
            let (bytes, after) = body.split_at_checked(part.bytes).ok_or(ProfileError::Truncated)?;
            body = after;
            let failed = |source| ProfileError::Part { column: part.name.clone(), source };
            match part.place {
                Place::Column => {
                    let column = part.kind.read(bytes).map_err(failed)?;
                    reference.columns.insert(part.name, column);
                }
                Place::Answer => {
                    let column = part.kind.read(bytes).map_err(failed)?;
                    reference.answers.insert(part.name, column);
                }
                Place::Stratum(_) => drop(part.kind.read(bytes).map_err(failed)?),
                Place::Slot(stratum) => {
                    let tally = Tally::from_bytes(bytes).map_err(failed)?;
                    let slots = seasonal.entry(part.name).or_default();
                    if stratum != slots.len() {
                        return Err(ProfileError::Nonsense("its strata are not in order".into()));
                    }
                    slots.push(tally);
                }
            }
        }
        if !body.is_empty() {
            return Err(ProfileError::Nonsense(format!("{} bytes follow its end", body.len())));
        }
        let cycles = header.strata.into_iter().chain(header.cycles).collect();
        reference.season = season(cycles, &header.cycle_of, seasonal, &reference)?;
        reference.variation = header.variation.filter(|variation| variation.block_ms > 0);
        reference.months = header.months;
        Ok(reference)
    }
}

impl Kind {
    fn read(&self, bytes: &[u8]) -> Result<ColumnReference, FormatError> {
        Ok(match self {
            Self::Numeric => ColumnReference::Numeric(NumericReference::from_bytes(bytes)?),
            Self::Categorical => ColumnReference::Categorical(CategoricalReference::from_bytes(bytes)?),
            Self::Tally => return Err(FormatError::Nonsense("a stratum stands where a column should")),
        })
    }
}

/// Every column by season has rows for every stratum of its season, by its own bins.
fn season(
    cycles: Vec<SeasonalStrata>,
    cycle_of: &BTreeMap<String, usize>,
    columns: BTreeMap<String, Vec<Tally>>,
    reference: &Reference,
) -> Result<Option<SeasonalColumns>, ProfileError> {
    let placed = columns.into_iter().map(|(name, parts)| {
        let cycle = cycle_of.get(&name).copied().unwrap_or(0);
        let column = reference.columns.get(&name).or_else(|| reference.answers.get(&name));
        let width = column.map(|column| column.law().width());
        if parts.iter().any(|part| Some(part.bins.len()) != width) {
            return Err(ProfileError::Nonsense(format!("the strata of `{name}` have other bins than it has")));
        }
        match cycles.get(cycle).map(SeasonalStrata::count) {
            Some(count) if count == parts.len() => Ok((name, SeasonalColumn { cycle, parts })),
            Some(count) => {
                Err(ProfileError::Nonsense(format!("`{name}` has {} strata, and there are {count}", parts.len())))
            }
            None => Err(ProfileError::Nonsense(format!("`{name}` is by a season that is not there"))),
        }
    });
    let columns: BTreeMap<String, SeasonalColumn> = placed.collect::<Result<_, _>>()?;
    Ok((!columns.is_empty()).then_some(SeasonalColumns { cycles, columns }))
}

#[cfg(test)]
mod tests {
    use kilter_domain::{
        table::{Column, Table},
        time::{DAY_MS, HOUR_MS, Timestamp},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::{
        column_view::ReferenceTimes,
        reference::{LOSS, SCORE},
    };

    /// Four weeks by the hour, busy by day.
    fn seasonal() -> Reference {
        let hours = 24 * 28i64;
        let events: Vec<Timestamp> = (0..hours * 10).map(|i| Timestamp((i / 10) * HOUR_MS)).collect();
        let value = |i: i64| (((i / 10) % 24) * 10 + i % 7) as f64;
        let column = Column::Float((0..hours * 10).map(value).collect());
        let place = Column::Text((0..hours * 10).map(|i| Some(["a", "b"][(i % 2) as usize].into())).collect());
        let scores: Vec<f64> = (0..hours * 10).map(|i| value(i) / 300.0).collect();
        let table = Table::new(vec![("calls".into(), column), ("place".into(), place)]).unwrap();
        let times = ReferenceTimes { events: &events, ..ReferenceTimes::default() };
        let answer = |name| (name, Column::Float(scores.clone()), events.clone());
        let answers = [answer(SCORE), answer(LOSS)];
        Reference::of(&table, |_| true).with_score(&scores).with_losses(&scores).with_times(&table, times, &answers)
    }

    #[test]
    fn a_profile_reads_back_as_it_was() {
        let reference = seasonal();
        assert!(reference.season.as_ref().is_some_and(|season| season.columns.contains_key("calls")));
        let bytes = reference.to_bytes().unwrap();
        let back = Reference::from_bytes(&bytes).unwrap();
        assert_eq!(back.columns.keys().collect::<Vec<_>>(), reference.columns.keys().collect::<Vec<_>>());
        assert_eq!(back.to_bytes().unwrap(), bytes);
        assert_eq!((back.rows, back.answers.len()), (reference.rows, 1));
    }

    #[test]
    fn fifty_columns_fit_in_150_kilobytes() {
        let value = |i: usize, k: usize| ((i * 7919 + k * 104_729) % 100_003) as f64 * 1.37;
        let columns = (0..50).map(|k| (format!("c{k}"), Column::Float((0..5_000).map(|i| value(i, k)).collect())));
        let reference = Reference::of(&Table::new(columns.collect()).unwrap(), |_| true);
        let size = reference.to_bytes().unwrap().len();
        assert!(size <= 150_000, "{size}");
    }

    #[test]
    fn a_column_by_month_has_seven_kilobytes_more_at_most() {
        let events: Vec<Timestamp> = (0..4 * 365).map(|day| Timestamp((11_323 + day) * DAY_MS)).collect();
        let wave =
            |day: i64| -10.0 * (std::f64::consts::TAU * day as f64 / 365.25).cos() + (day * 7919 % 101) as f64 * 0.02;
        let column = Column::Float((0..4 * 365).map(wave).collect());
        let table = Table::new((0..20).map(|k| (format!("c{k}"), column.clone())).collect()).unwrap();
        let pooled = Reference::of(&table, |_| true);
        let seasonal = pooled.clone().with_times(&table, ReferenceTimes { events: &events, ..Default::default() }, &[]);
        assert_eq!(seasonal.season.as_ref().unwrap().columns.len(), 20);
        let (pooled, seasonal) = (pooled.to_bytes().unwrap().len(), seasonal.to_bytes().unwrap().len());
        assert!(seasonal < pooled + 20 * 7_000, "{pooled} and {seasonal}: strata and variation of a column");
    }

    #[test]
    fn bytes_that_end_early_or_late_are_refused() {
        let bytes = seasonal().to_bytes().unwrap();
        for end in [0, 7, 9, 40, bytes.len() / 2, bytes.len() - 1] {
            assert!(Reference::from_bytes(&bytes[..end]).is_err(), "{end}");
        }
        assert!(Reference::from_bytes(&[&bytes[..], b"x"].concat()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_profile_panic(place in 0usize..4000, byte in any::<u8>(), noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = Reference::of(
                &Table::new(vec![("x".into(), Column::Int((0..300).map(Some).collect()))]).unwrap(),
                |_| true,
            ).to_bytes().unwrap();
            let at = place % bytes.len();
            bytes[at] = byte;
            let _ = Reference::from_bytes(&bytes);
            let _ = Reference::from_bytes(&[MAGIC.as_slice(), &noise].concat());
        }
    }
}
