//! `kilter reference` (hidden): writes the pages of `docs/reference` that are made from the code. A test compares
//! them with what stands in the repository.

use clap::{Arg, Args, Command, ValueEnum};

use crate::{
    env::{SETTINGS, STEP_SETTINGS},
    ui::{
        error::CliError,
        output::Output,
        view::{Answer, Page},
    },
};

/// Print a page of the reference.
#[derive(Debug, Args)]
pub(crate) struct Reference {
    /// The page.
    page: ReferencePage,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReferencePage {
    /// docs/reference/cli.md
    Cli,
    /// docs/reference/errors.md
    Errors,
    /// docs/reference/rights.md
    Rights,
}

impl Reference {
    pub(crate) fn run(self, declaration: Command, output: &Output) -> Result<Answer, CliError> {
        let page = match self.page {
            ReferencePage::Cli => cli_page(declaration),
            ReferencePage::Errors => kilter_api::reference::errors(),
            ReferencePage::Rights => kilter_api::rights::page(),
        };
        if output.is_json() {
            return Ok(Answer::done(&serde_json::json!({ "markdown": page }), Page::new()));
        }
        output.raw(&page)?;
        Ok(Answer::written())
    }
}

/// `docs/reference/cli.md`: every command with its arguments, and every environment variable.
fn cli_page(mut root: Command) -> String {
    root.build();
    let mut page = CLI_INTRO.to_owned();
    page += "\n## Options of every command\n\n";
    page += &arguments(&root, |argument| argument.is_global_set());
    page += "\n## Environment\n\n| variable | what it sets |\n|---|---|\n";
    for setting in SETTINGS {
        page += &format!("| `{}` | {} |\n", setting.name, setting.meaning);
    }
    page += "\nWhat a step finds in its environment:\n\n| variable | what it says |\n|---|---|\n";
    for setting in STEP_SETTINGS {
        page += &format!("| `{}` | {} |\n", setting.name, setting.meaning);
    }
    page += "\n## Commands\n";
    for command in root.get_subcommands().filter(|command| is_public(command)) {
        describe(command, "kilter", &mut page);
    }
    page
}

/// Adds a command and what stands below it.
fn describe(command: &Command, parent: &str, page: &mut String) {
    let name = format!("{parent} {}", command.get_name());
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    *page += &format!("\n### {name}\n\n{about}\n\n    {usage}\n");
    let table = arguments(command, |argument| !argument.is_global_set());
    if !table.is_empty() {
        *page += &format!("\n{table}");
    }
    for below in command.get_subcommands().filter(|command| is_public(command)) {
        describe(below, &name, page);
    }
}

fn is_public(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

/// The arguments of a command that `wanted` picks, as a table; empty without any.
fn arguments(command: &Command, wanted: impl Fn(&Arg) -> bool) -> String {
    let is_shown = |argument: &&Arg| {
        !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str()) && wanted(argument)
    };
    let rows: Vec<String> = command.get_arguments().filter(is_shown).map(argument_row).collect();
    match rows.is_empty() {
        true => String::new(),
        false => format!("| argument | what it does |\n|---|---|\n{}", rows.concat()),
    }
}

fn argument_row(argument: &Arg) -> String {
    let value = argument.get_value_names().map_or_else(String::new, |names| {
        names.iter().map(|name| format!(" {name}")).collect::<String>().trim_start().to_owned()
    });
    let takes_value = argument.get_action().takes_values();
    let name = match (argument.get_long(), argument.get_short()) {
        (Some(long), Some(short)) => format!("--{long}, -{short}"),
        (Some(long), None) => format!("--{long}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => String::new(),
    };
    let shown = if takes_value { format!("{name} {value}").trim().to_owned() } else { name };
    let mut help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    if !help.ends_with(['.', ':']) {
        help += ".";
    }
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if takes_value && !defaults.is_empty() {
        help += &format!(" Default: `{}`.", defaults.join(","));
    }
    let values: Vec<_> = argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if takes_value && !values.is_empty() {
        help += &format!(" One of {}.", values.join(", "));
    }
    if let Some(variable) = argument.get_env() {
        help += &format!(" Environment: `{}`.", variable.to_string_lossy());
    }
    format!("| `{shown}` | {} |\n", help.replace('|', "\\|").replace('\n', " "))
}

const CLI_INTRO: &str = "\
# Commands

<!-- Generated by `kilter reference cli`. Change the commands in crates/cli and write it again. -->

Every command takes `--help`. Answers go to standard output, failures and notes to standard error. With `--json` standard
output is exactly one document, whose fields only ever grow; a failure is the document of [errors](errors.md), on standard
error. The exit codes stand there too.

Where an option takes COLUMNS, names stand between commas as in a line of CSV: a name with a comma or a quote stands in double
quotes (a quote in it twice), and the option can be repeated. The shell needs quotes of its own around them:
`--exclude '\"Income, total\",age'`. Quotes of a name may be left out where the columns of the table leave no doubt.
";
