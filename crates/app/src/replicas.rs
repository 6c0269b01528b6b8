//! One server among several that share a database: how it lives, and what it alone does.
//!
//! Invariants: a project is evaluated and trained by the server that holds its lease, and what that one writes is refused once
//! another holds it; a window is evaluated when every server that lives has sealed what it answered in it. On a database in a
//! file there are no leases: everything is this process's, and nothing is waited for.

use std::{fs, os::unix::fs::MetadataExt, time::Duration};

use kilter_domain::{
    ids::ProjectName,
    replica::ReplicaId,
    time::{Span, Timestamp},
};
use kilter_store::{audit, lease, replica, replica::Replica};
use kilter_workflow::Now;

use crate::{
    app::{App, new_id},
    causes::StorageError,
    components::serving::Serving,
    data_folder::DataFolderError,
    prediction::predict,
    registered,
};

pub use crate::components::leases::LeaseFault;

/// A request that was begun before its log was sealed may be recorded after; hardly one takes longer.
const IN_FLIGHT: Span = Span::seconds(2);
/// How long a lease stays free for servers that have the files of the project, before one without them takes it.
const FILES_FIRST: Span = Span::seconds(30);
/// How long a window waits for a server that lives and cannot seal.
const MAX_WAIT: Span = Span::seconds(5 * 60);

/// Takes the lease by which this replica lives, and keeps it until the platform is closed.
///
/// # Errors
/// When another process has it: the folder is a copy of the one that that process has. When a server lives that does not read
/// what this one would write.
pub(crate) fn join(app: &App) -> Result<(), DataFolderError> {
    let weak = app.downgrade();
    let sealed = move || {
        let app = weak.upgrade()?;
        let clock = app.components().answering.get()?;
        Some(sealed_until(&app, clock()))
    };
    app.components().leases.begin(app.store(), holder(app), Box::new(sealed))?;
    refuse_apart(app)?;
    // What is committed from here on is followed; what was before is about to be read.
    let seen = app.store().read(audit::size)?;
    app.components().followed.set(seen);
    Ok(())
}

/// Refuses to live beside a server whose packages and partitions lie elsewhere: neither could read those of the other.
fn refuse_apart(app: &App) -> Result<(), DataFolderError> {
    let own = (app.store().replica(), app.storage().map(|storage| storage.storage().url().to_string()));
    let noted = own.1.clone();
    let living = app.store().write(move |tx| {
        replica::note_storage(tx, noted.as_deref())?;
        replica::list_living(tx)
    })?;
    let is_apart = |other: &Replica| other.number != own.0 && (own.1.is_none() || other.storage != own.1);
    match living.into_iter().find(is_apart) {
        None => Ok(()),
        Some(Replica { number, storage, .. }) => {
            Err(DataFolderError::Apart { folder: app.folder().to_owned(), replica: number, storage })
        }
    }
}

/// This process for a person, and for the next process on the same folder: `HOST:BOOT:DEVICE:FOLDER#PROCESS`. A clone of a machine has
/// the same name and the same folders, and was booted on its own.
fn holder(app: &App) -> String {
    let read = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    let host = format!("{}:{:.8}", read("hostname").trim(), read("random/boot_id")).replace('#', "-");
    let place = fs::metadata(app.folder()).map(|folder| (folder.dev(), folder.ino())).unwrap_or_default();
    format!("{host}:{}:{}#process {} {}", place.0, place.1, std::process::id(), new_id())
}

/// From now on this process answers predictions, and seals what it answered: windows wait for it.
pub fn begin_to_answer(app: &App, clock: Now) {
    let _ = app.components().answering.set(clock);
}

/// Gives every lease back, so that other servers go on at once.
pub fn leave(app: &App) {
    if app.store().is_shared() {
        app.components().leases.end(app.under_no_lease().store());
    }
}

/// A server that shares the database, as its lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharingServer {
    /// Its number.
    pub replica: ReplicaId,
    /// The machine that it is on.
    pub host: String,
    /// Whether it lives, and until when its lease holds or held, by the clock of the database.
    pub lives: bool,
    /// When its lease runs out or ran out.
    pub until: Timestamp,
    /// Projects that it evaluates and trains.
    pub projects: Vec<String>,
}

/// How long a server that is gone is listed.
const REMEMBERED: Span = Span::days(1);

/// The servers that share the database, by their numbers, also those that went within a day; none on a database in a file.
///
/// # Errors
/// When the metadata cannot be read.
pub fn list_servers(app: &App) -> Result<Vec<SharingServer>, StorageError> {
    if !app.store().is_shared() {
        return Ok(vec![]);
    }
    let (now, leases) = app.store().read(|reader| Ok((reader.database_time()?, lease::list(reader)?)))?;
    let mut servers: Vec<SharingServer> = Vec::new();
    for lease in &leases {
        let number = lease.name.strip_prefix("server/").and_then(|number| number.parse().ok());
        let Some(replica) = number.and_then(ReplicaId::new) else { continue };
        if lease.until.after(REMEMBERED) < now {
            continue;
        }
        let lives = lease.until > now;
        let of_holder = leases.iter().filter(|held| lives && held.until > now && held.holder == lease.holder);
        let projects = of_holder.filter_map(|held| held.name.strip_prefix("project/").map(str::to_owned)).collect();
        let host = lease.holder.split(':').next().unwrap_or_default().to_owned();
        servers.push(SharingServer { replica, host, lives, until: lease.until, projects });
    }
    servers.sort_by_key(|server| server.replica);
    Ok(servers)
}

/// What is wrong with the lease by which this server lives, if something is.
pub fn lease_fault(app: &App) -> Option<LeaseFault> {
    app.components().leases.fault()
}

/// A handle by which this process may change a project on a timer: under the lease of the project. `None` while another server
/// holds that.
///
/// # Errors
/// When the metadata cannot be read or written.
pub fn hold_project(app: &App, project: &ProjectName) -> Result<Option<App>, StorageError> {
    if !app.store().is_shared() {
        return Ok(Some(app.clone()));
    }
    let (name, unfenced) = (format!("project/{project}"), app.under_no_lease());
    let leases = &app.components().leases;
    if !leases.has(&name) && !has_files(app, project)? && !is_free_for_long(app, &name)? {
        return Ok(None);
    }
    Ok(leases.acquire(unfenced.store(), &name)?.map(|lease| app.under(lease)))
}

/// A handle by which this process may send events: under the lease of them. `None` while another server has it.
///
/// # Errors
/// When the metadata cannot be read or written.
pub fn hold_events(app: &App) -> Result<Option<App>, StorageError> {
    if !app.store().is_shared() {
        return Ok(Some(app.clone()));
    }
    let unfenced = app.under_no_lease();
    Ok(app.components().leases.acquire(unfenced.store(), "events")?.map(|lease| app.under(lease)))
}

/// Whether the folder of a project is on this machine.
fn has_files(app: &App, project: &ProjectName) -> Result<bool, StorageError> {
    Ok(registered::project_folder(app, project)?.is_some_and(|folder| folder.is_dir()))
}

/// Whether no server took a lease for so long that none has the files of the project.
fn is_free_for_long(app: &App, name: &str) -> Result<bool, StorageError> {
    let (found, now) = app.store().read(|reader| Ok((lease::find(reader, name)?, reader.database_time()?)))?;
    Ok(match found {
        Some(lease) => lease.until.after(FILES_FIRST) <= now,
        None => app.components().leases.age() >= Duration::from_millis(FILES_FIRST.millis().unsigned_abs()),
    })
}

/// Until when everything that this process answered is sealed.
fn sealed_until(app: &App, now: Timestamp) -> Timestamp {
    let until = |serving: &Serving| serving.sealed_until(now);
    let sealed = predict::open_endpoints(app).iter().map(|(_, serving)| until(serving)).min();
    sealed.unwrap_or(now).before(IN_FLIGHT)
}

/// Until when every other server that lives has sealed what it answered; windows that end later wait. `now` on a file.
pub(crate) fn windows_until(app: &App, now: Timestamp) -> Result<Timestamp, StorageError> {
    if !app.store().is_shared() {
        return Ok(now);
    }
    let own = app.store().replica();
    let living = app.store().read(replica::list_living)?;
    let others = living.iter().filter(|living| living.number != own).filter_map(|living| living.sealed_until);
    Ok(others.min().map_or(now, |sealed| sealed.max(now.before(MAX_WAIT)).min(now)))
}
