//! The portfolio of the demo: several projects are replayed into one platform, while its pages are answered.
//!
//! Invariants: every state on the pages follows from the data, by the same replay as any other; the pages are there before the first model;
//! nobody acts while the past is played, because the clock of the platform is that of the past.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use kilter_api::{Code, Problem};
use kilter_app::{
    App, RequestContext,
    replay::{PlayedProgress, PlayedProject, replay_together},
};
use kilter_domain::{
    actor::Actor,
    event::{EventKind, TimelineEvent},
};
use kilter_server::{LogFormat, Server, ServerOptions, init_logs, stop_signal};
use serde::Serialize;

use crate::{
    commands::project::{
        demo::{
            place::{self, as_typed},
            projects::{STAGES, Stage, moment},
        },
        replay::problem,
        replay_words::{day, mark},
    },
    context::{DATA_FOLDER, act},
    ui::{
        error::CliError,
        output::Output,
        progress::ProgressBar,
        view::{Answer, Page, TextTable},
    },
};

/// Shows the projects of the demo as one portfolio.
pub(super) struct Portfolio {
    pub(super) keep: Option<PathBuf>,
    pub(super) port: u16,
    pub(super) once: bool,
}

/// What the demo says of itself as a document.
#[derive(Serialize)]
struct Shown {
    address: String,
    folder: PathBuf,
    data: PathBuf,
}

impl Portfolio {
    pub(super) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let (folder, temporary) = place::folder(self.keep.as_deref(), "demo")?;
        // A person reads the story here, and the pages beside it.
        init_logs(LogFormat::Text, "error", output.may_animate())
            .map_err(|why| Problem::new(Code::Internal, why.to_string()))?;
        let failed = |error: std::io::Error| Problem::of(Code::Internal, &error);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
        let shown = runtime.block_on(self.show(folder, output));
        // Whatever still writes ends first.
        drop(runtime);
        let removed = temporary.map_or(Ok(()), place::remove);
        shown.and_then(|answer| removed.map(|()| answer))
    }

    async fn show(&self, folder: PathBuf, output: &Output) -> Result<Answer, CliError> {
        let data = folder.join(DATA_FOLDER);
        let server = bind(&data, self.port).await?;
        let stop = stop_signal()?;
        let address = server.url()?;
        let page = Page::new()
            .line(format!("Kilter is at {address}: open it in a browser. Stop it with Ctrl-C."))
            .line("Five projects live through their past there, one line per decision. This takes about a minute.")
            .line("");
        output.announce(&Shown { address: address.clone(), folder: folder.clone(), data: data.clone() }, page)?;

        let (app, pause) = (server.app(), server.pause());
        let is_over = std::sync::Arc::new(AtomicBool::new(false));
        let (ended, played) = tokio::sync::oneshot::channel();
        let serving = {
            let once = self.once;
            server.run_until(async move {
                // Only with `--once` the end of the past is the end of the demo.
                let over = async {
                    match played.await {
                        Ok(()) if !once => std::future::pending().await,
                        _ => (),
                    }
                };
                tokio::select! { () = stop => (), () = over => () }
            })
        };
        let playing = {
            let (output, is_over, began) = (*output, is_over.clone(), Instant::now());
            let (typed, keep, address) = (as_typed(), self.keep.clone(), address.clone());
            tokio::task::spawn_blocking(move || {
                let done = play(&app, &folder, &is_over, &output);
                drop(pause);
                done.inspect(|()| {
                    if !is_over.load(Ordering::Relaxed) {
                        let told = Told { typed, by: act().actor, keep, address, took: began.elapsed().as_secs() };
                        told.show(&output);
                    }
                    let _ = ended.send(());
                })
            })
        };
        serving.await;
        is_over.store(true, Ordering::Relaxed);
        playing.await.map_err(|error| Problem::of(Code::Internal, &error))??;
        Ok(Answer::written())
    }
}

/// A server on this machine alone, at the port, or at another one if that is taken.
async fn bind(data: &Path, port: u16) -> Result<Server, CliError> {
    match Server::bind(ServerOptions { port, ..ServerOptions::local(data) }).await {
        Err(error) if error.is_address_in_use() => Ok(Server::bind(ServerOptions::local(data)).await?),
        bound => Ok(bound?),
    }
}

/// Writes the projects with their past moved to the present, and plays them until `is_over`.
fn play(app: &App, folder: &Path, is_over: &AtomicBool, output: &Output) -> Result<(), CliError> {
    let by = act();
    let projects = STAGES.iter().map(|stage| on_stage(stage, &folder.join(stage.project.name), &by));
    let projects = projects.collect::<Result<Vec<_>, _>>()?;
    let bar = ProgressBar::start(output);
    let mut rows = vec![(0, 0); projects.len()];
    let mut observer = |played: &PlayedProgress| {
        for event in played.progress.events.iter().filter(|event| is_told(event)) {
            bar.write_answer(output, &line(played.project.as_str(), event));
        }
        let at = STAGES.iter().position(|stage| stage.project.name == played.project.as_str());
        if let Some(rows) = at.and_then(|at| rows.get_mut(at)) {
            *rows = (played.progress.answered as u64, played.progress.rows as u64);
        }
        let (answered, all) = rows.iter().fold((0, 0), |(done, all), rows| (done + rows.0, all + rows.1));
        bar.set(answered, all, &day(played.progress.now));
        if is_over.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    Ok(replay_together(app, &projects, &mut observer).map_err(|error| problem(&error, true))?)
}

fn on_stage(stage: &Stage, folder: &Path, by: &RequestContext) -> Result<PlayedProject, CliError> {
    let shift = stage.shift_to(by.at);
    stage.write(folder, shift, &by.actor)?;
    Ok(PlayedProject {
        folder: folder.to_owned(),
        until: moment(stage.until).after(shift),
        asks_people_from: stage.asks_people_from.map(|from| moment(from).after(shift)),
    })
}

/// Whether an event is a line of the story: what follows from the line before it is not.
fn is_told(event: &TimelineEvent) -> bool {
    !matches!(
        event.kind,
        EventKind::RetrainSkipped | EventKind::Approved | EventKind::AlertResolved | EventKind::RetrainStarted
    )
}

/// One event as a line: day, project, kind, version, reason.
fn line(project: &str, event: &TimelineEvent) -> Page {
    let version = event.version.map_or_else(String::new, |version| format!("v{version}"));
    let lead = format!("{}  {project:<8}  {:<17}  {version:<3} ", day(event.at), event.kind.as_str().replace('_', " "));
    Page::new().reason(mark(event.kind), lead, event.reason.clone())
}

/// What is said when the past is played.
struct Told {
    typed: &'static str,
    by: Actor,
    keep: Option<PathBuf>,
    address: String,
    took: u64,
}

impl Told {
    fn show(&self, output: &Output) {
        let Self { typed, by, keep, address, took } = self;
        let mut shown = TextTable::new(["look at", "shows"]);
        for stage in &STAGES {
            shown.row([format!("{address}/models/{}", stage.project.name), stage.shows.to_owned()]);
        }
        let mut next = TextTable::new(["next", ""]);
        next.row([format!("{typed} approve loans@2 --server {address} --reason ok"), "say yes".to_owned()]);
        if let Some(folder) = keep {
            next.row([format!("cd {} && {typed} status", folder.display()), "what needs you".to_owned()]);
        }
        next.row([format!("{typed} init --from YOUR_DATA.csv"), "your data".to_owned()]);
        let page = Page::new()
            .line("")
            .line(format!("The present is reached after {took} s. From now on the loop goes on by itself."))
            .line("")
            .table(shown)
            .line("")
            .table(next)
            .line(format!("In the browser, say first at {address}/sign-in that you are {by}."));
        output.write_page(&page);
    }
}
