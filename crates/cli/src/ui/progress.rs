//! A progress bar at the bottom of a terminal; nothing where standard error is no terminal.

use crate::ui::{output::Output, terminal::printable, view::Page};

/// The bar, if there is one.
pub(crate) struct ProgressBar(Option<indicatif::ProgressBar>);

impl ProgressBar {
    /// A bar where one may be drawn.
    pub(crate) fn start(output: &Output) -> Self {
        let style = indicatif::ProgressStyle::with_template("{bar:24} {percent:>3} % {msg}");
        let bar = style.ok().filter(|_| output.may_animate()).map(|style| {
            indicatif::ProgressBar::with_draw_target(Some(1), indicatif::ProgressDrawTarget::stderr()).with_style(style)
        });
        Self(bar)
    }

    /// Sets how far it is, of `total`.
    pub(crate) fn set(&self, done: u64, total: u64, text: &str) {
        if let Some(bar) = &self.0 {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(printable(text).replace('\n', " "));
        }
    }

    /// Writes a part of the answer above the bar, on standard output.
    pub(crate) fn write_answer(&self, output: &Output, page: &Page) {
        self.suspended(|| output.write_page(page));
    }

    /// Writes a page above the bar, on standard error; also if there is no bar.
    pub(crate) fn write_note(&self, output: &Output, page: &Page) {
        self.suspended(|| output.write_note(page));
    }

    fn suspended(&self, write: impl FnOnce()) {
        match &self.0 {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
