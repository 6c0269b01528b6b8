//! The contract with everyone outside: every request, response and error code, once, for server, CLI, SDK and UI.
//!
//! Invariants: an error has a code, and each code has a status, an exit code and a way out ([`code`]); a failure looks
//! the same over HTTP and in the terminal ([`problem`]); field names here are the words of the glossary.
//! Out of scope: logic. Conversions from the words of the domain stand where both sides are known.

#![deny(missing_docs, clippy::missing_errors_doc)]

pub mod alert_detail;
pub mod alerts;
pub mod approvals;
pub mod audit;
pub mod changes;
pub mod code;
pub mod columns;
pub mod deployments;
pub mod documents;
pub mod endpoints;
pub mod events;
pub mod exit;
pub mod experiments;
pub mod garbage;
pub mod gates;
pub mod headers;
pub mod health;
pub mod identity;
pub mod imports;
pub mod inbox;
pub mod lineage;
pub mod mlflow_routes;
pub mod models;
pub mod monitors;
pub mod page;
pub mod predictions;
pub mod problem;
pub mod reference;
pub mod replication;
pub mod rights;
pub mod runs;
pub mod server_file;
pub mod signing_keys;
pub mod status;
pub mod tracked_runs;
pub mod words;

pub use alerts::{Alert, AlertQuery, Mute};
pub use approvals::{
    Approve, GrantWaiver, Retire, Review, RuleReview, SignOff, Standing, VersionAct, VersionActKind, Waiver,
    WaiverState, WithdrawnEndpoint,
};
pub use audit::{
    AuditBodies, AuditBodiesQuery, AuditBody, AuditCheck, AuditEntry, AuditHead, AuditReceipt, AuditRecord, Checkpoint,
    CheckpointPlace, ConsistencyProof, ConsistencyQuery, ReceiptReason, VerifyAudit,
};
pub use changes::ObjectChange;
pub use code::Code;
pub use columns::{ColumnDistance, ColumnStats, ColumnStatsQuery, ColumnSummary, VersionColumnStats};
pub use deployments::{Deploy, DeployedVersion, Deployment};
pub use documents::{
    CardParts, Document, DocumentBlock, DocumentSection, Inventory, InventoryEntry, LiveVersion, MeasureObjectives,
    Objective, ObjectiveReading, Objectives,
};
pub use endpoints::{EndpointStatus, InputRuleCount, ModelMemory, Waits};
pub use events::{Delivery, DeliveryQuery, EventsReplayed, ReplayEvents};
pub use exit::Exit;
pub use experiments::{
    Comparison, ComparisonQuery, DecideExperiment, Exposure, ExposureQuery, Exposures, MetricComparison, SampleRatio,
};
pub use garbage::{CollectGarbage, Garbage, GarbageCollection};
pub use gates::GateVerdict;
pub use headers::{ACTOR_HEADER, CSRF_HEADER, FOLDER_KEY_HEADER, ROUTE_HEADER, Token, VERSION_HEADER};
pub use health::{Check, Health, Readiness, TaskStatus};
pub use identity::{
    Account, Accounts, BeginProviderLogin, BrowserSession, ChangeAccount, ChangePassword, FinishProviderLogin, Login,
    LoginOptions, NewAccount, NewSession, NewToken, ProviderLogin, Secret, Session, TokenCreated, TokenInfo, Tokens,
    WhoAmI,
};
pub use imports::{ImportCount, ImportFinished, ImportRecords, Imported};
pub use inbox::{
    BreakGlass, BreakGlassDeploy, BreakGlassReview, BreakGlassState, Inbox, InboxItem, InboxKind, PolicyProposal,
    PolicyProposals, ProposalState,
};
pub use lineage::{
    AsOf, AsOfQuery, Decided, EndpointAsOf, PredictionLineage, RunLineage, ServingVersion, VersionLineage,
};
pub use models::{Approval, Model, PackageSignature, SignPackage, Submission, Version, Withdrawal};
pub use monitors::{Reading, ReadingQuery};
pub use page::{Page, PageQuery, Reason};
pub use predictions::{
    Labels, LabelsKept, PastColumn, PastPredictions, PastPredictionsKept, PredictionFile, PredictionFileKnown,
    RefusedPrediction,
};
pub use problem::Problem;
pub use replication::{PackageFile, PackageFiles, RecordsKept, ServingPlan, SignedApproval, TrustedKey};
pub use runs::{
    NewRun, Run, RunEvent, RunEventKind, RunProgress, RunStarted, RunState, RunStep, RunSummary, StepLog, StepState,
};
pub use server_file::ServerFile;
pub use signing_keys::{RotateKey, SigningKey};
pub use status::{SharingServer, Status};
pub use tracked_runs::{
    AskSeries, Deleted, MetricSeries, MetricValue, RunSeries, SearchTrackedRuns, TrackedInput, TrackedRun,
    TrackedRunChange,
};
pub use words::{
    AlertKind, AlertState, ApproverRole, AuditOutcome, ColumnDataType, ColumnKind, ComparedMetric, DeliveryState,
    DeploymentState, DriftLevel, ExperimentDecision, ExperimentResult, GarbageKind, KeyPurpose, KeyState, MonitorKind,
    ReviewOutcome, ServingRole, Verdict, VersionState, canary_percent,
};
