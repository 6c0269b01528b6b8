//! How the work beside requests stands, as gauges of `/metrics`.

use kilter_api as api;

use crate::metrics::text::{family, labels};

/// A gauge of a background task: its name, its kind, its help, and how it is read.
type TaskGauge = (&'static str, &'static str, &'static str, fn(&api::TaskStatus) -> Option<f64>);

/// What goes on beside requests.
pub(crate) fn write(page: &mut String, status: &api::Status) {
    let gauges: [TaskGauge; 5] = [
        ("kilter_task_ok", "gauge", "1 while a background task goes on, 0 while it fails or is blocked.", |task| {
            Some(f64::from(u8::from(task.ok)))
        }),
        ("kilter_task_consecutive_failures", "gauge", "Steps of a background task that failed in a row.", |task| {
            Some(f64::from(task.failures))
        }),
        ("kilter_task_panics_total", "counter", "Steps of a background task that panicked.", |task| {
            Some(task.panics as f64)
        }),
        ("kilter_task_running_seconds", "gauge", "How long the step takes that runs now.", |task| {
            task.running_seconds.map(|seconds| seconds as f64)
        }),
        ("kilter_task_last_success_age_seconds", "gauge", "Time since a background task last succeeded.", |task| {
            task.succeeded_seconds_ago.map(|seconds| seconds as f64)
        }),
    ];
    for (name, kind, help, read) in gauges {
        let samples = status.tasks.iter().filter_map(|task| Some((labels(&[("task", &task.name)]), read(task)?)));
        family(page, name, kind, help, samples);
    }
    let damage = [(String::new(), status.damage.len() as f64)];
    family(page, "kilter_damaged_files", "gauge", "Things of the data folder that are damaged or missing.", damage);
}
