//! One method per route of the native API.

use kilter_api::{
    Account, Accounts, Alert, AlertQuery, Approval, Approve, AsOf, AsOfQuery, AuditCheck, AuditEntry, AuditHead,
    AuditReceipt, AuditRecord, BeginProviderLogin, BreakGlass, BreakGlassDeploy, BreakGlassReview, CardParts,
    ChangeAccount, ChangePassword, CollectGarbage, ColumnStats, ColumnStatsQuery, Comparison, ComparisonQuery,
    ConsistencyProof, ConsistencyQuery, DecideExperiment, Delivery, DeliveryQuery, Deploy, Deployment, Document,
    EndpointStatus, EventsReplayed, ExposureQuery, Exposures, FinishProviderLogin, GarbageCollection, GrantWaiver,
    Inbox, Inventory, Labels, LabelsKept, Login, MeasureObjectives, Model, Mute, NewAccount, NewRun, NewToken,
    Objectives, PackageSignature, Page, PageQuery, PastPredictions, PastPredictionsKept, PolicyProposal,
    PolicyProposals, PredictionFile, PredictionFileKnown, PredictionLineage, Problem, ProviderLogin, Reading,
    ReadingQuery, Reason, ReplayEvents, Retire, Review, RotateKey, Run, RunProgress, RunStarted, RunSummary,
    SearchTrackedRuns, Session, SignPackage, SigningKey, Status, StepLog, Submission, TokenCreated, TokenInfo, Tokens,
    TrackedRun, VerifyAudit, Version, Waiver, WhoAmI, Withdrawal,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    client::Client,
    transport::{SEARCH_TRACKED_RUNS, VERIFY_AUDIT},
};

/// What a name is escaped from before it becomes a part of a path.
const NOT_IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// `name` as one part of a path.
fn segment(name: &str) -> String {
    utf8_percent_encode(name, NOT_IN_PATH).to_string()
}

fn version_path(model: &str, version: u32) -> String {
    format!("/api/v1/models/{}/versions/{version}", segment(model))
}

fn waivers_path(model: &str) -> String {
    format!("/api/v1/models/{}/waivers", segment(model))
}

fn proposals_path(model: &str) -> String {
    format!("/api/v1/models/{}/proposals", segment(model))
}

fn endpoint_path(endpoint: &str) -> String {
    format!("/api/v1/endpoints/{}", segment(endpoint))
}

fn run_path(id: &str) -> String {
    format!("/api/v1/runs/{}", segment(id))
}

/// Every method fails with what the API answers, and if the server cannot be reached.
#[allow(clippy::missing_errors_doc)]
impl Client {
    /// Every endpoint, what is open there, and the tasks of the server.
    pub async fn status(&self) -> Result<Status, Problem> {
        self.get("/api/v1/status").await
    }

    /// What served at a moment, and what it rests on.
    pub async fn as_of(&self, query: &AsOfQuery) -> Result<AsOf, Problem> {
        self.get_with("/api/v1/status/as-of", query).await
    }

    /// One prediction, and what it rests on.
    pub async fn prediction(&self, id: &str) -> Result<PredictionLineage, Problem> {
        self.get(&format!("/api/v1/predictions/{}", segment(id))).await
    }

    /// Models with their versions, newest first.
    pub async fn models(&self, page: &PageQuery) -> Result<Page<Model>, Problem> {
        self.get_with("/api/v1/models", page).await
    }

    /// One version with the verdicts of its gates.
    pub async fn version(&self, model: &str, version: u32) -> Result<Version, Problem> {
        self.get(&version_path(model, version)).await
    }

    /// Approves a version on behalf of the actor.
    pub async fn approve(&self, model: &str, version: u32, body: &Approve) -> Result<Approval, Problem> {
        self.post(&format!("{}/approve", version_path(model, version)), body).await
    }

    /// Rejects a version for good.
    pub async fn reject(&self, model: &str, version: u32, reason: &Reason) -> Result<Version, Problem> {
        self.post(&format!("{}/reject", version_path(model, version)), reason).await
    }

    /// Submits a draft, or has a candidate judged again.
    pub async fn submit(&self, model: &str, version: u32, reason: &Reason) -> Result<Submission, Problem> {
        self.post(&format!("{}/submit", version_path(model, version)), reason).await
    }

    /// Takes a validated version back to candidate.
    pub async fn return_version(&self, model: &str, version: u32, reason: &Reason) -> Result<Version, Problem> {
        self.post(&format!("{}/return", version_path(model, version)), reason).await
    }

    /// Has a version measured again by someone who did not make it.
    pub async fn review(&self, model: &str, version: u32, reason: &Reason) -> Result<Review, Problem> {
        self.post(&format!("{}/review", version_path(model, version)), reason).await
    }

    /// Takes a version out of use for good.
    pub async fn retire(&self, model: &str, version: u32, body: &Retire) -> Result<Withdrawal, Problem> {
        self.post(&format!("{}/retire", version_path(model, version)), body).await
    }

    /// Forbids a version for good, also where it serves.
    pub async fn revoke(&self, model: &str, version: u32, reason: &Reason) -> Result<Withdrawal, Problem> {
        self.post(&format!("{}/revoke", version_path(model, version)), reason).await
    }

    /// Waivers of a model, newest first.
    pub async fn waivers(&self, model: &str, page: &PageQuery) -> Result<Page<Waiver>, Problem> {
        self.get_with(&waivers_path(model), page).await
    }

    /// Lets versions of a model miss a rule of a gate until a time.
    pub async fn grant_waiver(&self, model: &str, body: &GrantWaiver) -> Result<Waiver, Problem> {
        self.post(&waivers_path(model), body).await
    }

    /// Ends a waiver before its time.
    pub async fn revoke_waiver(&self, model: &str, id: &str, reason: &Reason) -> Result<Waiver, Problem> {
        self.post(&format!("{}/{}/revoke", waivers_path(model), segment(id)), reason).await
    }

    /// Signs the package of a version again.
    pub async fn sign_package(&self, model: &str, version: u32) -> Result<PackageSignature, Problem> {
        self.post(&format!("{}/sign", version_path(model, version)), &SignPackage {}).await
    }

    /// Deployments, newest first.
    pub async fn deployments(&self, page: &PageQuery) -> Result<Page<Deployment>, Problem> {
        self.get_with("/api/v1/deployments", page).await
    }

    /// One endpoint and the versions there.
    pub async fn endpoint(&self, endpoint: &str) -> Result<EndpointStatus, Problem> {
        self.get(&endpoint_path(endpoint)).await
    }

    /// Deploys a version, by the stages of the contract.
    pub async fn deploy(&self, endpoint: &str, body: &Deploy) -> Result<Deployment, Problem> {
        self.post(&format!("{}/deploy", endpoint_path(endpoint)), body).await
    }

    /// A document about a version: `card`, `annex-iv` or `sr-26-2`.
    pub async fn document(&self, model: &str, version: u32, kind: &str) -> Result<Document, Problem> {
        self.get(&format!("{}/documents/{}", version_path(model, version), segment(kind))).await
    }

    /// Writes parts of the card of a version.
    pub async fn write_card(&self, model: &str, version: u32, body: &CardParts) -> Result<Document, Problem> {
        self.post(&format!("{}/card", version_path(model, version)), body).await
    }

    /// Every model with its risk tier, owner, dates and findings.
    pub async fn inventory(&self) -> Result<Inventory, Problem> {
        self.get("/api/v1/inventory").await
    }

    /// The objectives of a model with what they came to.
    pub async fn objectives(&self, model: &str) -> Result<Objectives, Problem> {
        self.get(&format!("/api/v1/models/{}/objectives", segment(model))).await
    }

    /// Measures the objectives of a model now.
    pub async fn measure_objectives(&self, model: &str) -> Result<Objectives, Problem> {
        self.post(&format!("/api/v1/models/{}/objectives/measure", segment(model)), &MeasureObjectives {}).await
    }

    /// What waits for people.
    pub async fn inbox(&self) -> Result<Inbox, Problem> {
        self.get("/api/v1/inbox").await
    }

    /// Contracts that ask for less than the one in force.
    pub async fn proposals(&self, model: &str) -> Result<PolicyProposals, Problem> {
        self.get(&proposals_path(model)).await
    }

    /// Lets a proposed contract come into force.
    pub async fn accept_proposal(&self, model: &str, id: &str, reason: &Reason) -> Result<PolicyProposal, Problem> {
        self.post(&format!("{}/{}/accept", proposals_path(model), segment(id)), reason).await
    }

    /// Refuses a proposed contract.
    pub async fn reject_proposal(&self, model: &str, id: &str, reason: &Reason) -> Result<PolicyProposal, Problem> {
        self.post(&format!("{}/{}/reject", proposals_path(model), segment(id)), reason).await
    }

    /// Versions that were let answer without their approval.
    pub async fn break_glasses(&self, endpoint: &str, page: &PageQuery) -> Result<Page<BreakGlass>, Problem> {
        self.get_with(&format!("{}/break-glass", endpoint_path(endpoint)), page).await
    }

    /// Lets a version answer at once without its approval.
    pub async fn deploy_break_glass(&self, endpoint: &str, body: &BreakGlassDeploy) -> Result<Deployment, Problem> {
        self.post(&format!("{}/break-glass", endpoint_path(endpoint)), body).await
    }

    /// Says whether a version had to answer without its approval.
    pub async fn review_break_glass(
        &self,
        endpoint: &str,
        id: &str,
        body: &BreakGlassReview,
    ) -> Result<BreakGlass, Problem> {
        self.post(&format!("{}/break-glass/{}/review", endpoint_path(endpoint), segment(id)), body).await
    }

    /// Takes back the candidate of an endpoint, or returns to the version before.
    pub async fn roll_back(&self, endpoint: &str, reason: &Reason) -> Result<EndpointStatus, Problem> {
        self.post(&format!("{}/rollback", endpoint_path(endpoint)), reason).await
    }

    /// What is on its way at an endpoint beside what is live.
    pub async fn comparison(&self, endpoint: &str, query: &ComparisonQuery) -> Result<Comparison, Problem> {
        self.get_with(&format!("{}/comparison", endpoint_path(endpoint)), query).await
    }

    /// Which entity met which version first.
    pub async fn exposures(&self, endpoint: &str, query: &ExposureQuery) -> Result<Exposures, Problem> {
        self.get_with(&format!("{}/exposures", endpoint_path(endpoint)), query).await
    }

    /// Ends an experiment.
    pub async fn decide_experiment(&self, endpoint: &str, decision: &DecideExperiment) -> Result<Deployment, Problem> {
        self.post(&format!("{}/experiment/decision", endpoint_path(endpoint)), decision).await
    }

    /// Sends labels of predictions.
    pub async fn send_labels(&self, endpoint: &str, labels: &Labels) -> Result<LabelsKept, Problem> {
        self.post(&format!("{}/labels", endpoint_path(endpoint)), labels).await
    }

    /// Names a file of past predictions.
    pub async fn begin_prediction_import(
        &self,
        endpoint: &str,
        file: &PredictionFile,
    ) -> Result<PredictionFileKnown, Problem> {
        self.post(&format!("{}/predictions/imports", endpoint_path(endpoint)), file).await
    }

    /// Sends past predictions of a file.
    pub async fn import_predictions(
        &self,
        endpoint: &str,
        past: &PastPredictions,
    ) -> Result<PastPredictionsKept, Problem> {
        self.post(&format!("{}/predictions", endpoint_path(endpoint)), past).await
    }

    /// The newest reading of every metric of an endpoint.
    pub async fn latest_readings(&self, endpoint: &str) -> Result<Page<Reading>, Problem> {
        self.get(&format!("{}/readings/latest", endpoint_path(endpoint))).await
    }

    /// Readings of an endpoint, newest first.
    pub async fn readings(&self, endpoint: &str, query: &ReadingQuery) -> Result<Page<Reading>, Problem> {
        self.get_with(&format!("{}/readings", endpoint_path(endpoint)), query).await
    }

    /// What an endpoint served in a span of time, column by column.
    pub async fn column_stats(&self, endpoint: &str, query: &ColumnStatsQuery) -> Result<ColumnStats, Problem> {
        self.get_with(&format!("{}/columns", endpoint_path(endpoint)), query).await
    }

    /// Alerts, newest first.
    pub async fn alerts(&self, query: &AlertQuery) -> Result<Page<Alert>, Problem> {
        self.get_with("/api/v1/alerts", query).await
    }

    /// Records that the actor looks at an alert.
    pub async fn acknowledge_alert(&self, id: &str, reason: &Reason) -> Result<Alert, Problem> {
        self.post(&format!("/api/v1/alerts/{}/acknowledge", segment(id)), reason).await
    }

    /// Keeps an alert silent until a moment.
    pub async fn mute_alert(&self, id: &str, body: &Mute) -> Result<Alert, Problem> {
        self.post(&format!("/api/v1/alerts/{}/mute", segment(id)), body).await
    }

    /// Ends a mute before its time.
    pub async fn unmute_alert(&self, id: &str, reason: &Reason) -> Result<Alert, Problem> {
        self.post(&format!("/api/v1/alerts/{}/unmute", segment(id)), reason).await
    }

    /// Resolves an alert; the next breach opens a new one.
    pub async fn resolve_alert(&self, id: &str, reason: &Reason) -> Result<Alert, Problem> {
        self.post(&format!("/api/v1/alerts/{}/resolve", segment(id)), reason).await
    }

    /// Entries of the audit log, newest first.
    pub async fn audit(&self, page: &PageQuery) -> Result<Page<AuditEntry>, Problem> {
        self.get_with("/api/v1/audit", page).await
    }

    /// Compares the whole audit log with itself and with every state.
    pub async fn verify_audit(&self, given: &VerifyAudit) -> Result<AuditCheck, Problem> {
        self.post(VERIFY_AUDIT, given).await
    }

    /// One entry of the audit log with everything that is hashed of it.
    pub async fn audit_entry(&self, entry: u64) -> Result<AuditRecord, Problem> {
        self.get(&format!("/api/v1/audit/{entry}")).await
    }

    /// The receipt of an entry.
    pub async fn audit_receipt(&self, entry: u64) -> Result<AuditReceipt, Problem> {
        self.get(&format!("/api/v1/audit/{entry}/receipt")).await
    }

    /// The newest checkpoint, the keys that sign, and the places that have it.
    pub async fn audit_head(&self) -> Result<AuditHead, Problem> {
        self.get("/api/v1/audit/checkpoint").await
    }

    /// The proof that the log of one size begins with that of a smaller one.
    pub async fn consistency(&self, query: &ConsistencyQuery) -> Result<ConsistencyProof, Problem> {
        self.get_with("/api/v1/audit/consistency", query).await
    }

    /// Erases the reason of an entry.
    pub async fn erase_reason(&self, entry: u64, reason: &Reason) -> Result<AuditRecord, Problem> {
        self.post(&format!("/api/v1/audit/{entry}/erase-reason"), reason).await
    }

    /// The public keys, newest first.
    pub async fn keys(&self) -> Result<Page<SigningKey>, Problem> {
        self.get("/api/v1/keys").await
    }

    /// One public key, by its id or how it begins.
    pub async fn key(&self, id: &str) -> Result<SigningKey, Problem> {
        self.get(&format!("/api/v1/keys/{}", segment(id))).await
    }

    /// Makes a new key, which signs from now on.
    pub async fn rotate_key(&self, body: &RotateKey) -> Result<SigningKey, Problem> {
        self.post("/api/v1/keys/rotate", body).await
    }

    /// Revokes a key.
    pub async fn revoke_key(&self, id: &str, reason: &Reason) -> Result<SigningKey, Problem> {
        self.post(&format!("/api/v1/keys/{}/revoke", segment(id)), reason).await
    }

    /// Finds garbage, and removes it if `body` says so.
    pub async fn collect_garbage(&self, body: &CollectGarbage) -> Result<GarbageCollection, Problem> {
        self.post("/api/v1/gc", body).await
    }

    /// Deliveries of events, newest first.
    pub async fn events(&self, query: &DeliveryQuery) -> Result<Page<Delivery>, Problem> {
        self.get_with("/api/v1/events", query).await
    }

    /// Sends events again.
    pub async fn replay_events(&self, body: &ReplayEvents) -> Result<EventsReplayed, Problem> {
        self.post("/api/v1/events/replay", body).await
    }

    /// Every account.
    pub async fn accounts(&self) -> Result<Accounts, Problem> {
        self.get("/api/v1/accounts").await
    }

    /// Makes an account.
    pub async fn create_account(&self, body: &NewAccount) -> Result<Account, Problem> {
        self.post("/api/v1/accounts", body).await
    }

    /// Changes groups, administration, or whether an account is disabled.
    pub async fn change_account(&self, account: &str, body: &ChangeAccount) -> Result<Account, Problem> {
        self.post(&format!("/api/v1/accounts/{}", segment(account)), body).await
    }

    /// Sets a password.
    pub async fn set_password(&self, account: &str, body: &ChangePassword) -> Result<Account, Problem> {
        self.post(&format!("/api/v1/accounts/{}/password", segment(account)), body).await
    }

    /// Lets a person in by name and password.
    pub async fn log_in(&self, body: &Login) -> Result<Session, Problem> {
        self.post("/api/v1/login", body).await
    }

    /// Begins a login by the OpenID provider.
    pub async fn begin_provider_login(&self, body: &BeginProviderLogin) -> Result<ProviderLogin, Problem> {
        self.post("/api/v1/login/provider", body).await
    }

    /// Ends a login by the OpenID provider.
    pub async fn finish_provider_login(&self, body: &FinishProviderLogin) -> Result<Session, Problem> {
        self.post("/api/v1/login/provider/finish", body).await
    }

    /// Who asks, and whether that is proven.
    pub async fn who_am_i(&self) -> Result<WhoAmI, Problem> {
        self.get("/api/v1/whoami").await
    }

    /// Tokens, newest first.
    pub async fn tokens(&self) -> Result<Tokens, Problem> {
        self.get("/api/v1/tokens").await
    }

    /// Makes a token.
    pub async fn create_token(&self, body: &NewToken) -> Result<TokenCreated, Problem> {
        self.post("/api/v1/tokens", body).await
    }

    /// Revokes a token for good.
    pub async fn revoke_token(&self, id: &str) -> Result<TokenInfo, Problem> {
        self.post(&format!("/api/v1/tokens/{}/revoke", segment(id)), &Reason { reason: None }).await
    }

    /// Starts a run.
    pub async fn start_run(&self, body: &NewRun) -> Result<RunStarted, Problem> {
        self.post("/api/v1/runs", body).await
    }

    /// Runs, newest first.
    pub async fn runs(&self, page: &PageQuery) -> Result<Page<RunSummary>, Problem> {
        self.get_with("/api/v1/runs", page).await
    }

    /// One run with its steps, its metrics and its version.
    pub async fn run(&self, id: &str) -> Result<Run, Problem> {
        self.get(&run_path(id)).await
    }

    /// The events of a run after the one numbered `after`. Waits for the next one, up to ten seconds.
    pub async fn run_events(&self, id: &str, after: u64) -> Result<RunProgress, Problem> {
        self.get(&format!("{}/events?after={after}", run_path(id))).await
    }

    /// Asks a run to stop.
    pub async fn cancel_run(&self, id: &str, reason: &Reason) -> Result<Run, Problem> {
        self.post(&format!("{}/cancel", run_path(id)), reason).await
    }

    /// Runs of clients and of the platform that hold a filter.
    pub async fn search_tracked_runs(&self, search: &SearchTrackedRuns) -> Result<Page<TrackedRun>, Problem> {
        self.post(SEARCH_TRACKED_RUNS, search).await
    }

    /// One run with what it logged.
    pub async fn tracked_run(&self, id: &str) -> Result<TrackedRun, Problem> {
        self.get(&format!("/api/v1/tracked-runs/{}", segment(id))).await
    }

    /// The log of a step of a run.
    pub async fn step_log(&self, id: &str, step: &str) -> Result<StepLog, Problem> {
        self.get(&format!("{}/steps/{}/log", run_path(id), segment(step))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_thing_is_called_it_stays_one_part_of_the_path() {
        assert_eq!(endpoint_path("a b/c?d=é"), "/api/v1/endpoints/a%20b%2Fc%3Fd%3D%C3%A9");
        assert_eq!(version_path("churn-2_x.y", 3), "/api/v1/models/churn-2_x.y/versions/3");
    }
}
