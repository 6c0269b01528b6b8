//! The one table of rights: every route and every command, and which right it asks for. The server asks by this table, the
//! reference page is made from it, and a test fails for a route or a command that has no row.

use kilter_domain::actor::{Action, Role};

use crate::mlflow_routes::{self, MLFLOW_ROUTES};

/// One way to reach the platform, and what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessRule {
    /// The route or command.
    pub operation: Operation,
    /// What whoever uses it must have.
    pub requirement: Requirement,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Method and path, as the router writes them.
    Route(&'static str, &'static str),
    /// A command without its `kilter`: `model show`.
    Command(&'static str),
}

/// What a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Nothing of whoever reaches it, with the reason.
    Nothing(&'static str),
    /// A right, in which project.
    Right(Action, ProjectScope),
    /// That it is known who asks. What they may do follows from whose the thing is, as the text says.
    Caller(&'static str),
    /// What the routes ask that the command calls.
    Routes(&'static [&'static str]),
    /// Nothing of ours, with the reason: the command works on files, and the system decides who may read and write them.
    Files(&'static str),
}

/// In which project a right is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectScope {
    /// That of the endpoint in the path.
    Endpoint,
    /// That of the model in the path.
    Model,
    /// That of the alert in the path.
    Alert,
    /// That of the run in the path.
    Run,
    /// The one that the request names.
    Named,
    /// Any; what is of others is left out of the answer.
    AnyProject,
    /// All, because the answer cannot be taken apart.
    EveryProject,
    /// None: the platform itself, by an account that administers it or by access to the data folder.
    Platform,
}

impl ProjectScope {
    /// For the reference.
    const fn words(self) -> &'static str {
        match self {
            Self::Endpoint => "the project of the endpoint",
            Self::Model => "the project of the model",
            Self::Alert => "the project of the alert",
            Self::Run => "the project of the run",
            Self::Named => "the project that is named",
            Self::AnyProject => "any project; what is of others is left out",
            Self::EveryProject => "every project",
            Self::Platform => "the platform: an account that administers it, or access to the data folder",
        }
    }
}

const fn route(method: &'static str, path: &'static str, action: Action, of: ProjectScope) -> AccessRule {
    AccessRule { operation: Operation::Route(method, path), requirement: Requirement::Right(action, of) }
}

const fn open(path: &'static str, reason: &'static str) -> AccessRule {
    AccessRule { operation: Operation::Route("GET", path), requirement: Requirement::Nothing(reason) }
}

const fn command(name: &'static str, routes: &'static [&'static str]) -> AccessRule {
    AccessRule { operation: Operation::Command(name), requirement: Requirement::Routes(routes) }
}

const fn caller(method: &'static str, path: &'static str, which: &'static str) -> AccessRule {
    AccessRule { operation: Operation::Route(method, path), requirement: Requirement::Caller(which) }
}

const fn files(name: &'static str, reason: &'static str) -> AccessRule {
    AccessRule { operation: Operation::Command(name), requirement: Requirement::Files(reason) }
}

const PROBE: &str = "balancers and probes have no name; it tells nothing of a project";
const TELLS_READINESS: &str = "balancers and probes have no name; it tells whether a name answers, and nothing else";
const READS_FILES: &str = "reads and writes the files that it names";

/// Every route and every command.
pub const ACCESS_RULES: &[AccessRule] = &[
    // Routes.
    open("/health", PROBE),
    open("/ready", PROBE),
    open("/metrics", "a scraper has no name; counts and readings, no rows; the token guards it"),
    open("/api/v1/openapi.json", "it is the same for every server"),
    route("GET", "/api/v1/status", Action::Read, ProjectScope::AnyProject),
    route("GET", "/api/v1/status/as-of", Action::Read, ProjectScope::AnyProject),
    route("GET", "/api/v1/predictions/{id}", Action::Read, ProjectScope::AnyProject),
    route("GET", "/api/v1/models", Action::Read, ProjectScope::AnyProject),
    route("GET", "/api/v1/models/{model}/versions/{version}", Action::Read, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/versions/{version}/approve", Action::Approve, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/versions/{version}/reject", Action::Reject, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/versions/{version}/submit", Action::Submit, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/versions/{version}/return", Action::Return, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/versions/{version}/review", Action::Review, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/versions/{version}/retire", Action::Retire, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/versions/{version}/revoke", Action::Revoke, ProjectScope::Model),
    route("GET", "/api/v1/models/{model}/waivers", Action::Read, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/waivers", Action::Waive, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/waivers/{id}/revoke", Action::Waive, ProjectScope::Model),
    route("GET", "/api/v1/models/{model}/proposals", Action::Read, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/proposals/{id}/accept", Action::AcceptPolicy, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/proposals/{id}/reject", Action::AcceptPolicy, ProjectScope::Model),
    route("GET", "/api/v1/inbox", Action::Read, ProjectScope::AnyProject),
    route("GET", "/api/v1/endpoints/{endpoint}/break-glass", Action::Read, ProjectScope::Endpoint),
    route("POST", "/api/v1/endpoints/{endpoint}/break-glass", Action::BreakGlass, ProjectScope::Endpoint),
    route("POST", "/api/v1/endpoints/{endpoint}/break-glass/{id}/review", Action::Review, ProjectScope::Endpoint),
    route("GET", "/api/v1/models/{model}/versions/{version}/documents/{kind}", Action::Read, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/versions/{version}/card", Action::Submit, ProjectScope::Model),
    route("GET", "/api/v1/models/{model}/objectives", Action::Read, ProjectScope::Model),
    route("POST", "/api/v1/models/{model}/objectives/measure", Action::Run, ProjectScope::Model),
    route("GET", "/api/v1/inventory", Action::Read, ProjectScope::AnyProject),
    route("POST", "/api/v1/models/{model}/versions/{version}/sign", Action::Administer, ProjectScope::Model),
    route("GET", "/api/v1/deployments", Action::Read, ProjectScope::AnyProject),
    route("GET", "/api/v1/endpoints/{endpoint}", Action::Read, ProjectScope::Endpoint),
    route("POST", "/api/v1/endpoints/{endpoint}/deploy", Action::Deploy, ProjectScope::Endpoint),
    route("POST", "/api/v1/endpoints/{endpoint}/rollback", Action::RollBack, ProjectScope::Endpoint),
    route("GET", "/api/v1/endpoints/{endpoint}/comparison", Action::Read, ProjectScope::Endpoint),
    route("GET", "/api/v1/endpoints/{endpoint}/exposures", Action::Read, ProjectScope::Endpoint),
    route("POST", "/api/v1/endpoints/{endpoint}/experiment/decision", Action::Deploy, ProjectScope::Endpoint),
    route("POST", "/api/v1/endpoints/{endpoint}/labels", Action::Label, ProjectScope::Endpoint),
    route("POST", "/api/v1/endpoints/{endpoint}/predictions", Action::Deploy, ProjectScope::Endpoint),
    route("POST", "/api/v1/endpoints/{endpoint}/predictions/imports", Action::Deploy, ProjectScope::Endpoint),
    route("GET", "/api/v1/serving-plan", Action::Replicate, ProjectScope::AnyProject),
    route("GET", "/api/v1/models/{model}/packages/{digest}", Action::Replicate, ProjectScope::Model),
    route("GET", "/api/v1/models/{model}/packages/{digest}/files/{file}", Action::Replicate, ProjectScope::Model),
    route("POST", "/api/v1/endpoints/{endpoint}/records", Action::Replicate, ProjectScope::Endpoint),
    route("GET", "/api/v1/endpoints/{endpoint}/readings/latest", Action::Read, ProjectScope::Endpoint),
    route("GET", "/api/v1/endpoints/{endpoint}/readings", Action::Read, ProjectScope::Endpoint),
    route("GET", "/api/v1/endpoints/{endpoint}/columns", Action::Read, ProjectScope::Endpoint),
    route("GET", "/api/v1/alerts", Action::Read, ProjectScope::AnyProject),
    route("POST", "/api/v1/alerts/{id}/acknowledge", Action::HandleAlert, ProjectScope::Alert),
    route("POST", "/api/v1/alerts/{id}/mute", Action::HandleAlert, ProjectScope::Alert),
    route("POST", "/api/v1/alerts/{id}/unmute", Action::HandleAlert, ProjectScope::Alert),
    route("POST", "/api/v1/alerts/{id}/resolve", Action::HandleAlert, ProjectScope::Alert),
    caller("GET", "/api/v1/changes", "who is known; it names kinds of objects alone"),
    route("GET", "/api/v1/audit", Action::Audit, ProjectScope::EveryProject),
    route("GET", "/api/v1/audit/bodies", Action::Audit, ProjectScope::EveryProject),
    route("GET", "/api/v1/audit/verify", Action::Audit, ProjectScope::EveryProject),
    route("POST", "/api/v1/audit/verify", Action::Audit, ProjectScope::EveryProject),
    route("GET", "/api/v1/audit/checkpoint", Action::Audit, ProjectScope::EveryProject),
    route("GET", "/api/v1/audit/consistency", Action::Audit, ProjectScope::EveryProject),
    route("GET", "/api/v1/audit/{entry}", Action::Audit, ProjectScope::EveryProject),
    route("GET", "/api/v1/audit/{entry}/receipt", Action::Audit, ProjectScope::EveryProject),
    route("POST", "/api/v1/audit/{entry}/erase-reason", Action::Administer, ProjectScope::EveryProject),
    route("GET", "/api/v1/keys", Action::Audit, ProjectScope::EveryProject),
    route("GET", "/api/v1/keys/{id}", Action::Audit, ProjectScope::EveryProject),
    route("POST", "/api/v1/keys/rotate", Action::Administer, ProjectScope::Platform),
    route("POST", "/api/v1/keys/{id}/revoke", Action::Administer, ProjectScope::Platform),
    route("POST", "/api/v1/gc", Action::Administer, ProjectScope::EveryProject),
    route("POST", "/api/v1/imports/mlflow", Action::Administer, ProjectScope::Platform),
    route("POST", "/api/v1/imports/mlflow/finish", Action::Administer, ProjectScope::Platform),
    route("POST", "/api/v1/runs", Action::Run, ProjectScope::Named),
    route("GET", "/api/v1/runs", Action::Read, ProjectScope::AnyProject),
    route("GET", "/api/v1/runs/{id}", Action::Read, ProjectScope::Run),
    route("GET", "/api/v1/runs/{id}/events", Action::Read, ProjectScope::Run),
    route("POST", "/api/v1/runs/{id}/cancel", Action::Run, ProjectScope::Run),
    route("GET", "/api/v1/runs/{id}/steps/{step}/log", Action::Read, ProjectScope::Run),
    caller("POST", "/api/v1/tracked-runs/search", mlflow_routes::WHO_MAY),
    caller("POST", "/api/v1/tracked-runs/series", mlflow_routes::WHO_MAY),
    caller("GET", "/api/v1/tracked-runs/{id}", mlflow_routes::WHO_MAY),
    caller("GET", "/api/v1/tracked-runs/{id}/events", mlflow_routes::WHO_MAY),
    route("GET", "/api/v1/accounts", Action::Administer, ProjectScope::Platform),
    route("POST", "/api/v1/accounts", Action::Administer, ProjectScope::Platform),
    route("POST", "/api/v1/accounts/{account}", Action::Administer, ProjectScope::Platform),
    caller("POST", "/api/v1/accounts/{account}/password", "their own; those of others who administers the platform"),
    AccessRule {
        operation: Operation::Route("POST", "/api/v1/login"),
        requirement: Requirement::Nothing("it is how someone becomes known; failed ones are counted and slowed down"),
    },
    AccessRule {
        operation: Operation::Route("POST", "/api/v1/login/provider"),
        requirement: Requirement::Nothing("it is how someone becomes known, by the OpenID provider"),
    },
    AccessRule {
        operation: Operation::Route("POST", "/api/v1/login/provider/finish"),
        requirement: Requirement::Nothing("it is how someone becomes known, by a code of the OpenID provider"),
    },
    AccessRule {
        operation: Operation::Route("GET", "/api/v1/login/options"),
        requirement: Requirement::Nothing("whoever signs in has to know how"),
    },
    AccessRule {
        operation: Operation::Route("POST", "/api/v1/session"),
        requirement: Requirement::Nothing("it is how a browser becomes known; failed ones are counted and slowed down"),
    },
    AccessRule {
        operation: Operation::Route("POST", "/api/v1/session/end"),
        requirement: Requirement::Nothing("it ends the session of the browser that asks, and no other"),
    },
    route("GET", "/api/v1/events", Action::Administer, ProjectScope::Platform),
    route("POST", "/api/v1/events/replay", Action::Administer, ProjectScope::Platform),
    caller("GET", "/api/v1/whoami", "who they are"),
    caller(
        "GET",
        "/api/v1/tokens",
        "their own and those of services that they answer for; all for who administers the platform",
    ),
    caller("POST", "/api/v1/tokens", "their own, and of services that they answer for or administer"),
    caller(
        "POST",
        "/api/v1/tokens/{id}/revoke",
        "their own, of services that they answer for, and any for who administers the platform",
    ),
    open("/", PROBE),
    open("/v2", "it is the same for every server"),
    open("/v2/health/live", PROBE),
    open("/v2/health/ready", PROBE),
    open("/v2/models/{model}/ready", TELLS_READINESS),
    open("/v2/models/{model}/versions/{version}/ready", TELLS_READINESS),
    route("GET", "/v2/models/{model}", Action::Read, ProjectScope::Endpoint),
    route("GET", "/v2/models/{model}/versions/{version}", Action::Read, ProjectScope::Endpoint),
    route("GET", "/v2/models/stats", Action::Read, ProjectScope::AnyProject),
    route("GET", "/v2/models/{model}/config", Action::Read, ProjectScope::Endpoint),
    route("GET", "/v2/models/{model}/versions/{version}/config", Action::Read, ProjectScope::Endpoint),
    route("GET", "/v2/models/{model}/stats", Action::Read, ProjectScope::Endpoint),
    route("GET", "/v2/models/{model}/versions/{version}/stats", Action::Read, ProjectScope::Endpoint),
    route("POST", "/v2/repository/index", Action::Read, ProjectScope::AnyProject),
    route("POST", "/v2/repository/models/{model}/load", Action::Deploy, ProjectScope::Endpoint),
    route("POST", "/v2/repository/models/{model}/unload", Action::Deploy, ProjectScope::Endpoint),
    route("POST", "/v2/models/{model}/infer", Action::Predict, ProjectScope::Endpoint),
    route("POST", "/v2/models/{model}/versions/{version}/infer", Action::Predict, ProjectScope::Endpoint),
    route("GET", "/v1/models", Action::Read, ProjectScope::AnyProject),
    open("/v1/models/{model}", TELLS_READINESS),
    route("POST", "/v1/models/{model}", Action::Predict, ProjectScope::Endpoint),
    open("/ping", PROBE),
    open("/endpoints/{endpoint}/ping", TELLS_READINESS),
    route("POST", "/invocations", Action::Predict, ProjectScope::AnyProject),
    route("POST", "/endpoints/{endpoint}/invocations", Action::Predict, ProjectScope::Endpoint),
    // Commands that change or read what is registered.
    AccessRule {
        operation: Operation::Command("run"),
        requirement: Requirement::Right(Action::Run, ProjectScope::Named),
    },
    command("runs list", &["POST /api/v1/tracked-runs/search"]),
    command("runs search", &["POST /api/v1/tracked-runs/search"]),
    command("runs compare", &["GET /api/v1/tracked-runs/{id}"]),
    command(
        "runs show",
        &["POST /api/v1/tracked-runs/search", "GET /api/v1/tracked-runs/{id}", "GET /api/v1/runs/{id}"],
    ),
    command("runs logs", &["GET /api/v1/runs", "GET /api/v1/runs/{id}", "GET /api/v1/runs/{id}/steps/{step}/log"]),
    command("runs cancel", &["POST /api/v1/runs/{id}/cancel"]),
    command("status", &["GET /api/v1/status", "GET /api/v1/status/as-of"]),
    command("prediction show", &["GET /api/v1/predictions/{id}"]),
    command("deploy", &["POST /api/v1/endpoints/{endpoint}/deploy", "POST /api/v1/endpoints/{endpoint}/break-glass"]),
    command(
        "card",
        &[
            "GET /api/v1/models/{model}/versions/{version}/documents/{kind}",
            "POST /api/v1/models/{model}/versions/{version}/card",
        ],
    ),
    command("report", &["GET /api/v1/models/{model}/versions/{version}/documents/{kind}"]),
    command("inventory", &["GET /api/v1/inventory"]),
    command("objective list", &["GET /api/v1/models/{model}/objectives"]),
    command("objective measure", &["POST /api/v1/models/{model}/objectives/measure"]),
    command("inbox", &["GET /api/v1/inbox"]),
    command("policy list", &["GET /api/v1/models/{model}/proposals"]),
    command("policy accept", &["POST /api/v1/models/{model}/proposals/{id}/accept"]),
    command("policy reject", &["POST /api/v1/models/{model}/proposals/{id}/reject"]),
    command("break-glass list", &["GET /api/v1/endpoints/{endpoint}/break-glass"]),
    command("break-glass review", &["POST /api/v1/endpoints/{endpoint}/break-glass/{id}/review"]),
    command("rollback", &["POST /api/v1/endpoints/{endpoint}/rollback"]),
    command("model list", &["GET /api/v1/models"]),
    command("model show", &["GET /api/v1/models/{model}/versions/{version}"]),
    command("deployment list", &["GET /api/v1/deployments"]),
    command("experiment show", &["GET /api/v1/endpoints/{endpoint}/comparison"]),
    command("experiment exposures", &["GET /api/v1/endpoints/{endpoint}/exposures"]),
    command("experiment decide", &["POST /api/v1/endpoints/{endpoint}/experiment/decision"]),
    command("approve", &["POST /api/v1/models/{model}/versions/{version}/approve"]),
    command("reject", &["POST /api/v1/models/{model}/versions/{version}/reject"]),
    command("submit", &["POST /api/v1/models/{model}/versions/{version}/submit"]),
    command("return", &["POST /api/v1/models/{model}/versions/{version}/return"]),
    command("review", &["POST /api/v1/models/{model}/versions/{version}/review"]),
    command("retire", &["POST /api/v1/models/{model}/versions/{version}/retire"]),
    command("revoke", &["POST /api/v1/models/{model}/versions/{version}/revoke"]),
    command("waiver list", &["GET /api/v1/models/{model}/waivers"]),
    command("waiver grant", &["POST /api/v1/models/{model}/waivers"]),
    command("waiver revoke", &["POST /api/v1/models/{model}/waivers/{id}/revoke"]),
    command("label", &["POST /api/v1/endpoints/{endpoint}/labels"]),
    command(
        "prediction import",
        &["POST /api/v1/endpoints/{endpoint}/predictions/imports", "POST /api/v1/endpoints/{endpoint}/predictions"],
    ),
    command(
        "monitor list",
        &["GET /api/v1/status", "GET /api/v1/endpoints/{endpoint}/readings/latest", "GET /api/v1/alerts"],
    ),
    command("monitor show", &["GET /api/v1/status", "GET /api/v1/endpoints/{endpoint}/readings", "GET /api/v1/alerts"]),
    command("monitor history", &["GET /api/v1/status", "GET /api/v1/endpoints/{endpoint}/readings"]),
    command("monitor columns", &["GET /api/v1/endpoints/{endpoint}/columns"]),
    files("monitor export-prometheus", "writes rules for Prometheus from a contract"),
    command("alert list", &["GET /api/v1/alerts"]),
    command("alert ack", &["POST /api/v1/alerts/{id}/acknowledge"]),
    command("alert mute", &["POST /api/v1/alerts/{id}/mute"]),
    command("alert unmute", &["POST /api/v1/alerts/{id}/unmute"]),
    command("alert resolve", &["POST /api/v1/alerts/{id}/resolve"]),
    command("audit list", &["GET /api/v1/audit"]),
    command("audit show", &["GET /api/v1/audit/{entry}"]),
    command("audit verify", &["POST /api/v1/audit/verify"]),
    command("audit prove", &["GET /api/v1/audit/{entry}/receipt"]),
    command("audit checkpoint", &["GET /api/v1/audit/checkpoint"]),
    command("audit consistency", &["GET /api/v1/audit/consistency"]),
    command("audit erase", &["POST /api/v1/audit/{entry}/erase-reason"]),
    command("package sign", &["POST /api/v1/models/{model}/versions/{version}/sign"]),
    AccessRule {
        operation: Operation::Command("package import"),
        requirement: Requirement::Right(Action::Submit, ProjectScope::Named),
    },
    command("key list", &["GET /api/v1/keys"]),
    command("key export", &["GET /api/v1/keys/{id}"]),
    command("key rotate", &["POST /api/v1/keys/rotate"]),
    command("key revoke", &["POST /api/v1/keys/{id}/revoke"]),
    command("gc", &["POST /api/v1/gc"]),
    command("import mlflow", &["POST /api/v1/imports/mlflow", "POST /api/v1/imports/mlflow/finish"]),
    AccessRule {
        operation: Operation::Command("export mlflow"),
        requirement: Requirement::Caller("what they may read"),
    },
    command("export kserve", &["GET /api/v1/endpoints/{endpoint}", "GET /api/v1/models/{model}/versions/{version}"]),
    command("event list", &["GET /api/v1/events"]),
    command("event replay", &["POST /api/v1/events/replay"]),
    command("user add", &["POST /api/v1/accounts"]),
    command("user list", &["GET /api/v1/accounts"]),
    command("user disable", &["POST /api/v1/accounts/{account}"]),
    command("user enable", &["POST /api/v1/accounts/{account}"]),
    command("user groups", &["POST /api/v1/accounts/{account}"]),
    command("user password", &["POST /api/v1/accounts/{account}/password"]),
    command("login", &["POST /api/v1/login", "POST /api/v1/login/provider", "POST /api/v1/login/provider/finish"]),
    command("whoami", &["GET /api/v1/whoami"]),
    command("token create", &["POST /api/v1/tokens"]),
    command("token list", &["GET /api/v1/tokens"]),
    command("token revoke", &["POST /api/v1/tokens/{id}/revoke"]),
    // Commands on files.
    files("server", "opens the data folder that it names, and then answers by the rows above"),
    // Without a server it reads files alone.
    command(
        "serve",
        &[
            "GET /api/v1/serving-plan",
            "GET /api/v1/models/{model}/packages/{digest}",
            "GET /api/v1/models/{model}/packages/{digest}/files/{file}",
            "POST /api/v1/endpoints/{endpoint}/records",
        ],
    ),
    files("replay", "plays a past on a platform of its own, in a folder of its own"),
    files("demo", "makes a folder of its own"),
    files("init", "writes a contract"),
    files("check", "reads a contract"),
    files("schema", "writes the schema of contracts"),
    files("package push", "reads a folder or the data folder, and a registry asks for its own login"),
    files("package pull", "writes a folder, and a registry asks for its own login"),
    files("package rebuild", "reads a folder or the data folder, and the data that is named"),
    files("data fetch", "reads what the contract names, with the credentials of whoever types it"),
    files("data split", READS_FILES),
    files("sql", "reads files, with `--data` also the Parquet files of a prediction log"),
    files("train", READS_FILES),
    files("predict", READS_FILES),
    files("evaluate", READS_FILES),
    files("fairness", READS_FILES),
    files("explain", READS_FILES),
    files("profile", READS_FILES),
    files("drift", READS_FILES),
    files("doctor", "looks at this machine"),
    files("backup", "copies the data folder of whoever can read it"),
    files("restore", "makes a data folder from a backup"),
    files("storage copy", "copies the data folder, the database and the object store of whoever can read them"),
    files("package build", "reads the data folder of whoever can read it"),
    files("package verify", "reads a package, or the data folder of whoever can read it"),
    files("package diff", READS_FILES),
    files("logout", "removes the token that `kilter login` stored"),
    files("completions", "writes completions for a shell"),
    files("reference", "writes pages of this reference"),
];

/// What a route asks for; `None` for one that has no row, which nobody may use.
pub fn requirement_of_route(method: &str, path: &str) -> Option<Requirement> {
    let is_asked =
        |rule: &&AccessRule| matches!(rule.operation, Operation::Route(of, at) if of == method && at == path);
    let own = ACCESS_RULES.iter().find(is_asked).map(|rule| rule.requirement);
    own.or_else(|| of_mlflow(method, mlflow_routes::route_of(path)?))
}

fn of_mlflow(method: &str, route: &str) -> Option<Requirement> {
    let is_there = MLFLOW_ROUTES.contains(&(method, route));
    is_there.then_some(match route {
        mlflow_routes::SERVER_INFO | mlflow_routes::VERSION => {
            Requirement::Nothing("clients ask it before they log in")
        }
        mlflow_routes::WEBHOOKS | mlflow_routes::WEBHOOK | mlflow_routes::WEBHOOK_TEST => {
            Requirement::Caller(mlflow_routes::WHO_MAY_ADMINISTER)
        }
        _ => Requirement::Caller(mlflow_routes::WHO_MAY),
    })
}

/// `docs/reference/rights.md`: who may do what, and which route or command asks for which right.
pub fn page() -> String {
    let mut page = String::from(INTRO);
    page += "\n## Roles and rights\n\n| right |";
    Role::ALL.iter().for_each(|role| page += &format!(" {role} |"));
    page += " by hand of |\n|---|";
    Role::ALL.iter().for_each(|_| page += "---|");
    page += "---|\n";
    for action in Action::ALL {
        page += &format!("| {} |", action.phrase());
        Role::ALL.iter().for_each(|role| page += if action.roles().contains(role) { " yes |" } else { " |" });
        page += match (action.roles().is_empty(), action.needs_a_person()) {
            (true, _) => " the platform alone |\n",
            (_, true) => " a person |\n",
            _ => " a person or a service |\n",
        };
    }
    page += "\n## Routes\n\n| route | right | in |\n|---|---|---|\n";
    for rule in ACCESS_RULES {
        if let Operation::Route(method, path) = rule.operation {
            page += &format!("| `{method} {path}` | {} |\n", asked(rule.requirement));
        }
    }
    page += "\n## Routes of MLflow's API\n\n| route | right | in |\n|---|---|---|\n";
    for (method, path) in MLFLOW_ROUTES {
        if let Some(requirement) = of_mlflow(method, path) {
            page += &format!("| `{method} {path}` | {} |\n", asked(requirement));
        }
    }
    page += "\n## Commands\n\n| command | right | in |\n|---|---|---|\n";
    for rule in ACCESS_RULES {
        if let Operation::Command(name) = rule.operation {
            page += &format!("| `kilter {name}` | {} |\n", asked(rule.requirement));
        }
    }
    page
}

fn asked(requirement: Requirement) -> String {
    match requirement {
        Requirement::Nothing(reason) => format!("none: {reason} | "),
        Requirement::Caller(which) => format!("that it is known who asks | {which}"),
        Requirement::Right(action, of) => format!("{} | {}", action.phrase(), of.words()),
        Requirement::Routes(routes) => {
            let routes: Vec<String> = routes.iter().map(|route| format!("`{route}`")).collect();
            format!("as {} | ", routes.join(", "))
        }
        Requirement::Files(reason) => format!("none: it {reason}; the system decides who may | "),
    }
}

const INTRO: &str = "\
# Rights

<!-- Generated by `kilter reference rights`. Change crates/api/src/rights.rs and crates/domain/src/actor.rs and write it again. -->

Roles are given in `[project.roles]`, the owner in `[project] owner`. What counts is the contract that was recorded last by
someone who may change it, never the file in the folder. A contract that gives no role trusts everyone who can reach the
platform, except with what is the owner's where one is named: retiring, and changing the owner and the roles. A contract that gives
any role trusts nobody else. One that nobody could ever change, because neither its owner nor an admin is a person, is refused by\n`kilter check` and before it is recorded. `group:NAME` gives the role to the members of a group: of accounts (`kilter user groups`), and of the claim of an OpenID provider. The first contract of a project is recorded by whoever may start its first run by it.

A run whose contract differs from the recorded one changes the contract, and asks for that right as well: for *change the
contract* always; for *change gates, approval, deployment or what else judges and releases* where gates, `[approve]`,
`[deploy.*]`, `[threshold]`, objectives, the risk or what is required of data and package differ; for *change the owner or the
roles* where those differ.

What is refused is 403 (`permission_denied`), says who has the right, and leaves an entry of the audit table; what is refused
again within an hour is counted. Who is asking is proven by a token as soon as there is one account
([identity](../concepts/identity.md)); a token may allow less than its owner may. Before that it is what the caller says
(`x-kilter-actor`, `USER` at the terminal): a caller of the API who says nothing is `svc:api`, and a contract may give that service
a role. Who administers the platform is `admin` of every project.
";
