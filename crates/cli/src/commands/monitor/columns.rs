//! `kilter monitor columns`: what an endpoint was asked and answered, column by column.

use clap::Args;
use kilter_api::{self as api, Code, Problem};
use kilter_domain::{
    plural::{counted, plural},
    time::{Span, Timestamp},
};
use kilter_report::{number, percent, whole};

use super::view::level_words;
use crate::{
    connect::ConnectArgs,
    context::now,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// Values that were never seen before, named at most.
const NAMED: usize = 3;

#[derive(Debug, Args)]
pub(super) struct Wanted {
    /// The name of the endpoint.
    endpoint: String,
    /// The start: a time (2026-11-28T06:00), or a duration before `--until` (6h, 7d).
    #[arg(long, value_name = "TIME", default_value = "1d")]
    since: String,
    /// The end. Default: now.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Wanted {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let (since, until) = self.span()?;
        let query = api::ColumnStatsQuery { since: Some(since), until: Some(until) };
        let column_stats = self.connect.api()?.call(async |api| api.column_stats(&self.endpoint, &query).await)?;
        let page = page(&column_stats);
        Ok(Answer::done(&column_stats, page))
    }

    fn span(&self) -> Result<(Timestamp, Timestamp), CliError> {
        let until = match &self.until {
            Some(text) => time(text)?,
            None => now(),
        };
        match self.since.parse::<Span>() {
            Ok(span) => Ok((until.before(span), until)),
            Err(_) => Ok((time(&self.since)?, until)),
        }
    }
}

fn time(text: &str) -> Result<Timestamp, CliError> {
    let unreadable = |error| Problem::of(Code::UsageInvalid, &error).hint("write 2026-11-28T06:00, or 6h, 7d before");
    Ok(text.parse().map_err(unreadable)?)
}

fn page(column_stats: &api::ColumnStats) -> Page {
    let mut page = Page::new();
    if column_stats.versions.is_empty() {
        let span = format!("{} to {}", minute(column_stats.since), minute(column_stats.until));
        page = page.line(format!("`{}` answered nothing that was counted from {span}", column_stats.endpoint));
    }
    for version in &column_stats.versions {
        let span = format!("{} to {}", minute(version.from), minute(version.to));
        let (rows, noun) = (whole(version.rows), plural(version.rows, "row", "rows"));
        page = page.line(format!("{}@{} as {}: {rows} {noun}, {span}", version.model, version.version, version.role));
        let mut table = TextTable::new([
            "column",
            "missing",
            "in the reference",
            "unseen",
            "out of range",
            "psi",
            "w1/sd or tvd",
            "ks",
            "beyond chance",
            "level",
            "compared",
        ]);
        for column in &version.columns {
            table.row(cells(column));
        }
        page = page.table(table).line("");
    }
    if column_stats.unreadable_files > 0 {
        page =
            page.marked(Status::Bad, format!("{} could not be read", counted(column_stats.unreadable_files, "file")));
    }
    if column_stats.lost_rows > 0 {
        page = page.marked(Status::Bad, format!("{} could not be kept", counted(column_stats.lost_rows, "row")));
    }
    page
}

fn cells(column: &api::ColumnSummary) -> [String; 11] {
    let share = |share: Option<f64>| share.map_or("–".to_owned(), percent);
    let distance = |name: &str| column.distances.iter().find(|distance| distance.measure == name);
    let value =
        |distance: Option<&api::ColumnDistance>| distance.map_or("–".to_owned(), |distance| number(distance.value));
    let moved = distance("w1_over_sd").or_else(|| distance("tvd"));
    let unseen = match column.unseen_values.is_empty() {
        true => share(column.unseen_share),
        false => {
            let named: Vec<&str> = column.unseen_values.iter().take(NAMED).map(String::as_str).collect();
            format!("{} ({})", share(column.unseen_share), named.join(", "))
        }
    };
    // A sentinel among the values (-9999) hides a shift from W1 and not from KS: the larger effect is what is said.
    let farther = [moved, distance("ks")].into_iter().flatten().max_by(|a, b| a.effect.total_cmp(&b.effect));
    let effect = farther.map_or("–".to_owned(), |distance| number(distance.effect));
    let mark = match column.level {
        api::DriftLevel::Alert => Status::Bad,
        api::DriftLevel::Warn => Status::Warn,
        api::DriftLevel::TooFew => Status::InsufficientData,
        _ => Status::Ok,
    };
    [
        column.column.clone(),
        percent(column.missing_share),
        percent(column.reference_missing_share),
        unseen,
        share(column.out_of_range_share),
        value(distance("psi")),
        value(moved),
        value(distance("ks")),
        effect,
        format!("{} {}", mark.glyph(), level_words(column.level)),
        column.compared.clone(),
    ]
}
