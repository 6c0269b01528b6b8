//! What a replay says in words, for the terminal and for a page.

use kilter_app::replay::Report;
use kilter_domain::{event::EventKind, plural::counted, rule::rounded, time::Timestamp};

use crate::ui::view::Status;

/// The day of a moment.
pub(crate) fn day(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

/// What kind of news an event is.
pub(crate) const fn mark(kind: EventKind) -> Status {
    match kind {
        EventKind::GateRefused | EventKind::TrainingFailed | EventKind::RolledBack => Status::Bad,
        EventKind::GateUndecided => Status::Wait,
        EventKind::CanaryStarted | EventKind::CanaryStep | EventKind::ShadowStarted | EventKind::RetrainStarted => {
            Status::Running
        }
        EventKind::RetrainSkipped => Status::None,
        kind if kind.is_alert() => Status::Warn,
        _ => Status::Ok,
    }
}

/// What acting was worth, in sentences.
pub(crate) fn sentences(report: &Report) -> Vec<String> {
    let summary = &report.summary;
    let alerts: usize = summary.alerts.values().sum();
    let mut sentences = vec![format!(
        "{} trained, {} promoted, {} refused by gates, {} rolled back; {}",
        counted(summary.versions_trained, "version"),
        summary.promoted,
        summary.refused,
        summary.rolled_back,
        counted(alerts, "alert")
    )];
    if let (Some(served), Some(never)) = (summary.served_since_retraining, summary.never_retrained_since) {
        let name = &report.metric;
        sentences.push(format!(
            "Since the first retrained version: {name} {served:.4} as served, {never:.4} without retraining"
        ));
    }
    if let Some(cost) = summary.cost_of_not_acting {
        sentences.push(cost_sentence(cost, &summary.cost_unit, summary.rows_compared));
    }
    sentences
}

/// What never retraining would have cost beside what was served; a gain is said as one.
fn cost_sentence(cost: f64, unit: &str, rows: usize) -> String {
    let (size, rows) = (rounded(cost.abs().round()), counted(rows, "row"));
    let is_counted = unit == "wrong calls";
    match (cost.round(), is_counted) {
        (0.0, true) => format!("Not acting would have made as many {unit} over {rows}"),
        (0.0, false) => format!("Not acting would have cost as much {unit} over {rows}"),
        (1.0, true) => format!("Not acting would have made 1 more wrong call over {rows}"),
        (-1.0, true) => format!("Not acting would have made 1 wrong call fewer over {rows}"),
        (more, true) if more > 0.0 => format!("Not acting would have made {size} more {unit} over {rows}"),
        (_, true) => format!("Not acting would have made {size} fewer {unit} over {rows}"),
        (more, false) if more > 0.0 => format!("Not acting would have cost {size} more {unit} over {rows}"),
        (_, false) => format!("Not acting would have cost {size} less {unit} over {rows}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_is_never_a_negative_cost() {
        let sentence = |cost: f64, unit: &str| cost_sentence(cost, unit, 100);
        assert_eq!(sentence(-25.0, "wrong calls"), "Not acting would have made 25 fewer wrong calls over 100 rows");
        assert_eq!(sentence(1234.6, "wrong calls"), "Not acting would have made 1235 more wrong calls over 100 rows");
        assert_eq!(sentence(-0.4, "wrong calls"), "Not acting would have made as many wrong calls over 100 rows");
        assert_eq!(sentence(-1.0, "wrong calls"), "Not acting would have made 1 wrong call fewer over 100 rows");
        let error = "summed absolute error";
        assert_eq!(sentence(-7.2, error), "Not acting would have cost 7 less summed absolute error over 100 rows");
        assert_eq!(sentence(7.2, error), "Not acting would have cost 7 more summed absolute error over 100 rows");
    }
}
