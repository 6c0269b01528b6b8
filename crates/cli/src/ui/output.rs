//! The one place that writes to the terminal.
//!
//! Invariants: the answer goes to standard output, everything else (failures, notes) to standard error; with `--json`
//! standard output is exactly one document; colour only on a terminal that wants it.

use std::io::{self, IsTerminal, Write};

use kilter_api::{Exit, Problem};

use crate::ui::{
    error::CliError,
    headline::headline,
    options::{ColorChoice, GlobalOptions},
    terminal::{printable, printable_json},
    text_table::{TextTable, wrap},
    view::{Answer, Block, Page, Status},
};

/// How a command talks.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
    quiet: bool,
    verbose: bool,
    color_out: bool,
    color_err: bool,
    /// Characters in a line of the terminal that reads standard output; `None` where nobody says it.
    width: Option<usize>,
    /// The same of standard error.
    width_err: Option<usize>,
}

impl Output {
    /// As the shared options and the terminal say.
    pub fn new(shared: &GlobalOptions) -> Self {
        let wanted = |is_terminal: bool| match shared.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && terminal_wants_color(),
        };
        Self {
            json: shared.json,
            quiet: shared.quiet,
            verbose: shared.verbose,
            color_out: !shared.json && wanted(io::stdout().is_terminal()),
            color_err: !shared.json && wanted(io::stderr().is_terminal()),
            width: terminal_width(&io::stdout()),
            width_err: terminal_width(&io::stderr()),
        }
    }

    /// JSON alone, for failures met before the options could be read.
    pub(crate) const fn json_only() -> Self {
        Self {
            json: true,
            quiet: true,
            verbose: false,
            color_out: false,
            color_err: false,
            width: None,
            width_err: None,
        }
    }

    /// Whether one document is wanted instead of a page.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether something that moves may be drawn on standard error.
    pub fn may_animate(&self) -> bool {
        !self.json && !self.quiet && io::stderr().is_terminal()
    }

    /// Shows the answer and says how the command ends.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn answer(&self, answer: &Answer) -> Result<Exit, CliError> {
        let text = match &answer.document {
            None => String::new(),
            Some(document) if self.json => pretty(document),
            Some(_) => self.render(&answer.page),
        };
        // A quiet command answers by its exit code, but a document that was asked for is not noise.
        if !text.is_empty() && (self.json || !self.quiet) {
            write_stdout(&text)?;
        }
        Ok(answer.exit)
    }

    /// Says at once what came of it so far, as a document or as a page: for a command that goes on afterwards.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn announce(&self, document: &impl serde::Serialize, page: Page) -> Result<(), CliError> {
        self.answer(&Answer::done(document, page)).map(|_| ())
    }

    /// Writes a document, whatever was asked for: for commands whose answer *is* one.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn document(&self, document: &impl serde::Serialize) -> Result<(), CliError> {
        write_stdout(&pretty(document))
    }

    /// Writes `text` as it is: for commands whose answer *is* a text (a schema, completions, rows).
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn raw(&self, text: &str) -> Result<(), CliError> {
        write_stdout(text)
    }

    /// Says something beside the answer, on standard error; not in JSON and not when quiet.
    pub fn note(&self, text: &str) {
        if !self.json && !self.quiet {
            write_stderr(&wrapped(&printable(text), self.width_err, (0, 2)));
        }
    }

    /// Shows what a person needs to go on, on standard error: in JSON too, and never broken into lines.
    pub fn ask_for(&self, text: &str) {
        write_stderr(&format!("{}\n", printable(text)));
    }

    /// Whether a person sits at the terminal and can be asked.
    pub fn can_ask(&self) -> bool {
        !self.json && !self.quiet && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a question on standard error; only `y` and `yes` are a yes.
    ///
    /// # Errors
    /// When the answer cannot be read.
    pub fn ask(&self, question: &str) -> io::Result<bool> {
        write_stderr(&format!("{question} [y/N] "));
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Writes a part of the answer at once, on standard output; not in JSON and not when quiet.
    pub(crate) fn write_page(&self, page: &Page) {
        if !self.json && !self.quiet {
            // When nobody reads any more, the answer at the end fails.
            let _ = write_stdout(&self.render(page));
        }
    }

    /// Writes a page beside the answer, on standard error; not in JSON and not when quiet.
    pub(crate) fn write_note(&self, page: &Page) {
        if !self.json && !self.quiet {
            write_stderr(&Self { color_out: self.color_err, width: self.width_err, ..*self }.render(page));
        }
    }

    /// Tells a failure on standard error and says how the command ends.
    pub fn problem(&self, problem: &Problem) -> Exit {
        write_stderr(&if self.json { pretty(problem) } else { self.render_problem(problem) });
        problem.exit()
    }

    fn render(&self, page: &Page) -> String {
        let mut text = String::new();
        for block in &page.blocks {
            match block {
                Block::Line(mark, line) => text += &self.lines(*mark, line, 2),
                Block::Reason(mark, lead, reason) => text += &self.reason(*mark, lead, reason),
                Block::Table(table) => text += &self.table(table),
            }
        }
        text
    }

    /// A line with its mark, wrapped to the terminal; what is wrapped goes on `indent` characters behind where it began.
    fn lines(&self, mark: Option<Status>, text: &str, indent: usize) -> String {
        let before = mark.map_or_else(String::new, |mark| format!("{} ", colored_glyph(mark, self.color_out)));
        let margin = 2 * usize::from(mark.is_some());
        format!("{before}{}", wrapped(&printable(text), self.width, (margin, indent)))
    }

    /// A table with a bold heading: what fits into a line, or every column.
    fn table(&self, table: &TextTable) -> String {
        let lines = match self.verbose {
            true => table.lines(self.width),
            false => table.brief(self.line_width()).lines(self.width),
        };
        let line = |(at, line): (usize, &String)| {
            format!("{}\n", if at == 0 { styled(line, "1", self.color_out) } else { line.clone() })
        };
        lines.iter().enumerate().map(line).collect()
    }

    /// Characters of a line without `--verbose`.
    fn line_width(&self) -> usize {
        self.width.unwrap_or(LINE).clamp(MIN_WIDTH, LINE)
    }

    /// A lead and its reason: within one line, or all of it.
    fn reason(&self, mark: Option<Status>, lead: &str, reason: &str) -> String {
        let indent = lead.chars().take_while(|char| *char == ' ').count() + 2;
        if self.verbose {
            return self.lines(mark, &format!("{lead}{reason}"), indent);
        }
        let before = lead.chars().count() + 2 * usize::from(mark.is_some());
        let left = self.line_width().saturating_sub(before).max(MIN_REASON);
        self.lines(mark, format!("{lead}{}", headline(reason, left)).trim_end(), indent)
    }

    fn render_problem(&self, problem: &Problem) -> String {
        let part = |text: &str| wrapped(&printable(text), self.width_err, (2, 2));
        let mut text = format!("{} {}", colored_glyph(Status::Bad, self.color_err), part(&problem.detail));
        for cause in &problem.causes {
            text += &format!("  {}", part(&format!("because {cause}")));
        }
        text + &format!("  {}", part(&format!("→ {}", problem.hint)))
    }
}

/// A text that stands `margin` characters from the left, with its line break at the end. What is wrapped goes on below
/// where its line began, `indent` characters to the right.
fn wrapped(text: &str, width: Option<usize>, (margin, indent): (usize, usize)) -> String {
    let Some(width) = width else { return format!("{text}\n") };
    let width = width.saturating_sub(margin).max(MIN_WIDTH);
    let lines: Vec<String> =
        text.split('\n').flat_map(|line| wrap(line, width, line.len() - line.trim_start().len() + indent)).collect();
    lines.join(&format!("\n{}", " ".repeat(margin))) + "\n"
}

/// Characters of a line without `--verbose`.
const LINE: usize = 100;
/// What a reason is never cut shorter than.
const MIN_REASON: usize = 24;
/// What lines are never made narrower than.
const MIN_WIDTH: usize = 40;

/// How wide the terminal behind a stream is; where there is none, what `COLUMNS` says.
fn terminal_width(stream: &impl std::os::fd::AsFd) -> Option<usize> {
    let stated = || std::env::var("COLUMNS").ok()?.trim().parse::<usize>().ok();
    let seen = terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0));
    seen.or_else(stated).filter(|width| *width > 0).map(|width| width.max(MIN_WIDTH))
}

/// No colour where the person said so (<https://no-color.org>) or the terminal cannot show it.
fn terminal_wants_color() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn colored_glyph(mark: Status, color: bool) -> String {
    styled(mark.glyph(), mark.ansi(), color)
}

fn styled(text: &str, style: &str, color: bool) -> String {
    if color { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}

fn pretty(document: &impl serde::Serialize) -> String {
    // `Answer::done` has made a `Value` of the document already, and a `Problem` is texts and a number.
    let text = serde_json::to_string_pretty(document).map(|text| text + "\n").unwrap_or_default();
    printable_json(&text).into_owned()
}

fn write_stdout(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| CliError::of_write(&error))
}

fn write_stderr(text: &str) {
    // When standard error is gone too, nobody is left to tell.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use kilter_api::Code;

    use super::*;

    const PLAIN: Output = Output {
        json: false,
        quiet: false,
        verbose: false,
        color_out: false,
        color_err: false,
        width: None,
        width_err: None,
    };

    #[test]
    fn a_failure_says_what_why_and_what_next() {
        let problem = Problem::new(Code::FileNotFound, "could not read `a.csv`")
            .caused_by(Some(&io::Error::from(io::ErrorKind::NotFound)));
        assert_eq!(
            PLAIN.render_problem(&problem),
            "✕ could not read `a.csv`\n  because entity not found\n  → check the path; it is taken from the current folder\n"
        );
    }

    #[test]
    fn a_failure_fits_its_terminal_too() {
        let problem =
            Problem::new(Code::FileNotFound, "could not read the table `a.csv` that the step `train` asks for");
        let narrow = Output { width_err: Some(40), ..PLAIN };
        assert_eq!(
            narrow.render_problem(&problem),
            "✕ could not read the table `a.csv` that\n    the step `train` asks for\n  → check the path; it is taken from the\n    current folder\n"
        );
    }

    #[test]
    fn colour_is_never_the_only_carrier() {
        let page = Page::new().marked(Status::Warn, "near the limit");
        let tinted = Output { color_out: true, ..PLAIN };
        assert_eq!(tinted.render(&page), "\x1b[33m▲\x1b[0m near the limit\n");
        assert_eq!(PLAIN.render(&page), "▲ near the limit\n");
    }

    #[test]
    fn a_reason_is_cut_to_its_line_and_whole_when_it_is_asked_for() {
        let reason =
            "one two three four five six seven eight nine ten eleven twelve; thirteen fourteen fifteen sixteen";
        let page = Page::new().reason(Status::Ok, "2026-01-01  ", reason);
        let first = "✓ 2026-01-01  one two three four five six seven eight nine ten eleven twelve\n";
        assert_eq!(PLAIN.render(&page), first);
        let narrow = Output { width: Some(44), ..PLAIN };
        assert_eq!(narrow.render(&page), "✓ 2026-01-01  one two three four five six…\n");
        assert_eq!(Output { verbose: true, ..PLAIN }.render(&page), format!("✓ 2026-01-01  {reason}\n"));
    }
}
