//! `kilter-server.toml`: what `kilter server`, and the commands on its data folder, take where neither the command line nor the
//! environment says something.
//!
//! Invariants: a key of `[server]` is a long option of `kilter server`, with `_` for `-`; the file is read only by commands that
//! take something from it; an option that was given, or is in the environment, wins.

use std::{
    ffi::OsString,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource};
use kilter_api::{Code, Problem};
use kilter_domain::nearest::nearest;
use toml::{Table, Value};

use crate::ui::error::{CliError, disk};

/// The file that is read without being named, where it is in the folder of the command.
const FILE_NAME: &str = "kilter-server.toml";
/// The variable that names another one.
pub(crate) const FILE_VARIABLE: &str = "KILTER_SERVER_CONFIG";
const MAX_BYTES: u64 = 1 << 20;
/// The options that say where a data folder is. The commands on it have them under the same names.
const DATA_FOLDER: &[&str] = &[
    "data",
    "database",
    "database_file",
    "storage",
    "storage_cache",
    "signing_key_file",
    "checkpoint_key_file",
    "audit_publish",
];
/// The sections besides `[server]`: `publish` of `[audit]` is the option `--audit-publish`.
const SECTIONS: &[&str] = &["audit"];
/// Options of which one is enough: where one is given, the file has no say about the others.
const ALTERNATIVES: &[&str] = &["database", "database_file"];

/// The same command, with the settings of the file as defaults.
///
/// # Errors
/// When the file that is named is missing or cannot be read, has a key that no option has, a value of the wrong kind, or a
/// password that others can read.
pub(crate) fn with_defaults(command: Command, arguments: &[OsString]) -> Result<Command, CliError> {
    let is_named = |argument: &OsString| argument.to_string_lossy().starts_with("--config");
    if !arguments.iter().any(is_named) && file(in_environment()).is_none() {
        return Ok(command);
    }
    // What is wrong with the arguments is said when they are parsed for good.
    let Ok(matches) = command.clone().try_get_matches_from(arguments) else { return Ok(command) };
    let (names, given) = leaf(&matches);
    let named = given.try_get_one::<PathBuf>("config").ok().flatten().cloned();
    let Some(path) = file(named.or_else(in_environment)) else { return Ok(command) };
    let asked = names.iter().try_fold(&command, |command, name| command.find_subcommand(name));
    let (Some(asked), Some(server)) = (asked, command.find_subcommand("server")) else { return Ok(command) };
    let taken = options_from_file(asked, server);
    if taken.is_empty() {
        return Ok(command);
    }
    let mut settings = Settings::read(path, server)?;
    if ALTERNATIVES.iter().any(|key| is_given(given, key)) {
        ALTERNATIVES.iter().for_each(|key| drop(settings.values.remove(*key)));
    }
    settings.set(command, &names, &taken)
}

/// The file with the settings: the one that is named, else the one of this folder.
pub(crate) fn file(named: Option<PathBuf>) -> Option<PathBuf> {
    named.or_else(|| Path::new(FILE_NAME).is_file().then(|| FILE_NAME.into()))
}

/// The file that the environment names.
fn in_environment() -> Option<PathBuf> {
    std::env::var_os(FILE_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The names of the command and its subcommand that were asked for, and what was given to it.
fn leaf(matches: &ArgMatches) -> (Vec<String>, &ArgMatches) {
    let (mut names, mut given) = (Vec::new(), matches);
    while let Some((name, inner)) = given.subcommand() {
        names.push(name.to_owned());
        given = inner;
    }
    (names, given)
}

fn is_given(given: &ArgMatches, key: &str) -> bool {
    let source = given.try_contains_id(key).is_ok_and(|has| has).then(|| given.value_source(key)).flatten();
    source.is_some_and(|source| source != ValueSource::DefaultValue)
}

/// The options of a command that the file may set, by key and id: all of `kilter server`, and those of other commands that say
/// where a data folder is.
fn options_from_file(asked: &Command, server: &Command) -> Vec<(String, String)> {
    let is_server = asked.get_name() == server.get_name();
    let same = |option: &Arg| {
        let of_server = server.get_arguments().find(|known| known.get_long() == option.get_long());
        let is_of_folder = DATA_FOLDER.contains(&key_of(option).as_str());
        is_of_folder && of_server.is_some_and(|known| known.get_env() == option.get_env())
    };
    let options = asked.get_arguments().filter(|option| is_key(option) && (is_server || same(option)));
    options.map(|option| (key_of(option), option.get_id().to_string())).collect()
}

fn is_key(option: &Arg) -> bool {
    option.get_long().is_some_and(|name| !["config", "help", "version"].contains(&name)) && !option.is_global_set()
}

fn key_of(option: &Arg) -> String {
    option.get_long().unwrap_or_default().replace('-', "_")
}

/// The section `[server]` of a file.
struct Settings {
    path: PathBuf,
    values: Table,
}

impl Settings {
    fn read(path: PathBuf, server: &Command) -> Result<Self, CliError> {
        let text = kilter_app::read_bounded_text(&path, MAX_BYTES).map_err(|error| disk("read", &path, &error))?;
        let wrong = |reason: String| invalid(&path, reason);
        let mut file: Table = toml::from_str(&text).map_err(|error: toml::de::Error| wrong(error.to_string()))?;
        let values = match file.remove("server") {
            None => Table::new(),
            Some(Value::Table(values)) => values,
            Some(_) => return Err(wrong("`server` is no section: write [server]".to_owned())),
        };
        let mut values = values;
        // A key of another section is the option with the name of the section before it.
        for section in SECTIONS {
            match file.remove(*section) {
                None => {}
                Some(Value::Table(keys)) => {
                    values.extend(keys.into_iter().map(|(key, value)| (format!("{section}_{key}"), value)));
                }
                Some(_) => return Err(wrong(format!("`{section}` is no section: write [{section}]"))),
            }
        }
        if let Some(other) = file.keys().next() {
            return Err(wrong(format!(
                "`{other}` stands outside of [server] and [{}], the only sections",
                SECTIONS.join("], [")
            )));
        }
        let keys: Vec<String> = server.get_arguments().filter(|option| is_key(option)).map(key_of).collect();
        if let Some(key) = values.keys().find(|key| !keys.contains(key)) {
            let meant = nearest(key, keys.iter().map(String::as_str));
            let hint = meant.map_or_else(
                || format!("the keys are {}", keys.join(", ")),
                |meant| format!("did you mean `{meant}`?"),
            );
            return Err(wrong(format!("no option of `kilter server` is called `{key}`; {hint}")));
        }
        let settings = Self { path, values };
        settings.refuse_open_password()?;
        Ok(settings)
    }

    /// Refuses a file with a password that more than its owner may read.
    fn refuse_open_password(&self) -> Result<(), CliError> {
        let has_password = self.values.get("database").and_then(Value::as_str).is_some_and(|url| {
            let user = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
            user.is_some_and(|(user, _)| user.contains(':'))
        });
        let mode = self.path.metadata().map_or(0, |found| found.permissions().mode());
        if has_password && mode & 0o077 != 0 {
            let detail = format!("`{}` has a password, and others on this machine can read it", self.path.display());
            let hint = format!(
                "`chmod 600 {}`, or put the address into a file of its own: database_file",
                self.path.display()
            );
            return Err(Problem::new(Code::FileInvalid, detail).hint(hint).into());
        }
        Ok(())
    }

    fn set(&self, command: Command, names: &[String], taken: &[(String, String)]) -> Result<Command, CliError> {
        let Some((name, below)) = names.split_first() else {
            return taken.iter().try_fold(command, |command, (key, id)| match self.values.get(key) {
                None => Ok(command),
                Some(value) => self.set_option(command, (key, id), value),
            });
        };
        let mut failed = None;
        let command = command.mut_subcommand(name, |inner| {
            let unchanged = inner.clone();
            self.set(inner, below, taken).unwrap_or_else(|error| {
                failed = Some(error);
                unchanged
            })
        });
        failed.map_or(Ok(command), Err)
    }

    fn set_option(&self, command: Command, (key, id): (&str, &str), value: &Value) -> Result<Command, CliError> {
        let Some(option) = command.get_arguments().find(|option| option.get_id() == id) else { return Ok(command) };
        let is_flag = matches!(option.get_action(), ArgAction::SetTrue);
        let is_list = matches!(option.get_action(), ArgAction::Append);
        let names = option.get_value_names().unwrap_or_default();
        let is_path = names.iter().any(|name| name == "DIR" || name == "FILE");
        let text = |value: &Value| match value {
            Value::String(text) if is_path => Some(self.beside(text)),
            Value::String(text) if !is_flag => Some(text.clone()),
            Value::Integer(number) if !is_flag && !is_path => Some(number.to_string()),
            Value::Boolean(is) if is_flag => Some(is.to_string()),
            _ => None,
        };
        let texts: Option<Vec<String>> = match value {
            Value::Array(values) if is_list => values.iter().map(text).collect(),
            value => text(value).map(|text| vec![text]),
        };
        let expected = match (is_flag, is_list) {
            (true, _) => "true or false",
            (_, true) => "a list of texts",
            _ => "a text or a whole number",
        };
        let texts = texts.ok_or_else(|| invalid(&self.path, format!("`{key}` is not {expected}: {value}")))?;
        Ok(command.mut_arg(id, |option| option.default_values(texts)))
    }

    /// A path of the file, which begins at the folder of the file.
    fn beside(&self, path: &str) -> String {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        folder.join(path).to_string_lossy().into_owned()
    }
}

fn invalid(path: &Path, reason: String) -> CliError {
    Problem::new(Code::FileInvalid, format!("`{}` cannot be understood: {}", path.display(), reason.trim_end()))
        .hint("its keys are the long options of `kilter server`, with `_` for `-`: docs/reference/server-file.md")
        .into()
}
