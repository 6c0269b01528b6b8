//! What DataFusion says, in our words: what, where in the query, and what was probably meant.

use datafusion::{
    common::{DataFusionError, Diagnostic, SchemaError},
    sql::sqlparser::parser::ParserError,
};
use kilter_domain::nearest::nearest;

use crate::{name_hint::hint, sql_options::SqlOptions};

/// Why a query did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum SqlError {
    #[error("the query is empty: write a SELECT")]
    Empty,
    #[error("the query is longer than {limit} bytes: put its lists into a table and join it")]
    TooLong { limit: usize },
    #[error("the query does not read as SQL: {what}")]
    Syntax { what: String },
    #[error("{what}: a query only reads, so write one SELECT")]
    NotAQuery { what: String },
    #[error("{}there is no column `{name}`{}{}", place(*.at), hint(.nearest.as_deref()), there_are(.present))]
    UnknownColumn { at: Option<(u64, u64)>, name: String, nearest: Option<String>, present: Vec<String> },
    #[error("{}there is no table `{name}`{}{}", place(*.at), hint(.nearest.as_deref()), there_are(.present))]
    UnknownTable { at: Option<(u64, u64)>, name: String, nearest: Option<String>, present: Vec<String> },
    #[error("table name `{name}` stands twice: name each table once")]
    DuplicateTable { name: String },
    #[error(
        "`{name}()` answers differently every time, and a step must not: write the time or the number into the query, \
         or allow it with `--volatile`"
    )]
    Volatile { name: String },
    #[error("two columns of the result are named `{name}`: name one of them with AS")]
    DuplicateColumn { name: String },
    #[error("column `{name}` of the result is {found}, which has no place in a table: {next}")]
    UnsupportedColumn { name: String, found: String, next: &'static str },
    #[error("{}the query makes no sense: {what}", place(*.at))]
    Plan { at: Option<(u64, u64)>, what: String },
    #[error(
        "the query needs more than the {memory_bytes} bytes of memory or {disk_bytes} bytes of disk allowed: {what}"
    )]
    TooLarge { memory_bytes: usize, disk_bytes: u64, what: String },
    #[error(
        "the result needs more than {limit} bytes of memory (after {rows} rows): write it to a file, or take fewer rows"
    )]
    ResultTooLarge { limit: usize, rows: usize },
    #[error("the query failed on its data: {what}")]
    Data { what: String },
    #[error("the query engine gave up: {what}; if the tables are whole, this is a bug worth reporting")]
    Panicked { what: String },
    #[error("the query was ended before it answered")]
    Cancelled,
    #[error("could not start the query engine: {what}")]
    Runtime { what: String },
}

fn place(at: Option<(u64, u64)>) -> String {
    at.map_or_else(String::new, |(line, column)| format!("line {line} column {column}: "))
}

fn there_are(present: &[String]) -> String {
    match present {
        [] => "; none is there".to_owned(),
        present if present.len() > 30 => {
            format!("; there are {} and {} more", present[..30].join(", "), present.len() - 30)
        }
        present => format!("; there are {}", present.join(", ")),
    }
}

/// Functions that answer differently every time; they are taken away unless asked for.
pub(crate) const VOLATILE: [&str; 8] =
    ["now", "current_timestamp", "current_date", "today", "current_time", "random", "rand", "uuid"];

impl SqlError {
    /// Translates an error of planning or execution; `tables` are the names that may stand in the query.
    pub(crate) fn from_engine(error: &DataFusionError, tables: &[String], options: &SqlOptions) -> Self {
        let at = error.diagnostic().and_then(location);
        match error.find_root() {
            DataFusionError::SQL(parser, _) => Self::Syntax { what: syntax(parser) },
            DataFusionError::SchemaError(schema, _) => from_schema(schema, at),
            DataFusionError::Plan(what) => from_plan(what, at, tables),
            DataFusionError::ResourcesExhausted(what) => Self::too_large(what, options),
            DataFusionError::NotImplemented(what) => Self::Plan { at, what: first_line(what) },
            DataFusionError::External(cause) => Self::Data { what: cause.to_string() },
            // A full spill folder comes as an error of reading or writing; this is all that tells it from others.
            root if root.message().contains("max_temp_directory_size") => Self::too_large(&root.message(), options),
            root => Self::Data { what: first_line(&root.message()) },
        }
    }

    fn too_large(what: &str, options: &SqlOptions) -> Self {
        let SqlOptions { memory_bytes, disk_bytes, .. } = *options;
        let what = first_line(what);
        let what = what.split(" Please try").next().unwrap_or_default().to_owned();
        Self::TooLarge { memory_bytes, disk_bytes, what }
    }
}

/// DataFusion adds a backtrace and advice to its users in further lines; the first says it.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

fn location(diagnostic: &Diagnostic) -> Option<(u64, u64)> {
    diagnostic.span.map(|span| (span.start.line, span.start.column))
}

fn syntax(error: &ParserError) -> String {
    match error {
        ParserError::TokenizerError(what) | ParserError::ParserError(what) => what.clone(),
        ParserError::RecursionLimitExceeded => "it nests too deep".to_owned(),
    }
}

fn from_schema(error: &SchemaError, at: Option<(u64, u64)>) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            // Without its function the word is taken for a column.
            if VOLATILE.contains(&&*field.name.to_lowercase()) {
                return SqlError::Volatile { name: field.name.clone() };
            }
            let mut present: Vec<String> = valid_fields.iter().map(|field| field.name.clone()).collect();
            present.dedup();
            let nearest = nearest(&field.name, present.iter().map(String::as_str)).map(str::to_owned);
            SqlError::UnknownColumn { at, name: field.flat_name(), nearest, present }
        }
        SchemaError::AmbiguousReference { field } => {
            SqlError::Plan { at, what: format!("`{}` stands in two tables: write the table before it", field.name) }
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            SqlError::DuplicateColumn { name: name.clone() }
        }
    }
}

fn from_plan(what: &str, at: Option<(u64, u64)>, tables: &[String]) -> SqlError {
    if let Some(name) = between(what, "table '", "' not found") {
        let name = name.rsplit('.').next().unwrap_or(name).to_owned();
        let nearest = nearest(&name, tables.iter().map(String::as_str)).map(str::to_owned);
        return SqlError::UnknownTable { at, name, nearest, present: tables.to_owned() };
    }
    if let Some(name) = between(what, "Invalid function '", "'") {
        if VOLATILE.contains(&&*name.to_lowercase()) {
            return SqlError::Volatile { name: name.to_owned() };
        }
        let meant = between(what, "Did you mean '", "'").map(str::to_owned);
        return SqlError::Plan { at, what: format!("there is no function `{name}`{}", hint(meant.as_deref())) };
    }
    if let Some(what) =
        ["DDL", "DML", "Statement"].iter().find(|kind| what.starts_with(&format!("{kind} not supported")))
    {
        return SqlError::NotAQuery { what: format!("{} not allowed", kind_words(what)) };
    }
    // Our own functions say what is wrong with their arguments; the engine wraps it.
    if let Some(own) = between(what, "coercion failed with: Error during planning: ", ". No function matches") {
        return SqlError::Plan { at, what: own.to_owned() };
    }
    SqlError::Plan { at, what: first_line(what) }
}

fn kind_words(kind: &str) -> &'static str {
    match kind {
        "DDL" => "making or dropping tables is",
        "DML" => "writing rows is",
        _ => "changing settings is",
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(after)?])
}
