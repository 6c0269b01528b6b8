//! The report of a replay for a browser: what was served beside what would have been, every decision, every period.

use kilter_app::replay::{Period, Report as Replayed};
use kilter_domain::time::Timestamp;
use kilter_report::{Cell, Figure, Report, ReportPart, Series, SeriesPoint, Status, Table};

use super::replay_words::{day, mark, sentences};
use crate::ui::view::made;

/// The page of a replay.
pub(super) fn html(replayed: &Replayed, now: Timestamp) -> String {
    let said = sentences(replayed);
    let summary = &replayed.summary;
    let state = match (summary.served_since_retraining, summary.never_retrained_since) {
        (Some(served), Some(never)) if served != never && (served > never) != replayed.larger_is_better => Status::Warn,
        _ => Status::Ok,
    };
    let mut parts: Vec<ReportPart> = said.iter().skip(1).cloned().map(ReportPart::Text).collect();
    parts.push(ReportPart::Grid(pictures(replayed).into_iter().map(ReportPart::Figure).collect()));
    parts.extend([ReportPart::Heading("Decisions".to_owned()), ReportPart::Table(decisions(replayed))]);
    parts.extend([ReportPart::Heading("Periods".to_owned()), ReportPart::Table(periods(replayed))]);
    Report {
        title: format!("Replay of {}", replayed.project),
        state,
        verdict: said.first().cloned().unwrap_or_default(),
        facts: vec![
            ("dataset".to_owned(), replayed.dataset.clone()),
            ("from".to_owned(), day(replayed.start)),
            ("to".to_owned(), day(replayed.end)),
            ("metric".to_owned(), replayed.metric.clone()),
            ("seed".to_owned(), replayed.seed.to_string()),
            made(now),
        ],
        parts,
        definitions: replayed.notes.clone(),
    }
    .to_html()
}

/// The metric of each period: as served, and of the first version alone.
fn pictures(replayed: &Replayed) -> Vec<Figure> {
    let metric = &replayed.metric;
    let of = |caption: String, value: fn(&Period) -> Option<f64>| {
        let point = |(x, period): (usize, &Period)| SeriesPoint {
            x: x as f64,
            label: day(period.start),
            value: value(period).map(|value| (value, value, value)),
            bounds: [None, None],
            state: Status::None,
            is_open: period.labelled < period.rows,
        };
        let points = replayed.periods.iter().enumerate().map(point).collect();
        Figure::series(&Series { caption, points, diagonal: false })
    };
    let mut pictures = vec![of(format!("{metric} as served"), |period| period.served)];
    if replayed.summary.never_retrained_since.is_some() {
        pictures.push(of(format!("{metric} of version 1, never retrained"), |period| period.never_retrained));
    }
    pictures
}

fn decisions(replayed: &Replayed) -> Table {
    let mut table = Table::new(["day", "what", "version", "why"]);
    for event in &replayed.timeline {
        table.row([
            day(event.at).into(),
            Cell::Mark(mark(event.kind), event.kind.as_str().replace('_', " ")),
            event.version.map_or_else(String::new, |version| format!("v{version}")).into(),
            event.reason.clone().into(),
        ]);
    }
    table
}

fn periods(replayed: &Replayed) -> Table {
    let mut table = Table::new(["from", "#rows", "#labelled", "#served", "#never retrained", "version"]);
    let metric = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
    for period in &replayed.periods {
        table.row([
            day(period.start).into(),
            period.rows.to_string().into(),
            period.labelled.to_string().into(),
            metric(period.served).into(),
            metric(period.never_retrained).into(),
            period.served_version.map_or("–".to_owned(), |version| format!("v{version}")).into(),
        ]);
    }
    table
}
