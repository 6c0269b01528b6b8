//! From a request to an answer: who scores which rows, and what is recorded of it.

use std::{
    borrow::Cow,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use kilter_domain::{table::Table, time::Timestamp};
use kilter_inference::Attributions;

use super::{
    Candidate, Endpoint, InferError, InferRequest, InferResponse, Mode, ModelOutput, ScoreError, ServedVersion,
    recorder::{Recorder, VersionShare},
    response_builder::{ResponseBuilder, ResponseHead, Rows},
    traffic_split::draw_canary,
};
use crate::{
    input_rules::{CheckedInputs, InputMarks},
    prediction_log::{AppendTicket, CanaryDraw, Role},
    v2::check_outputs,
};

/// An answer that waits to be recorded, and perhaps a shadow that waits to be scored.
#[must_use = "the answer counts when it is recorded: finish it, or await it"]
pub struct UnrecordedResponse<T = InferResponse> {
    response: T,
    pending: Option<AppendTicket>,
    /// Of the candidate, when two versions answered.
    second: Option<AppendTicket>,
    shadow: Option<ShadowWork>,
}

impl<T> UnrecordedResponse<T> {
    /// The answer in another form, made while the disk works.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> UnrecordedResponse<U> {
        let Self { response, pending, second, shadow } = self;
        UnrecordedResponse { response: form(response), pending, second, shadow }
    }

    /// Scores the shadow on this thread while the disk works, then waits until the answer is recorded.
    pub fn finish(mut self) -> Result<T, InferError> {
        if let Some(shadow) = self.shadow.take() {
            shadow.run();
        }
        for pending in self.pending.into_iter().chain(self.second) {
            pending.wait().map_err(|source| InferError::NotRecorded { source })?;
        }
        Ok(self.response)
    }

    /// As [`UnrecordedResponse::finish`] without blocking a thread. A shadow that was not taken is dropped unscored.
    pub async fn wait_recorded(self) -> Result<T, InferError> {
        for pending in self.pending.into_iter().chain(self.second) {
            pending.await.map_err(|source| InferError::NotRecorded { source })?;
        }
        Ok(self.response)
    }

    /// Whether the thread that waits until it is recorded writes the record: it serves others first, so that one write keeps the
    /// records of all of them.
    pub fn is_recorded_in_place(&self) -> bool {
        self.pending.as_ref().is_some_and(AppendTicket::is_written_in_place)
    }

    /// The shadow's part, to be run elsewhere after the answer was sent.
    pub fn take_shadow(&mut self) -> Option<ShadowWork> {
        self.shadow.take()
    }
}

/// What the candidate still has to score in shadow. Whatever happens in it, the answer is out already.
pub struct ShadowWork {
    version: Arc<ServedVersion>,
    recorder: Recorder,
    table: Table,
    ids: Vec<Arc<str>>,
    entities: Option<Vec<Arc<str>>>,
    times: Vec<Timestamp>,
}

impl ShadowWork {
    /// Scores and records. Failures are counted, not answered.
    pub fn run(self) {
        let scored = self.version.complete(&self.table).and_then(|table| {
            let CheckedInputs { imputed, marks } = self.version.input_rules().check(&table)?;
            let (answers, latency_us) = self.version.score(imputed.as_ref().unwrap_or(&table))?;
            if let Some(column_stats) = self.version.column_stats() {
                let is_withheld = |name: &str| self.recorder.policy.is_personal(name);
                column_stats.count(Role::Shadow, (&table, &answers), self.recorder.now, &is_withheld);
            }
            // The champion's record holds what both were given.
            let features = imputed.as_ref().unwrap_or(&table);
            let is_own = |name: &str| {
                self.table.get(name).is_none_or(|sent| imputed.is_some() && features.get(name) != Some(sent))
            };
            Ok((answers, latency_us, features.select(is_own), marks))
        });
        let (answers, latency_us, features, marks) = match scored {
            Ok(scored) => scored,
            Err(ScoreError::Rejected(_)) => return self.version.counters().refused(),
            // It was not asked: a gap in the comparison, and no fault of it.
            Err(ScoreError::NotLoaded(_)) => {
                self.recorder.tally.unrecorded_rows.fetch_add(self.ids.len() as u64, Relaxed);
                return;
            }
            Err(_) => return self.version.counters().failed(),
        };
        let rows = self.ids.len();
        self.version.counters().scored_at(self.recorder.now);
        let (ids, times) = (self.ids, self.times);
        let share = VersionShare { role: Role::Shadow, answers, latency_us, ids, times, features, marks, draw: None };
        let (batch, _) = self.recorder.batch(&self.version, share);
        // A shadow that could not be recorded is a gap in a comparison, not in an answer.
        if self.recorder.submit(&batch, self.entities.as_deref()).is_err() {
            self.recorder.tally.unrecorded_rows.fetch_add(rows as u64, Relaxed);
        }
    }
}

impl Endpoint {
    /// Scores a request and begins to record it; see [`Endpoint::infer`] for the whole of it in one call.
    pub fn score(&self, request: InferRequest, now: Timestamp) -> Result<UnrecordedResponse, InferError> {
        request.check()?;
        let InferRequest { rows, id, consumer, outputs, format, explains, routes } = request;
        let champion = routes.champion().ok_or_else(|| self.nothing_served())?;
        check_outputs(&outputs, champion.signature().task)?;
        let count = rows.table.rows();
        let made_ids = rows.ids.is_none();
        let ids = rows.ids.unwrap_or_else(|| self.make_ids(count));
        let times = rows.times.unwrap_or_else(|| vec![now; count]);
        let (log, tally, policy) = (self.log.clone(), self.tally.clone(), routes.recording().clone());
        let recorder = Recorder { log, tally, policy, consumer, now };
        let mut call = RequestScope {
            ids,
            entities: rows.entities,
            times,
            table: rows.table,
            recorder,
            answer: ResponseBuilder::of(count, routes.columns().clone()),
            explains,
            draw: None,
            pending: (None, None),
        };
        let mut shadow = None;
        match routes.candidate() {
            None => call.answer_with(champion, routes.champion_role(), Rows::All)?,
            Some(Candidate { version, mode: Mode::Shadow }) => {
                call.answer_with(champion, Role::Champion, Rows::All)?;
                shadow = Some(version.clone());
            }
            Some(Candidate { version, mode: Mode::Canary { percent } }) => {
                let entities = call.entities.as_deref().unwrap_or(&call.ids);
                let (draw, canary, rest) = draw_canary(entities, version.salt(), *percent);
                call.draw = Some(draw);
                call.score_canary(champion, version, &canary, &rest)?;
            }
        }
        let shadow = shadow.map(|version| call.shadow_work(version));
        let response = call.answer.into_response(ResponseHead {
            model_name: self.name.to_string(),
            id,
            ids: call.ids,
            outputs,
            format,
            made_ids,
        });
        let (pending, second) = call.pending;
        Ok(UnrecordedResponse { response, pending, second, shadow })
    }

    fn make_ids(&self, count: usize) -> Vec<Arc<str>> {
        let first = self.made_ids.fetch_add(count as u64, Relaxed);
        (first..).take(count).map(|number| prediction_id(&self.options.id_prefix, number)).collect()
    }
}

/// `PREFIX-NUMBER`, the number in hexadecimal digits.
fn prediction_id(prefix: &str, number: u64) -> Arc<str> {
    let digits = (number.max(1).ilog2() / 4 + 1) as usize;
    let hex = (0..digits).rev().map(|digit| b"0123456789abcdef"[(number >> (digit * 4)) as usize & 0xf]);
    let mut id = String::with_capacity(prefix.len() + 1 + digits);
    id.push_str(prefix);
    id.push('-');
    id.extend(hex.map(char::from));
    id.into()
}

/// One request on its way.
struct RequestScope {
    ids: Vec<Arc<str>>,
    /// Whom the rows are about, where the request says it.
    entities: Option<Vec<Arc<str>>>,
    times: Vec<Timestamp>,
    table: Table,
    recorder: Recorder,
    answer: ResponseBuilder,
    /// Whether the caller asked why.
    explains: bool,
    /// How the rows were drawn, if two versions share the traffic.
    draw: Option<CanaryDraw>,
    pending: (Option<AppendTicket>, Option<AppendTicket>),
}

impl RequestScope {
    /// The candidate scores its rows. Where it fails the champion answers them, and the failure is counted.
    fn score_canary(
        &mut self,
        champion: &ServedVersion,
        candidate: &ServedVersion,
        canary: &[usize],
        rest: &[usize],
    ) -> Result<(), InferError> {
        let count = self.ids.len();
        let (canary, rest) = (Rows::of(canary, count), Rows::of(rest, count));
        if matches!(rest, Rows::All) {
            return self.answer_with(champion, Role::Champion, Rows::All);
        }
        match self.score_rows(candidate, canary) {
            Ok(attempt) => {
                if let Rows::Some([_, ..]) = rest {
                    self.answer_with(champion, Role::Champion, rest)?;
                }
                self.record_rows(candidate, Role::Candidate, canary, attempt)
            }
            Err(reason) => {
                let is_rejected = matches!(reason, ScoreError::Rejected(_));
                let is_absent = matches!(reason, ScoreError::NotLoaded(_));
                let answered = self.answer_with(champion, Role::Fallback, Rows::All);
                match &answered {
                    // Rows that the champion refuses too say nothing about the candidate.
                    Err(InferError::Score { reason, .. }) if reason.is_caller_error() => candidate.counters().refused(),
                    // It was not asked, which says nothing about it either.
                    _ if is_absent => {
                        self.recorder.tally.fallbacks.fetch_add(1, Relaxed);
                    }
                    // What a rule of the candidate refuses is no fault of it; the champion answers by its own rules.
                    _ if is_rejected => {
                        candidate.counters().refused();
                        self.recorder.tally.fallbacks.fetch_add(1, Relaxed);
                    }
                    _ => {
                        candidate.counters().failed();
                        self.recorder.tally.fallbacks.fetch_add(1, Relaxed);
                    }
                }
                answered
            }
        }
    }

    fn answer_with(&mut self, version: &ServedVersion, role: Role, rows: Rows<'_>) -> Result<(), InferError> {
        let attempt = self.score_rows(version, rows).map_err(|reason| {
            let is_refused = reason.is_caller_error();
            if is_refused {
                version.counters().refused();
            } else {
                version.counters().failed();
            }
            if role == Role::Pinned && !is_refused {
                version.counters().pinned(true);
            }
            InferError::Score { version: version.version(), reason }
        })?;
        if role == Role::Pinned {
            version.counters().pinned(false);
        }
        self.record_rows(version, role, rows, attempt)
    }

    fn score_rows(&self, version: &ServedVersion, rows: Rows<'_>) -> Result<ScoredRows, ScoreError> {
        let mine = match rows {
            Rows::All => Cow::Borrowed(&self.table),
            Rows::Some(rows) => Cow::Owned(self.table.take(rows)),
        };
        let features = version.complete(&mine)?;
        let scored = version.input_rules().check(&features).map_err(ScoreError::from).and_then(|checked| {
            let given = checked.imputed.as_ref().unwrap_or(&features);
            let (answers, latency_us) = version.score(given)?;
            let attributions = if self.explains { Some(version.explain(given)?) } else { None };
            Ok((checked, answers, attributions, latency_us))
        });
        let (CheckedInputs { imputed, marks }, answers, attributions, latency_us) =
            scored.map_err(|reason| reason.in_row(|row| rows.in_request(row)))?;
        let completed = if let Cow::Owned(table) = features { Some(table) } else { None };
        let sent = completed.or(if let Cow::Owned(table) = mine { Some(table) } else { None });
        Ok(ScoredRows { answers, attributions, latency_us, sent, imputed, marks })
    }

    fn record_rows(
        &mut self,
        version: &ServedVersion,
        role: Role,
        rows: Rows<'_>,
        attempt: ScoredRows,
    ) -> Result<(), InferError> {
        let ScoredRows { mut answers, attributions, latency_us, mut sent, imputed, marks } = attempt;
        version.counters().scored_at(self.recorder.now);
        if let Some(marks) = &marks {
            self.answer.mark(marks);
        }
        if self.recorder.log.is_some() {
            let (ids, times) = self.lend(rows);
            // What the model was given is recorded; what was sent is counted.
            let (is_imputed, is_own) = (imputed.is_some(), sent.is_none());
            let lent = imputed.or_else(|| sent.take()).unwrap_or_else(|| std::mem::take(&mut self.table));
            let draw = self.draw_of(rows);
            let share = VersionShare { role, answers, latency_us, ids, times, features: lent, marks, draw };
            let (batch, spared) = self.recorder.batch(version, share);
            let entities = self.entities_of(rows);
            let ticket = self.recorder.record(&batch, entities.as_deref())?;
            self.pending = (ticket, self.pending.0.take());
            let probabilities = spared.or(batch.probabilities.map(|recorded| recorded.values));
            answers = ModelOutput { scores: batch.scores, labels: batch.labels, probabilities };
            if matches!(rows, Rows::All) {
                (self.ids, self.times) = (batch.ids, batch.event_times);
            }
            match (is_imputed, is_own) {
                (true, _) => {}
                (false, true) => self.table = batch.features,
                (false, false) => sent = Some(batch.features),
            }
        }
        if let Some(column_stats) = version.column_stats() {
            let features = sent.as_ref().unwrap_or(&self.table);
            let is_withheld = |name: &str| self.recorder.policy.is_personal(name);
            column_stats.count(role, (features, &answers), self.recorder.now, &is_withheld);
        }
        self.answer.insert((version.version(), role), rows, answers);
        if let Some(attributions) = attributions {
            self.answer.explain(rows, &attributions);
        }
        Ok(())
    }

    /// Ids and times of rows. Those of all rows are given back once they are recorded: nothing is copied.
    fn lend(&mut self, rows: Rows<'_>) -> (Vec<Arc<str>>, Vec<Timestamp>) {
        match rows {
            Rows::All => (std::mem::take(&mut self.ids), std::mem::take(&mut self.times)),
            Rows::Some(rows) => {
                let ids = rows.iter().map(|row| self.ids[*row].clone()).collect();
                (ids, rows.iter().map(|row| self.times[*row]).collect())
            }
        }
    }

    /// How some rows were drawn.
    fn draw_of(&self, rows: Rows<'_>) -> Option<CanaryDraw> {
        let draw = self.draw.as_ref()?;
        Some(match rows {
            Rows::All => draw.clone(),
            Rows::Some(rows) => draw.take(rows),
        })
    }

    /// Whom some rows are about; `None` where the request does not say it.
    fn entities_of(&self, rows: Rows<'_>) -> Option<Cow<'_, [Arc<str>]>> {
        let entities = self.entities.as_deref()?;
        Some(match rows {
            Rows::All => Cow::Borrowed(entities),
            Rows::Some(rows) => rows.iter().map(|row| entities[*row].clone()).collect(),
        })
    }

    fn shadow_work(&self, version: Arc<ServedVersion>) -> ShadowWork {
        ShadowWork {
            version,
            recorder: self.recorder.clone(),
            table: self.table.clone(),
            ids: self.ids.clone(),
            entities: self.entities.clone(),
            times: self.times.clone(),
        }
    }
}

struct ScoredRows {
    answers: ModelOutput,
    attributions: Option<Attributions>,
    latency_us: u64,
    /// What was sent, with every input that the version reads; `None`: the table of the request.
    sent: Option<Table>,
    /// What the version was given, if it is not what was sent.
    imputed: Option<Table>,
    marks: Option<InputMarks>,
}

#[cfg(test)]
mod tests {
    use super::prediction_id;

    #[test]
    fn ids_are_the_prefix_and_the_number_in_hexadecimal_digits() {
        for number in [0, 1, 15, 16, 255, 256, 0x1_0000, u64::MAX] {
            assert_eq!(&*prediction_id("0192f0c1", number), format!("0192f0c1-{number:x}"));
        }
    }
}
