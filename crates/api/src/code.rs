//! The one table of error codes: status, exit code, title and way out of each. The reference page and the tests that
//! watch the code are made from it; a code that nobody raises does not belong here.

use std::fmt;

use crate::exit::Exit;

macro_rules! codes {
    ($($name:ident = $text:literal, $status:literal, $exit:ident, $title:literal, $hint:literal;)*) => {
        /// What kind of failure it was, for programs. The text of a code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it is written in JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The name of the variant, as it is written in the code.
            pub const fn variant(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The HTTP status that carries it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The exit code of a command that fails with it.
            pub const fn exit(self) -> Exit {
                match self { $(Self::$name => Exit::$exit,)* }
            }

            /// What went wrong, in a few words that fit every case of it.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What to do next when nothing better is known about the case.
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)* }
            }
        }
    };
}

codes! {
    // The request itself.
    UsageInvalid      = "usage_invalid",      400, Usage,       "the command line cannot be understood",    "see `kilter help`, or `kilter COMMAND --help`";
    RequestInvalid    = "request_invalid",    400, Usage,       "the request cannot be understood",         "compare it with /api/v1/openapi.json";
    BodyTooLarge      = "body_too_large",     413, Usage,       "the body is larger than the server takes", "send fewer rows in a request, or raise `--max-body`";
    MediaTypeUnsupported = "media_type_unsupported", 415, Usage,    "the body is not of a type that is taken",  "send the header `Content-Type: application/json` (with curl: `-H 'content-type: application/json'`)";
    HostRefused       = "host_refused",       403, Forbidden,   "the server does not answer to this host",  "reach it by `localhost` or its address, or start it with `--allowed-host NAME`";
    CrossSiteRefused  = "cross_site_refused", 403, Forbidden,   "a page of another origin sent the request", "send it from a program, or from a page of the server itself; behind a proxy, start the server with `--allowed-host` and the name of the proxy";
    CsrfMissing       = "csrf_missing",       403, Forbidden,   "nothing shows that a page of this server sent the request", "reload the page; a program sends `Authorization: Bearer TOKEN` instead of a cookie";
    RouteNotFound     = "route_not_found",    404, NotFound,    "there is nothing at this address",         "see the addresses in /api/v1/openapi.json";
    MethodNotAllowed  = "method_not_allowed", 405, Usage,       "this address does not take this method",   "see the methods in /api/v1/openapi.json";
    TokenMissing      = "token_missing",      401, Forbidden,   "the request carries no valid token",       "send `Authorization: Bearer TOKEN` with the token that the server was started with";
    TokenInvalid      = "token_invalid",      401, Forbidden,   "the token of the request is not valid",    "log in again with `kilter login`, or make another token with `kilter token create`";
    LoginRefused      = "login_refused",      401, Forbidden,   "nobody is let in by this name and password", "try again; someone who administers the platform sets another password with `kilter user password NAME`";
    LoginLimited      = "login_limited",      429, Forbidden,   "too many logins of this account failed",   "wait for the time that is said, then try again";
    ProviderUnavailable = "provider_unavailable", 503, Unreachable, "the OpenID provider cannot be asked",    "try again when it answers; who is logged in, and tokens of `kilter token create`, go on meanwhile";
    TimedOut          = "timed_out",          504, Unreachable, "it took longer than is allowed",           "try again, with less to do; how long a server lets a request take is `kilter server --timeout TIME`";

    // Files and tables.
    FileNotFound      = "file_not_found",     404, NotFound,    "the file does not exist",                  "check the path; it is taken from the current folder";
    FileInvalid       = "file_invalid",       422, Failed,      "the file cannot be read as what it should be", "write it again, or restore it from a copy";
    FileExists        = "file_exists",        409, Conflict,    "the file exists already",                  "name another file, or move this one away";
    ColumnUnknown     = "column_unknown",     422, Usage,       "the table has no such column",             "see its columns with `kilter sql \"select * from t limit 1\" --table t=FILE`";
    TrainingRefused   = "training_refused",   422, Failed,      "no model can be trained from this table",  "see what was found above, and change the table or the options";
    ModelInvalid      = "model_invalid",      422, Failed,      "the file is not a model that can be used", "use another model, or train one with `kilter train`";
    InvalidRows       = "invalid_rows",       422, Failed,      "the model does not accept the rows",            "correct the rows, or train a model that takes them";
    LabelsUnknown     = "labels_unknown",     422, Usage,       "the labels name no class of the model", "write answers and labels in the same words, or name another column with --target";
    SqlInvalid        = "sql_invalid",        400, Usage,       "the query cannot be answered",             "correct the query; `--table NAME=FILE` gives a file its name in it";
    StorageFailed     = "storage_failed",     500, Failed,      "reading or writing failed",                "see the cause below; `kilter doctor` checks folder, space and rights";
    DataDamaged       = "data_damaged",       500, Failed,      "a file of the data folder is damaged or missing", "see the file named above; `kilter doctor` checks all of them, `kilter restore` puts a backup in their place";
    DataVanished      = "data_vanished",      503, Unreachable, "the data folder was deleted or moved under the server", "stop the server, restore the data folder with `kilter restore`, and start again";
    DiskFull          = "disk_full",          507, Failed,      "the disk is full",                         "make room and repeat; nothing was lost";

    // The database.
    DatabaseUnavailable = "database_unavailable", 503, Unreachable, "the database does not answer, or takes no writes", "see the cause above; what was acknowledged is kept, and predictions are answered meanwhile";
    ReplicaInUse      = "replica_in_use",     409, Conflict,    "another process uses a copy of this data folder", "stop it, or choose another `--data`; each server has a data folder of its own";
    SchemaNewer       = "schema_newer",       409, Conflict,    "a newer version of Kilter has changed the schema of the database", "update Kilter here to the version of the other servers; predictions go on meanwhile";
    DatabaseMismatch  = "database_mismatch",  409, Conflict,    "data folder and database do not belong together", "name the database that the folder began with, or choose another `--data`";

    // The object store.
    StorageUnavailable = "storage_unavailable", 503, Unreachable, "the object store does not answer",       "see the cause above; what lies in the data folder is served meanwhile, and the prediction log is sealed when the store is back";
    StorageRefused    = "storage_refused",    503, Unreachable, "the object store does not allow this",     "see that the bucket is there, and that AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are right";
    StorageMismatch   = "storage_mismatch",   409, Conflict,    "data folder and object store do not belong together", "name the `--storage` that the folder began with, or choose another `--data`";

    // Datasets that lie elsewhere.
    DatasetUnavailable = "dataset_unavailable", 503, Unreachable, "a dataset cannot be read where it lies",    "see the cause above, and try again; `kilter run --locked` uses the copy that `kilter.lock` pins";
    DatasetRefused    = "dataset_refused",    403, Forbidden,   "the place of a dataset does not let us read it", "see that the address and the credentials (AWS_ACCESS_KEY_ID, `database`) are right";

    // Registries.
    RegistryUnavailable = "registry_unavailable", 503, Unreachable, "a registry cannot be reached, or does not answer to the end", "see the cause above, and try again: what was transferred is used";
    RegistryRefused   = "registry_refused",   403, Forbidden,   "a registry does not let us do this",       "log in with `docker login HOST`, or set KILTER_REGISTRY_USER and KILTER_REGISTRY_PASSWORD";
    PackageInvalid    = "package_invalid",    422, Failed,      "it is no package, or has other bytes than it says", "get it again from where it was made; nothing of it was kept";

    // The contract.
    ContractInvalid   = "contract_invalid",   422, Usage,       "the contract is not valid",                "see every place with `kilter check`";
    PolicyProposed    = "policy_proposed",    409, PendingApproval, "a validator must accept the contract first", "a validator sees it with `kilter policy list MODEL` and decides with `kilter policy accept MODEL ID`";
    StepFailed        = "step_failed",        500, Failed,      "a run could not be done",                  "see the step and its log above; `kilter run` goes on where it stopped";

    // Keys.
    KeyInvalid        = "key_invalid",        422, Failed,      "a signing key cannot be used",             "see the cause above; a key of packages is ECDSA P-256, one of checkpoints Ed25519, as PKCS#8 in PEM, in a file that only its owner can read";

    // Packages.
    PackageNotSigned  = "package_not_signed", 409, Conflict,    "no trusted key signed the package as it is", "see which check fails with `kilter package verify NAME@N`; a version that nobody changed is signed again with `kilter package sign`";

    // What is registered.
    NotFound          = "not_found",          404, NotFound,    "there is no such thing",                   "see what there is with `kilter status`";
    InvalidState      = "invalid_state",      409, Conflict,    "its state does not allow this",            "see its state with `kilter status`";
    SignatureDiffers  = "signature_differs",  422, Failed,      "its callers rely on another signature",    "deploy it to another endpoint";
    PermissionDenied  = "permission_denied",  403, Forbidden,   "the caller has no right to do this",  "ask one of those who have it, or have the role given in [project.roles] by someone who may change roles";
    NoLiveVersion     = "no_live_version",    404, NotFound,    "no version is live at this endpoint",       "train and deploy one with `kilter run`";

    // The server.
    AddressInUse      = "address_in_use",     409, Conflict,    "another process listens on this address",  "stop it, or choose another `--port`";
    AddressRefused    = "address_refused",    403, Usage,       "the address is not on this machine alone", "add `--allow-remote` and `--token-file FILE`, or bind to 127.0.0.1";
    ServerUnreachable = "server_unreachable", 503, Unreachable, "the server cannot be reached",             "start it with `kilter server`, or name another with --server";
    Overloaded        = "overloaded",         503, Unreachable, "the server holds as many requests as it may", "try again in a second, with fewer rows or fewer requests at once; `--max-bodies` raises the bound";
    PastPlayed        = "past_played",        503, Unreachable, "the demo plays the past of its projects",  "try again when its clock has reached the present";
    DataFolderInUse   = "data_folder_in_use", 409, Conflict,    "another process uses this data folder",    "stop it, or choose another `--data`";

    // Anything else.
    Internal          = "internal",           500, Failed,      "this is a fault of Kilter",                "please report it with what you did";
}

impl Code {
    /// The code written as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// The identifier of the kind of problem (RFC 9457 `type`).
    pub fn type_uri(self) -> String {
        format!("urn:kilter:error:{self}")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_written_once_and_reads_back() {
        let texts: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for &code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(code));
        }
        assert_eq!(Code::parse("no_such_code"), None);
    }

    #[test]
    fn every_code_is_an_error_with_a_title_and_a_way_out() {
        for &code in Code::ALL {
            assert!((400..600).contains(&code.status()), "{code}");
            assert_ne!(code.exit(), Exit::Done, "{code}");
            assert!(!code.title().is_empty() && !code.hint().is_empty(), "{code}");
            assert!(!code.hint().ends_with('.'), "{code}: a way out goes on in a sentence");
        }
    }

    #[test]
    fn statuses_and_exit_codes_agree() {
        for &code in Code::ALL {
            match code.status() {
                401 => assert_eq!(code.exit(), Exit::Forbidden, "{code}"),
                404 => assert_eq!(code.exit(), Exit::NotFound, "{code}"),
                503 | 504 => assert_eq!(code.exit(), Exit::Unreachable, "{code}"),
                500 | 507 => assert_eq!(code.exit(), Exit::Failed, "{code}"),
                _ => {}
            }
        }
    }
}
