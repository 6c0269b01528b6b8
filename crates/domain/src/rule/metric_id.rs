//! What a measured value is a value of: the left side of a rule, or one of the readings that every endpoint has.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{RuleError, ast::Quantity};

/// The identity of a metric. It reads back from its text.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricId {
    /// The rows of a window.
    Rows,
    /// Requests that failed by the version's fault.
    Errors,
    /// The evidence that something changed.
    DriftEvidence,
    /// The share of the rows of a window that a judgement of performance had labels for.
    LabelCoverage,
    /// The share of the rows of a window that have a label once labels are due.
    LabelArrival,
    /// By how much the metric differs from that before the last promotion.
    PromotionChange,
    /// What a rule measures: `auc`, `psi(income)`.
    Quantity(Quantity),
}

impl MetricId {
    const NAMED: [Self; 6] =
        [Self::Rows, Self::Errors, Self::DriftEvidence, Self::LabelCoverage, Self::LabelArrival, Self::PromotionChange];

    /// The metric of a plain name: `auc`.
    pub fn named(name: &str) -> Self {
        Quantity::Metric { name: name.to_owned(), slice: None }.into()
    }

    /// The word of a reading that every endpoint has.
    const fn word(&self) -> Option<&'static str> {
        Some(match self {
            Self::Rows => "rows",
            Self::Errors => "errors",
            Self::DriftEvidence => "evidence",
            Self::LabelCoverage => "labelled",
            Self::LabelArrival => "labels",
            Self::PromotionChange => "change_since_promotion",
            Self::Quantity(_) => return None,
        })
    }
}

impl From<Quantity> for MetricId {
    fn from(quantity: Quantity) -> Self {
        let named = match &quantity {
            Quantity::Metric { name, slice: None } => {
                Self::NAMED.into_iter().find(|metric| metric.word() == Some(name.as_str()))
            }
            _ => None,
        };
        named.unwrap_or(Self::Quantity(quantity))
    }
}

impl fmt::Display for MetricId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantity(quantity) => quantity.fmt(out),
            named => out.write_str(named.word().unwrap_or_default()),
        }
    }
}

impl FromStr for MetricId {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        Ok(Quantity::from_str(text)?.into())
    }
}

impl Serialize for MetricId {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MetricId {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_reads_back_from_its_text() {
        let texts = [
            "auc",
            "psi(income)",
            "psi(*)",
            "auc.slice(region)",
            "ratio(selected, gender)",
            "mean(x | kind == a)",
            "lift@0.05",
            "estimated(auc)",
            "rows",
            "evidence",
            "labelled",
            "labels",
            "errors",
            "change_since_promotion",
        ];
        for text in texts {
            assert_eq!(text.parse::<MetricId>().unwrap().to_string(), text);
        }
        assert_eq!("rows".parse(), Ok(MetricId::Rows));
        assert!("auc >= 0.8".parse::<MetricId>().is_err(), "a rule is no metric");
    }
}
