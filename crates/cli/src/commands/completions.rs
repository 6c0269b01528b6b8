//! `kilter completions`: what the shell completes, made from the same declaration as the commands.

use clap::Args;
use clap_complete::Shell;

use crate::ui::{
    error::CliError,
    output::Output,
    view::{Answer, Page},
};

/// Print completions for a shell.
///
/// For bash: `kilter completions bash > ~/.local/share/bash-completion/completions/kilter`. For zsh: into a file named
/// `_kilter` in a folder of `$fpath`. For fish: `~/.config/fish/completions/kilter.fish`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell to complete for.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(["bash", "zsh", "fish"]))]
    shell: String,
}

impl Completions {
    pub(crate) fn run(self, declaration: &mut clap::Command, output: &Output) -> Result<Answer, CliError> {
        let script = self.script(declaration);
        if output.is_json() {
            return Ok(Answer::done(&serde_json::json!({ "shell": self.shell, "script": script }), Page::new()));
        }
        output.raw(&script)?;
        Ok(Answer::written())
    }

    fn script(&self, declaration: &mut clap::Command) -> String {
        let shell = match self.shell.as_str() {
            "bash" => Shell::Bash,
            "zsh" => Shell::Zsh,
            _ => Shell::Fish,
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, declaration, "kilter", &mut script);
        String::from_utf8_lossy(&script).into_owned()
    }
}
