//! Names of performance metrics: one table from the word that people write to the measure.
//!
//! A name may carry one number after `@` (`lift@0.1`, `f@2`, `ndcg@10`, `pinball@0.9`). The same word may mean a
//! different measure for a different task (`accuracy`, `log_loss`), so a name is resolved together with its task.

use serde::{Deserialize, Serialize};

use super::{
    confusion::Rate,
    multiclass::Average,
    probability::Binning,
    task::{Better, Task},
};

/// A performance metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Area under the ROC curve; half of a tie counts.
    Auc,
    /// `2 AUC - 1`.
    Gini,
    /// Area under the precision-recall curve, by steps.
    AveragePrecision,
    /// Largest difference of the score distributions of the two classes.
    Ks,
    /// Precision in the `top` share of rows by score, over the base rate.
    Lift {
        /// Share of the rows, in `(0, 1]`.
        top: f64,
    },
    /// Precision in the `top` share of rows by score.
    PrecisionAtTop {
        /// Share of the rows, in `(0, 1]`.
        top: f64,
    },
    /// Recall in the `top` share of rows by score.
    RecallAtTop {
        /// Share of the rows, in `(0, 1]`.
        top: f64,
    },
    /// Mean negative log likelihood of the probability, in nats.
    LogLoss,
    /// Mean squared difference of probability and truth.
    Brier,
    /// Expected calibration error: mean of |observed - predicted| over bins, weighted by rows.
    CalibrationError {
        /// How many bins.
        bins: usize,
        /// How the bins are cut.
        by: Binning,
    },
    /// Largest |observed - predicted| of a bin.
    MaxCalibrationError {
        /// How many bins.
        bins: usize,
        /// How the bins are cut.
        by: Binning,
    },
    /// Slope of the logistic regression of the truth on the logit of the probability; 1 is right, below 1 overconfident.
    CalibrationSlope,
    /// Intercept of the logistic regression of the truth on the logit of the probability; 0 is right.
    CalibrationIntercept,
    /// Mean probability minus the base rate.
    CalibrationBias,
    /// A rate of the confusion table at the threshold.
    Rate(Rate),
    /// `(1 + β²) TP / ((1 + β²) TP + β² FN + FP)`.
    F {
        /// Weight of recall against precision.
        beta: f64,
    },
    /// Mean of recall and specificity.
    BalancedAccuracy,
    /// Matthews correlation: the correlation of decision and truth.
    Mcc,
    /// Cohen's kappa: agreement beyond chance.
    Kappa,
    /// Share of rows whose class is right.
    ClassAccuracy,
    /// F1 over classes.
    ClassF1(Average),
    /// Precision over classes.
    ClassPrecision(Average),
    /// Recall over classes.
    ClassRecall(Average),
    /// AUC of each class against the rest.
    ClassAucOvr(Average),
    /// Mean AUC of all pairs of classes (Hand & Till 2001).
    ClassAucOvo,
    /// Mean negative log probability of the true class, in nats.
    ClassLogLoss,
    /// Sum of squared differences over classes, mean over rows.
    ClassBrier,
    /// Cohen's kappa of several classes.
    ClassKappa,
    /// Share of rows whose true class is among the `k` most probable.
    TopK {
        /// How many places; 0 stands for all.
        k: usize,
    },
    /// Mean of |y - ŷ|.
    MeanAbsoluteError,
    /// Mean of (y - ŷ)².
    MeanSquaredError,
    /// Square root of the mean of (y - ŷ)².
    RootMeanSquaredError,
    /// Mean of |y - ŷ| / |y|; undefined with a true zero.
    MeanAbsolutePercentageError,
    /// Sum of |y - ŷ| over the sum of |y|.
    WeightedAbsolutePercentageError,
    /// Mean of 2 |y - ŷ| / (|y| + |ŷ|).
    SymmetricPercentageError,
    /// 1 - Σ (y - ŷ)² / Σ (y - ȳ)².
    R2,
    /// 1 - Var(y - ŷ) / Var(y).
    ExplainedVariance,
    /// Median of |y - ŷ|.
    MedianAbsoluteError,
    /// Mean of (ln(1 + y) - ln(1 + ŷ))².
    MeanSquaredLogError,
    /// Square root of the mean squared logarithmic error.
    RootMeanSquaredLogError,
    /// Largest |y - ŷ|.
    MaxError,
    /// Mean of ŷ - y.
    Bias,
    /// Quantile loss of a predicted quantile.
    Pinball {
        /// Which quantile, in `(0, 1)`.
        quantile: f64,
    },
    /// Normalised discounted cumulative gain of the first `k`, mean over queries.
    Ndcg {
        /// How many places; 0 stands for all.
        k: usize,
    },
    /// Average precision of the first `k`, mean over queries.
    MeanAveragePrecision {
        /// How many places; 0 stands for all.
        k: usize,
    },
    /// Mean of 1 / rank of the first relevant row.
    MeanReciprocalRank,
}

/// A line of the catalogue: canonical name, other names, meaning.
#[derive(Debug, Clone, Copy)]
pub struct MetricEntry {
    /// The name that reports use.
    pub name: &'static str,
    /// Other accepted names.
    pub also: &'static [&'static str],
    /// The metric, with default numbers where the name may carry one.
    pub metric: Metric,
    /// What it measures, in one line.
    pub meaning: &'static str,
}

const fn entry(
    name: &'static str,
    also: &'static [&'static str],
    metric: Metric,
    meaning: &'static str,
) -> MetricEntry {
    MetricEntry { name, also, metric, meaning }
}

const BINARY: &[MetricEntry] = &[
    entry("auc", &["roc_auc", "auroc"], Metric::Auc, "probability that a positive scores above a negative, ties half"),
    entry("gini", &[], Metric::Gini, "2 auc - 1"),
    entry(
        "average_precision",
        &["ap", "pr_auc", "aucpr"],
        Metric::AveragePrecision,
        "mean precision over steps of recall",
    ),
    entry("ks", &["ks_statistic"], Metric::Ks, "largest distance between the score distributions of the classes"),
    entry(
        "lift",
        &["lift_at"],
        Metric::Lift { top: 0.1 },
        "positive rate of the top share over that of all (lift@0.1)",
    ),
    entry("top_decile_lift", &[], Metric::Lift { top: 0.1 }, "lift of the top tenth"),
    entry("precision_at", &["precision_at_top"], Metric::PrecisionAtTop { top: 0.1 }, "positive rate of the top share"),
    entry(
        "recall_at",
        &["recall_at_top", "capture"],
        Metric::RecallAtTop { top: 0.1 },
        "share of positives in the top share",
    ),
    entry("log_loss", &["logloss", "cross_entropy"], Metric::LogLoss, "mean negative log likelihood, natural log"),
    entry("brier", &["brier_score"], Metric::Brier, "mean squared distance of probability and truth"),
    entry(
        "ece",
        &["ece_equal_width", "calibration_error"],
        Metric::CalibrationError { bins: 10, by: Binning::Width },
        "mean gap of observed and predicted rate, bins of equal width (ece@10)",
    ),
    entry(
        "ece_mass",
        &["ece_equal_mass"],
        Metric::CalibrationError { bins: 10, by: Binning::Mass },
        "the same over bins of equal mass",
    ),
    entry(
        "mce",
        &["mce_equal_width"],
        Metric::MaxCalibrationError { bins: 10, by: Binning::Width },
        "largest gap of any bin of equal width",
    ),
    entry(
        "mce_mass",
        &["mce_equal_mass"],
        Metric::MaxCalibrationError { bins: 10, by: Binning::Mass },
        "largest gap of any bin of equal mass",
    ),
    entry(
        "calibration_slope",
        &[],
        Metric::CalibrationSlope,
        "slope of the logistic recalibration; below 1 is overconfident",
    ),
    entry("calibration_intercept", &[], Metric::CalibrationIntercept, "intercept of the logistic recalibration"),
    entry(
        "calibration_bias",
        &["calibration_in_the_large"],
        Metric::CalibrationBias,
        "mean probability minus base rate",
    ),
    entry("accuracy", &["acc"], Metric::Rate(Rate::Accuracy), "share of right decisions"),
    entry("balanced_accuracy", &[], Metric::BalancedAccuracy, "mean of recall and specificity"),
    entry(
        "precision",
        &["ppv", "positive_predictive_value"],
        Metric::Rate(Rate::Precision),
        "true among decided positive",
    ),
    entry(
        "npv",
        &["negative_predictive_value"],
        Metric::Rate(Rate::NegativePredictiveValue),
        "false among decided negative",
    ),
    entry(
        "recall",
        &["tpr", "sensitivity", "true_positive_rate"],
        Metric::Rate(Rate::Recall),
        "decided positive among true",
    ),
    entry(
        "specificity",
        &["tnr", "true_negative_rate"],
        Metric::Rate(Rate::Specificity),
        "decided negative among false",
    ),
    entry("fpr", &["false_positive_rate"], Metric::Rate(Rate::FalsePositiveRate), "decided positive among false"),
    entry("fnr", &["false_negative_rate"], Metric::Rate(Rate::FalseNegativeRate), "decided negative among true"),
    entry("selection_rate", &["positive_rate"], Metric::Rate(Rate::SelectionRate), "share decided positive"),
    entry("base_rate", &["prevalence"], Metric::Rate(Rate::BaseRate), "share true"),
    entry("jaccard", &["csi"], Metric::Rate(Rate::Jaccard), "TP / (TP + FP + FN)"),
    entry("f1", &["f1_score"], Metric::F { beta: 1.0 }, "harmonic mean of precision and recall"),
    entry("f", &["fbeta", "f_beta"], Metric::F { beta: 1.0 }, "F-beta (f@2 weighs recall)"),
    entry("f2", &[], Metric::F { beta: 2.0 }, "F-beta with beta 2"),
    entry("mcc", &["matthews"], Metric::Mcc, "Matthews' correlation of decision and truth"),
    entry("kappa", &["cohen_kappa"], Metric::Kappa, "agreement beyond chance"),
];

const MULTICLASS: &[MetricEntry] = &[
    entry("accuracy", &["acc"], Metric::ClassAccuracy, "share of right decisions"),
    entry("f1_macro", &["f1", "macro_f1"], Metric::ClassF1(Average::Macro), "F1, every class the same weight"),
    entry("f1_weighted", &["weighted_f1"], Metric::ClassF1(Average::Weighted), "F1, classes weighted by frequency"),
    entry("f1_micro", &["micro_f1"], Metric::ClassF1(Average::Micro), "F1 over rows (equals accuracy)"),
    entry(
        "precision_macro",
        &["precision"],
        Metric::ClassPrecision(Average::Macro),
        "precision, every class the same weight",
    ),
    entry("precision_weighted", &[], Metric::ClassPrecision(Average::Weighted), "precision, weighted by frequency"),
    entry(
        "recall_macro",
        &["recall", "balanced_accuracy"],
        Metric::ClassRecall(Average::Macro),
        "recall, every class the same weight",
    ),
    entry("recall_weighted", &[], Metric::ClassRecall(Average::Weighted), "recall, weighted by frequency"),
    entry(
        "auc_ovr",
        &["auc", "roc_auc", "roc_auc_ovr", "roc_auc_ovr_macro"],
        Metric::ClassAucOvr(Average::Macro),
        "mean AUC of a class against the rest",
    ),
    entry(
        "auc_ovr_weighted",
        &["roc_auc_ovr_weighted"],
        Metric::ClassAucOvr(Average::Weighted),
        "the same, weighted by frequency",
    ),
    entry("auc_ovo", &["roc_auc_ovo", "roc_auc_ovo_macro"], Metric::ClassAucOvo, "mean AUC over pairs of classes"),
    entry(
        "log_loss",
        &["logloss", "cross_entropy"],
        Metric::ClassLogLoss,
        "mean negative log probability of the true class",
    ),
    entry(
        "brier",
        &["brier_score", "brier_multiclass"],
        Metric::ClassBrier,
        "mean squared distance of probabilities and truth (0 to 2)",
    ),
    entry("kappa", &["cohen_kappa"], Metric::ClassKappa, "agreement beyond chance"),
    entry("top_k", &["top_k_accuracy"], Metric::TopK { k: 2 }, "truth among the k most probable (top_k@3)"),
];

const REGRESSION: &[MetricEntry] = &[
    entry("mae", &["mean_absolute_error"], Metric::MeanAbsoluteError, "mean absolute error"),
    entry("mse", &["mean_squared_error"], Metric::MeanSquaredError, "mean squared error"),
    entry("rmse", &["root_mean_squared_error"], Metric::RootMeanSquaredError, "root of the mean squared error"),
    entry("mape", &["mean_absolute_percentage_error"], Metric::MeanAbsolutePercentageError, "mean of |error / truth|"),
    entry("wape", &["wmape"], Metric::WeightedAbsolutePercentageError, "sum of |error| over sum of |truth|"),
    entry("smape", &[], Metric::SymmetricPercentageError, "mean of 2|error| / (|truth| + |prediction|)"),
    entry("r2", &["r_squared"], Metric::R2, "one minus squared error over variance"),
    entry("explained_variance", &[], Metric::ExplainedVariance, "one minus variance of the error over variance"),
    entry("medae", &["median_absolute_error"], Metric::MedianAbsoluteError, "median absolute error"),
    entry("msle", &["mean_squared_log_error"], Metric::MeanSquaredLogError, "mean squared difference of log(1 + x)"),
    entry("rmsle", &["root_mean_squared_log_error"], Metric::RootMeanSquaredLogError, "root of msle"),
    entry("max_error", &[], Metric::MaxError, "largest absolute error"),
    entry("bias", &["mean_error"], Metric::Bias, "mean of prediction - truth"),
    entry(
        "pinball",
        &["quantile_loss"],
        Metric::Pinball { quantile: 0.5 },
        "loss of a quantile forecast (pinball@0.9)",
    ),
];

const RANKING: &[MetricEntry] = &[
    entry("ndcg", &[], Metric::Ndcg { k: 0 }, "discounted gain over that of the best order (ndcg@10)"),
    entry(
        "map",
        &["mean_average_precision"],
        Metric::MeanAveragePrecision { k: 0 },
        "mean over queries of average precision (map@10)",
    ),
    entry(
        "mrr",
        &["mean_reciprocal_rank"],
        Metric::MeanReciprocalRank,
        "mean of one over the place of the first relevant item",
    ),
];

/// A name that means no metric of the task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no {task:?} metric; did you mean `{nearest}`? all: {all}")]
pub struct UnknownMetric {
    /// The name as given.
    pub name: String,
    /// The task it was resolved for.
    pub task: Task,
    /// The nearest name of that task.
    pub nearest: &'static str,
    /// All canonical names, comma separated.
    pub all: String,
}

impl Metric {
    /// All metrics of a task, in the order of reports.
    pub fn catalogue(task: Task) -> &'static [MetricEntry] {
        match task {
            Task::Binary => BINARY,
            Task::Multiclass => MULTICLASS,
            Task::Regression => REGRESSION,
            Task::Ranking => RANKING,
        }
    }

    /// The metric that `name` (`auc`, `lift@0.05`, `f@2`) means for `task`.
    pub fn named(name: &str, task: Task) -> Result<Metric, UnknownMetric> {
        let unknown = || UnknownMetric {
            name: name.to_owned(),
            task,
            nearest: nearest(name, task),
            all: Metric::catalogue(task).iter().map(|entry| entry.name).collect::<Vec<_>>().join(", "),
        };
        let (word, number) = match name.split_once('@') {
            Some((word, number)) => (word, Some(number.trim().parse::<f64>().map_err(|_| unknown())?)),
            None => (name, None),
        };
        let word = word.trim();
        let found = Metric::catalogue(task).iter().find(|entry| entry.name == word || entry.also.contains(&word));
        match (found, number) {
            (Some(entry), None) => Ok(entry.metric),
            (Some(entry), Some(number)) => entry.metric.with_number(number).ok_or_else(unknown),
            (None, _) => Err(unknown()),
        }
    }

    fn with_number(self, number: f64) -> Option<Metric> {
        let whole = (number >= 1.0 && number.fract() == 0.0 && number < 1e6).then_some(number as usize);
        // `lift@10` means the top 10 %: shares above 1 are read as percent.
        let share = match number {
            n if n > 0.0 && n <= 1.0 => Some(n),
            n if n > 1.0 && n <= 100.0 => Some(n / 100.0),
            _ => None,
        };
        match self {
            Metric::Lift { .. } => share.map(|top| Metric::Lift { top }),
            Metric::PrecisionAtTop { .. } => share.map(|top| Metric::PrecisionAtTop { top }),
            Metric::RecallAtTop { .. } => share.map(|top| Metric::RecallAtTop { top }),
            Metric::CalibrationError { by, .. } => whole.map(|bins| Metric::CalibrationError { bins, by }),
            Metric::MaxCalibrationError { by, .. } => whole.map(|bins| Metric::MaxCalibrationError { bins, by }),
            Metric::F { .. } => (number > 0.0 && number.is_finite()).then_some(Metric::F { beta: number }),
            Metric::TopK { .. } => whole.map(|k| Metric::TopK { k }),
            Metric::Pinball { .. } => (0.0..=1.0).contains(&number).then_some(Metric::Pinball { quantile: number }),
            Metric::Ndcg { .. } => whole.map(|k| Metric::Ndcg { k }),
            Metric::MeanAveragePrecision { .. } => whole.map(|k| Metric::MeanAveragePrecision { k }),
            _ => None,
        }
    }

    /// In which direction the metric improves.
    pub fn better(self) -> Better {
        match self {
            Metric::LogLoss
            | Metric::Brier
            | Metric::CalibrationError { .. }
            | Metric::MaxCalibrationError { .. }
            | Metric::Rate(Rate::FalsePositiveRate | Rate::FalseNegativeRate)
            | Metric::ClassLogLoss
            | Metric::ClassBrier
            | Metric::MeanAbsoluteError
            | Metric::MeanSquaredError
            | Metric::RootMeanSquaredError
            | Metric::MeanAbsolutePercentageError
            | Metric::WeightedAbsolutePercentageError
            | Metric::SymmetricPercentageError
            | Metric::MedianAbsoluteError
            | Metric::MeanSquaredLogError
            | Metric::RootMeanSquaredLogError
            | Metric::MaxError
            | Metric::Pinball { .. } => Better::Smaller,
            Metric::Bias | Metric::CalibrationBias | Metric::CalibrationIntercept => Better::CloserTo(0),
            Metric::CalibrationSlope => Better::CloserTo(1),
            Metric::Rate(Rate::SelectionRate | Rate::BaseRate) => Better::Neither,
            _ => Better::Larger,
        }
    }

    /// Whether larger is better; `None` where neither direction is.
    pub fn larger_is_better(self) -> Option<bool> {
        match self.better() {
            Better::Larger => Some(true),
            Better::Smaller => Some(false),
            Better::CloserTo(_) | Better::Neither => None,
        }
    }
}

/// By edits and swaps of neighbours; `name` is cut at 64 letters so that the work stays bounded.
fn nearest(name: &str, task: Task) -> &'static str {
    let start: String = name.chars().take(64).collect();
    let names = Metric::catalogue(task).iter().flat_map(|entry| entry.also.iter().chain([&entry.name]).copied());
    names.min_by_key(|known| strsim::osa_distance(&start, known)).unwrap_or("")
}
