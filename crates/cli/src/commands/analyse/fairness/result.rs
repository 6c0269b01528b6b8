//! What `kilter fairness` found, as its document tells it.

use std::path::PathBuf;

use kilter_domain::table::Table;
use kilter_evaluation::fairness::{Decided, Grouped, Partition};
use kilter_stats::{
    MetricResult, Unmeasured,
    fairness::{Gap, Groups, MINIMUM, RATES, calibration_by_group, equalized_odds},
    performance::{Confusion, Rate},
};
use serde::Serialize;

use crate::ui::estimate::EstimateValue;

/// Confidence of every interval.
pub(super) const LEVEL: f64 = 0.95;
/// The share of the reference group's selection rate that no group may fall below.
pub(super) const FOUR_FIFTHS: f64 = 0.8;

/// How the selection rate of a group compares with four fifths of the reference group's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Impact {
    /// Too few rows, or no reference.
    InsufficientData,
    Fine,
    /// Below four fifths, and its interval reaches them.
    Warn,
    /// Its whole interval lies below.
    Alert,
}

/// The rows with their decisions, and where they come from.
pub(super) struct Source {
    pub(super) model: Option<PathBuf>,
    pub(super) data: PathBuf,
    pub(super) target: String,
    pub(super) table: Table,
    pub(super) decided: Decided,
    /// From which score on an answer counts as positive; `None` where the table holds decisions.
    pub(super) threshold: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct FairnessResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    pub data: PathBuf,
    pub target: String,
    /// The class that counts as positive.
    pub positive: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    pub rows: usize,
    /// Rows with a label and an answer, which alone are judged.
    pub decided: usize,
    /// Labels that name no class, which are left out: how many, and the words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_labels: Option<String>,
    /// Rows below which a number is not judged.
    pub least_rows: u64,
    pub level: f64,
    pub overall: GroupMetrics,
    pub attributes: Vec<Attribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<PathBuf>,
}

/// One column, or a combination of them.
#[derive(Serialize)]
pub(super) struct Attribute {
    pub columns: Vec<String>,
    /// Decided rows without a value.
    pub without: usize,
    /// The group that others are compared with; absent while none can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Whether it was named (`--privileged`), not found.
    pub reference_is_named: bool,
    /// The worst impact.
    pub impact: Impact,
    /// The largest first.
    pub groups: Vec<Group>,
    pub measures: Vec<Measure>,
    /// Groups with rows, and fewer than are judged.
    pub too_few: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Group {
    pub group: String,
    #[serde(flatten)]
    pub counted: GroupMetrics,
    pub impact: Impact,
    pub is_reference: bool,
    /// Against the reference group; absent for itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<Measure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// The table of truth and decision, and its rates.
#[derive(Serialize)]
pub(super) struct GroupMetrics {
    pub rows: u64,
    pub true_positive: u64,
    pub false_positive: u64,
    pub false_negative: u64,
    pub true_negative: u64,
    pub rates: Vec<NamedRate>,
}

#[derive(Serialize)]
pub(super) struct NamedRate {
    pub rate: &'static str,
    /// Rows of its denominator.
    pub rows: u64,
    #[serde(flatten)]
    pub measured: EstimateValue,
}

/// A difference or ratio of groups.
#[derive(Serialize)]
pub(super) struct Measure {
    pub measure: &'static str,
    #[serde(flatten)]
    pub measured: EstimateValue,
    /// The groups of the largest and the smallest rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lowest: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Calibration {
    /// The mean score.
    pub predicted: f64,
    pub observed: EstimateValue,
    /// Mean of truth minus score: above zero the score is too low for this group.
    pub gap: EstimateValue,
    /// Expected calibration error over ten bins.
    pub error: f64,
}

impl FairnessResult {
    pub fn of(source: &Source, threshold: Option<f64>, html: Option<PathBuf>) -> Self {
        let decided = &source.decided;
        let none = vec![0; decided.rows.len()];
        let all = Groups::of(&none, 1, &decided.truth, &decided.decision, decided.weight.as_deref());
        Self {
            model: source.model.clone(),
            data: source.data.clone(),
            target: source.target.clone(),
            positive: decided.positive.clone(),
            threshold,
            rows: source.table.rows(),
            decided: decided.rows.len(),
            unknown_labels: decided.labels.note(),
            least_rows: MINIMUM,
            level: LEVEL,
            overall: GroupMetrics::of(&all.map(|all| all.overall()).unwrap_or_default()),
            attributes: Vec::new(),
            html,
        }
    }

    pub fn worst(&self) -> Impact {
        self.attributes.iter().map(|attribute| attribute.impact).max().unwrap_or(Impact::InsufficientData)
    }
}

impl Attribute {
    pub fn of(partition: &Partition, rows: &Grouped, privileged: Option<usize>) -> Self {
        let names = &partition.names;
        let mut attribute = Self {
            columns: partition.columns.clone(),
            without: rows.without,
            reference: None,
            reference_is_named: privileged.is_some(),
            impact: Impact::InsufficientData,
            groups: Vec::new(),
            measures: Vec::new(),
            too_few: Vec::new(),
        };
        let counted = match rows.counted() {
            Ok(counted) => counted,
            Err(why) => {
                attribute.measures = vec![Measure::named("selection_rate_difference", &Err(why))];
                return attribute;
            }
        };
        let selection = counted.gap(Rate::SelectionRate, LEVEL, MINIMUM);
        let reference = privileged.or_else(|| selection.as_ref().ok().map(|gap| gap.highest));
        attribute.reference = reference.map(|group| names[group].clone());
        attribute.groups = groups(names, &counted, reference);
        attribute.calibrate(names, rows);
        attribute.impact = attribute.groups.iter().map(|group| group.impact).max().unwrap_or(Impact::InsufficientData);
        let few = |group: &&Group| group.counted.rows > 0 && group.counted.rows < MINIMUM;
        attribute.too_few = attribute.groups.iter().filter(few).map(|group| group.group.clone()).collect();
        attribute.measures.splice(0..0, measures(names, &counted, selection));
        attribute
    }

    fn calibrate(&mut self, names: &[String], rows: &Grouped) {
        let Some(score) = &rows.score else { return };
        let measured = calibration_by_group(
            &rows.group,
            rows.groups,
            &rows.truth,
            score,
            rows.weight.as_deref(),
            (LEVEL, MINIMUM),
        );
        let measured = match measured {
            Ok(measured) => measured,
            Err(why) => return self.measures.push(Measure::named("calibration_gap_difference", &Err(why))),
        };
        for found in measured.groups {
            self.groups[found.group].calibration = Some(Calibration {
                predicted: found.predicted,
                observed: EstimateValue::from(&found.observed),
                gap: EstimateValue::from(&found.gap),
                error: found.error,
            });
        }
        let apart = measured.apart.ok_or_else(|| {
            Unmeasured::undefined("the difference", format!("fewer than two groups have {MINIMUM} rows"))
        });
        self.measures.push(match apart {
            Ok((high, low, apart)) => Measure {
                measure: "calibration_gap_difference",
                measured: EstimateValue::from(&apart),
                highest: Some(names[high].clone()),
                lowest: Some(names[low].clone()),
            },
            Err(why) => Measure::named("calibration_gap_difference", &Err(why)),
        });
    }
}

fn groups(names: &[String], counted: &Groups, reference: Option<usize>) -> Vec<Group> {
    let one = |(at, name): (usize, &String)| {
        let other = reference.filter(|reference| *reference != at);
        let ratio = other.map(|reference| counted.disparate_impact(at, reference, LEVEL, MINIMUM));
        Group {
            group: name.clone(),
            counted: GroupMetrics::judged(counted, at),
            impact: ratio.as_ref().map_or(Impact::InsufficientData, impact),
            is_reference: reference == Some(at),
            against: other.map(|reference| against(counted, at, reference)).unwrap_or_default(),
            calibration: None,
        }
    };
    let mut groups: Vec<Group> = names.iter().enumerate().map(one).collect();
    // The reference is as it should be once anything could be held against it.
    if groups.iter().any(|group| group.impact != Impact::InsufficientData) {
        groups.iter_mut().filter(|group| group.is_reference).for_each(|group| group.impact = Impact::Fine);
    }
    groups
}

fn impact(ratio: &MetricResult) -> Impact {
    match ratio {
        Err(_) => Impact::InsufficientData,
        Ok(ratio) if ratio.value >= FOUR_FIFTHS => Impact::Fine,
        Ok(ratio) if ratio.high >= FOUR_FIFTHS => Impact::Warn,
        Ok(_) => Impact::Alert,
    }
}

/// A group beside the reference group.
fn against(counted: &Groups, group: usize, reference: usize) -> Vec<Measure> {
    let difference = |rate: Rate| counted.difference_to(group, reference, rate, LEVEL, MINIMUM);
    vec![
        Measure::named("disparate_impact", &counted.disparate_impact(group, reference, LEVEL, MINIMUM)),
        Measure::named("statistical_parity_difference", &difference(Rate::SelectionRate)),
        Measure::named("equal_opportunity_difference", &difference(Rate::Recall)),
        Measure::named("false_positive_rate_difference", &difference(Rate::FalsePositiveRate)),
        Measure::named("average_odds_difference", &counted.average_odds_difference(group, reference, LEVEL, MINIMUM)),
        Measure::named("predictive_parity_difference", &difference(Rate::Precision)),
        Measure::named("accuracy_difference", &difference(Rate::Accuracy)),
    ]
}

/// The largest differences and the smallest ratios over all groups.
fn measures(names: &[String], counted: &Groups, selection: MetricResult<Gap>) -> Vec<Measure> {
    let gap = |rate: Rate| counted.gap(rate, LEVEL, MINIMUM);
    let (recall, false_alarms) = (gap(Rate::Recall), gap(Rate::FalsePositiveRate));
    let odds = match (&recall, &false_alarms) {
        (Ok(recall), Ok(false_alarms)) => Ok(equalized_odds(recall, false_alarms)),
        (Err(why), _) | (_, Err(why)) => Err(why.clone()),
    };
    let no_ratio = || Unmeasured::undefined("the ratio", "the rates are zero in every group");
    let ratio = |gap: &MetricResult<Gap>| gap.clone().and_then(|gap| gap.ratio.ok_or_else(no_ratio));
    let odds_ratio = odds.clone().and_then(|(_, ratio)| ratio.ok_or_else(no_ratio));
    vec![
        Measure::between(names, "demographic_parity_difference", &selection),
        Measure::between(names, "demographic_parity_ratio", &selection).valued(&ratio(&selection)),
        Measure::named("equalized_odds_difference", &odds.map(|odds| odds.0)),
        Measure::named("equalized_odds_ratio", &odds_ratio),
        Measure::between(names, "equal_opportunity_difference", &recall),
        Measure::between(names, "equal_opportunity_ratio", &recall).valued(&ratio(&recall)),
        Measure::between(names, "false_positive_rate_difference", &false_alarms),
        Measure::between(names, "predictive_parity_difference", &gap(Rate::Precision)),
        Measure::between(names, "accuracy_difference", &gap(Rate::Accuracy)),
    ]
}

impl Measure {
    fn named(measure: &'static str, outcome: &MetricResult) -> Self {
        Self { measure, measured: EstimateValue::of(outcome), highest: None, lowest: None }
    }

    fn between(names: &[String], measure: &'static str, gap: &MetricResult<Gap>) -> Self {
        // Where every rate is the same, none is the highest.
        let apart = gap.as_ref().ok().filter(|gap| gap.highest != gap.lowest);
        let name = |of: fn(&Gap) -> usize| apart.map(|gap| names[of(gap)].clone());
        Self {
            measure,
            measured: EstimateValue::of(&gap.as_ref().map(|gap| gap.difference).map_err(Clone::clone)),
            highest: name(|gap| gap.highest),
            lowest: name(|gap| gap.lowest),
        }
    }

    fn valued(self, outcome: &MetricResult) -> Self {
        Self { measured: EstimateValue::of(outcome), ..self }
    }
}

impl GroupMetrics {
    fn of(table: &Confusion) -> Self {
        Self::with(table, |rate| table.rate(rate, LEVEL))
    }

    /// A group's, where rates on few rows are not reported.
    fn judged(groups: &Groups, group: usize) -> Self {
        let table = groups.table(group).copied().unwrap_or_default();
        Self::with(&table, |rate| groups.rate(group, rate, LEVEL, MINIMUM))
    }

    fn with(table: &Confusion, outcome: impl Fn(Rate) -> MetricResult) -> Self {
        let rate = |rate: Rate| NamedRate {
            rate: rate.name(),
            rows: table.proportion(rate).rows,
            measured: EstimateValue::of(&outcome(rate)),
        };
        Self {
            rows: table.rows(),
            true_positive: table.true_positive.rows,
            false_positive: table.false_positive.rows,
            false_negative: table.false_negative.rows,
            true_negative: table.true_negative.rows,
            rates: RATES.into_iter().map(rate).collect(),
        }
    }

    pub fn rate(&self, rate: Rate) -> Option<&EstimateValue> {
        self.rates.iter().find(|found| found.rate == rate.name()).map(|found| &found.measured)
    }
}
