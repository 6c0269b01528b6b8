//! What versions answered, by column: kept on a timer and when the server stops, told over the API, named in gauges.
//!
//! Holds true: at most [`MAX_COLUMNS`] columns are gauges of one page, and how many were left out is told. Deliberately
//! absent: judgements; a profile is compared with the version's own reference, and monitors judge.

use std::{thread, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
};
use kilter_api::{self as api, Problem};
use kilter_app::{
    App,
    column_stats::{ColumnReading, Span, VersionProfile},
};
use kilter_domain::{
    ids::EndpointName,
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use kilter_serving::{Role, column_stats::Place};
use kilter_store::{StoreError, deployment::find_endpoint};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    auth::Caller,
    background::Importance,
    extract,
    failure::problem_of,
    metrics::{family, labels},
    problem::Failure,
    reconcile::with_causes,
    state::{House, blocking},
    v1::{name, wrong},
    views::read,
};

/// What a crash may lose at most.
const EVERY: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_millis(200);
/// What keeping takes at most, before it is said to be blocked.
const LIMIT: Duration = Duration::from_secs(5 * 60);
/// Columns whose shares one page of metrics tells at most, over all endpoints.
const MAX_COLUMNS: usize = 500;

/// Keeps profiles from time to time, in a thread of its own.
pub(crate) fn start(house: &House) {
    let house = house.clone();
    let started = thread::Builder::new().name("profiles".to_owned()).spawn(move || run(&house));
    if let Err(error) = started {
        tracing::error!(%error, "profiles are kept only when the server stops: their thread could not be started");
    }
}

fn run(house: &House) {
    let mut kept = house.uptime();
    while !house.is_stopping() {
        thread::sleep(PATIENCE);
        if house.uptime().saturating_sub(kept) >= EVERY {
            keep(house);
            kept = house.uptime();
        }
    }
}

/// Keeps what was counted; what cannot be kept is counted on in memory.
pub(crate) fn keep(house: &House) {
    house.background().step("served counts", (Importance::Project, LIMIT), || {
        house.app().keep_profiles(house.now()).map_err(|error| with_causes(&error))
    });
}

/// What the versions of an endpoint were asked and answered, by column, beside the reference of each. Rows are counted by
/// the hour in which they came; hours that lie partly in the span count whole.
#[utoipa::path(
    get, path = "/api/v1/endpoints/{endpoint}/profile", tag = "watch", params(("endpoint" = String, Path), Wanted),
    responses((status = 200, body = api::Profile), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn profile(
    _: Caller,
    State(house): State<House>,
    Path(endpoint): Path<String>,
    wanted: extract::Query<Wanted>,
) -> Result<Json<api::Profile>, Failure> {
    let (app, endpoint) = (house.app(), name(&endpoint)?);
    let span = wanted.0.span(house.now())?;
    Ok(Json(blocking(move || told(&app, &endpoint, span)).await?))
}

/// Which rows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// From this time on (RFC 3339); a day before `until` when nothing is said.
    since: Option<String>,
    /// Up to this time; now when nothing is said.
    until: Option<String>,
}

impl Wanted {
    fn span(&self, now: Timestamp) -> Result<Span, Problem> {
        let read = |text: &Option<String>| text.as_deref().map(name::<Timestamp>).transpose();
        let until = read(&self.until)?.unwrap_or(now);
        let since = read(&self.since)?.unwrap_or(Timestamp(until.millis().saturating_sub(DAY_MS)));
        match since <= until {
            true => Ok(Span { since, until }),
            false => Err(wrong(format!("`since` is {since}, which is after `until`: {until}"))),
        }
    }
}

fn told(app: &App, endpoint: &EndpointName, span: Span) -> Result<api::Profile, Problem> {
    read(app, |reader| match find_endpoint(reader, endpoint)? {
        Some(_) => Ok(()),
        None => Err(StoreError::NotFound { what: "endpoint", id: endpoint.to_string() }),
    })?;
    let found = app.endpoint_profile(endpoint, span).map_err(|error| problem_of(&error))?;
    Ok(api::Profile {
        endpoint: endpoint.to_string(),
        since: span.since.to_string(),
        until: span.until.to_string(),
        versions: found.versions.iter().map(version).collect(),
        unreadable_files: found.unreadable,
        lost_rows: found.lost_rows,
    })
}

fn version(found: &VersionProfile) -> api::VersionProfile {
    api::VersionProfile {
        model: found.model.to_string(),
        version: found.number,
        role: found.role.to_string(),
        from: found.from.to_string(),
        to: found.to.to_string(),
        rows: found.rows,
        columns: found.columns.iter().map(column).collect(),
    }
}

fn column(found: &ColumnReading) -> api::ProfileColumn {
    let outside = found.outside();
    api::ProfileColumn {
        column: found.name.clone(),
        place: match found.place {
            Place::Feature => "feature",
            Place::Score => "score",
            Place::Prediction => "prediction",
        }
        .to_owned(),
        kind: if outside.is_some() { "numeric" } else { "categorical" }.to_owned(),
        rows: found.rows(),
        missing_share: found.missing_share(),
        reference_missing_share: found.reference_missing,
        unseen_share: found.unseen_share(),
        unseen_values: found.unseen_values(),
        out_of_range_share: found.out_of_range_share(),
        below: outside.map(|[below, ..]| below),
        above: outside.map(|[_, above, _]| above),
        infinite: outside.map(|[.., infinite]| infinite),
        distances: found
            .distances
            .iter()
            .map(|distance| api::ProfileDistance {
                measure: distance.measure.name().to_owned(),
                value: distance.value,
                expected: distance.expected,
                effect: distance.effect,
            })
            .collect(),
        compared: found.compared.clone(),
        level: found.level.word().to_owned(),
    }
}

/// Shares of the columns that live versions were asked with in this hour and the one before.
#[derive(Default)]
pub(crate) struct Shares {
    columns: Vec<Share>,
    left_out: usize,
}

struct Share {
    labels: String,
    missing: f64,
    unseen: f64,
}

impl Shares {
    /// Reads them; what cannot be read is told by the log and by the API.
    pub(crate) fn of(app: &App, now: Timestamp) -> Self {
        let span = Span { since: Timestamp(now.millis().saturating_sub(HOUR_MS)), until: now };
        let mut shares = Self::default();
        for (endpoint, _) in app.open_endpoints() {
            let Ok(found) = app.endpoint_profile(&endpoint, span) else { continue };
            for version in found.versions.iter().filter(|version| version.role == Role::Champion) {
                let columns = version.columns.iter().filter(|column| column.place == Place::Feature);
                shares.columns.extend(columns.map(|column| share(&endpoint, version, column)));
            }
        }
        shares.left_out = shares.columns.len().saturating_sub(MAX_COLUMNS);
        shares.columns.truncate(MAX_COLUMNS);
        shares
    }

    /// Writes the gauges.
    pub(crate) fn write(&self, page: &mut String) {
        let help = "Share of rows without a value in this hour and the one before, by column of the live version.";
        let samples = self.columns.iter().map(|share| (share.labels.clone(), share.missing));
        family(page, "kilter_profile_missing_share", "gauge", help, samples);
        let help = "Share of rows with a category or a number that the reference never had, in the same hours.";
        let samples = self.columns.iter().map(|share| (share.labels.clone(), share.unseen));
        family(page, "kilter_profile_unseen_share", "gauge", help, samples);
        let help = "Columns whose shares found no room on this page.";
        family(page, "kilter_profile_left_out", "gauge", help, [(String::new(), self.left_out as f64)]);
    }
}

fn share(endpoint: &EndpointName, version: &VersionProfile, column: &ColumnReading) -> Share {
    let pairs = [("endpoint", endpoint.as_str()), ("version", &version.number.to_string()), ("column", &column.name)];
    let unseen = column.unseen_share().or(column.out_of_range_share()).unwrap_or_default();
    Share { labels: labels(&pairs), missing: column.missing_share(), unseen }
}
