//! `[monitor]`, `[retrain]`, `[replay]`: what is watched, what follows from it, and how the past is played.

use std::fmt;

use crate::{
    alert::MonitorKind,
    ids::{DatasetName, StepName},
    rule::Rule,
    schedule::Cron,
    time::{Span, Timestamp},
};

/// What is watched while a version serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    /// The length of a window. Default 1d.
    pub every: Span,
    /// How labels come: their delay, and the source of them.
    pub labels: Labels,
    /// Rules on requests; empty: the default rules.
    pub data: Vec<Rule>,
    /// Rules on metrics; empty: the default rule on the headline metric.
    pub performance: Vec<Rule>,
    /// Rules on distances; empty: the default rules.
    pub drift: Vec<Rule>,
    /// Rules on differences between groups; empty: none.
    pub bias: Vec<Rule>,
    /// Rules on requests, errors and latency; empty: none.
    pub usage: Vec<Rule>,
    /// Where alerts are sent; empty: nowhere, and `kilter alert list` shows them.
    pub alert: Vec<AlertSink>,
    /// How many windows in a row must breach before an alert fires; 1: the first one does. Default 1.
    pub for_windows: u32,
    /// Windows with fewer rows are not judged. Default 50.
    pub min_rows: u64,
    /// Windows with a smaller share of labels are not judged on performance. 0 to 1, default 0.3.
    pub min_labelled: f64,
    /// What windows are compared with.
    pub reference: Reference,
    /// How many false alarms are accepted.
    pub false_alarm_rate: FalseAlarmRate,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            every: Span::days(1),
            labels: Labels::default(),
            data: Vec::new(),
            performance: Vec::new(),
            drift: Vec::new(),
            bias: Vec::new(),
            usage: Vec::new(),
            alert: Vec::new(),
            for_windows: 1,
            min_rows: 50,
            min_labelled: 0.3,
            reference: Reference::default(),
            false_alarm_rate: FalseAlarmRate::default(),
        }
    }
}

impl Monitor {
    /// The rules of a kind.
    pub fn rules(&self, kind: MonitorKind) -> &[Rule] {
        match kind {
            MonitorKind::Data => &self.data,
            MonitorKind::Performance => &self.performance,
            MonitorKind::Drift => &self.drift,
            MonitorKind::Bias => &self.bias,
            MonitorKind::Usage => &self.usage,
        }
    }
}

/// Where the truth comes from.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Labels {
    /// A query or file, relative to the project; `None`: labels are sent by prediction id.
    pub source: Option<String>,
    /// How long after the prediction they come. Default: `label_delay` of the dataset.
    pub delay: Option<Span>,
}

/// What live data is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reference {
    /// The data that the serving version was trained on.
    #[default]
    Training,
    /// The window before.
    Previous,
    /// The last stretch of time before the window.
    Rolling(Span),
}

/// How many false alarms are acceptable: `1 per 1y`, `1 per 1000 windows`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FalseAlarmRate {
    /// At most `count` in `per`.
    PerSpan {
        /// False alarms, at least 1.
        count: u32,
        /// The span in which they are counted.
        per: Span,
    },
    /// At most `count` in `windows` windows.
    PerWindows {
        /// False alarms, at least 1.
        count: u32,
        /// Windows of the monitor, at least 1.
        windows: u32,
    },
}

impl Default for FalseAlarmRate {
    fn default() -> Self {
        Self::PerWindows { count: 1, windows: 1000 }
    }
}

impl FalseAlarmRate {
    /// The mean number of windows of length `every` between two false alarms; at least 1.
    pub fn windows_between(self, every: Span) -> f64 {
        let (count, windows) = match self {
            Self::PerSpan { count, per } => (count, per.millis() as f64 / every.millis().max(1) as f64),
            Self::PerWindows { count, windows } => (count, f64::from(windows)),
        };
        (windows / f64::from(count.max(1))).max(1.0)
    }
}

/// Who hears of an alert: `mail:crm-ops`, `webhook:pager`, `log:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertSink {
    /// By which channel.
    pub kind: SinkKind,
    /// The address behind the colon; empty for `log`.
    pub target: String,
}

/// The way in which someone hears of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// `mail:`; the server names the address (`--mail NAME=ADDRESS`).
    Mail,
    /// `webhook:`; the server names the address (`--webhook NAME=URL`).
    Webhook,
    /// `log:`; a line in the log of the server.
    Log,
}

/// When a new version is trained without being asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrain {
    /// What starts a training, in this order; the first that holds counts.
    pub when: Vec<Trigger>,
    /// The steps to run; empty: all.
    pub run: Vec<StepName>,
    /// What becomes of a version that passes. Default `candidate`.
    pub on_success: OnSuccess,
    /// How many trainings may start by themselves; `None`: any number.
    pub budget: Option<Budget>,
    /// The least time between two retrainings; `None`: no such limit.
    pub cooldown: Option<Span>,
    /// Train only on the last stretch of labelled data; `None`: on all of it.
    pub window: Option<Span>,
}

/// What starts a retraining.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// `schedule '0 3 1 * *'`.
    Cron(Cron),
    /// `schedule every 30d`.
    Every(Span),
    /// `monitor.drift failing 3d`.
    Failing {
        /// The monitor whose alert counts.
        kind: MonitorKind,
        /// How long the alert must have been firing.
        patience: FireAfter,
    },
    /// `data.customers grew 10%`.
    Grew {
        /// The dataset whose labelled rows are counted.
        data: DatasetName,
        /// Growth since the last training.
        by: GrowthThreshold,
    },
}

/// How long a monitor must have been failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FireAfter {
    /// As soon as its alert fires.
    AtOnce,
    /// `failing 3d`.
    For(Span),
    /// `failing 2 windows`.
    Windows(u32),
}

/// By how much a dataset must have grown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GrowthThreshold {
    /// `10%`: a share of the rows at the last training, as 0.1.
    Share(f64),
    /// `1000 rows`.
    Rows(u64),
}

/// What becomes of a retrained model. It never goes straight to production.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSuccess {
    /// It is submitted: same gates, same approvals.
    #[default]
    Candidate,
    /// It is kept, and a person submits it.
    Draft,
}

/// `10 runs / 30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Trainings, at least 1.
    pub runs: u32,
    /// The span in which they are counted, back from now.
    pub per: Span,
}

impl fmt::Display for Budget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} runs / {}", self.runs, self.per)
    }
}

/// How `kilter replay` plays a dataset as production.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Replay {
    /// `None`: the only dataset with a label.
    pub data: Option<DatasetName>,
    /// When serving begins; `None`: chosen from the data.
    pub start: Option<ReplayStart>,
    /// The length of a reported period; `None`: the monitor's window.
    pub period: Option<Span>,
    /// `None`: to the end of the data.
    pub end: Option<Timestamp>,
    /// Default 0.
    pub seed: u64,
    /// Rows of one request; `None`: chosen by the replay.
    pub batch_rows: Option<u32>,
    /// The headline metric; `None`: chosen by the task.
    pub metric: Option<String>,
}

/// When a replay begins to serve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReplayStart {
    /// From this time on.
    At(Timestamp),
    /// After this share of the rows, between 0 and 1.
    Share(f64),
}
