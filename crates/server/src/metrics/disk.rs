//! What the data folder has of the disk, and what is free, as gauges of `/metrics`.

use crate::{
    disk_use::DiskReading,
    metrics::text::{family, labels},
};

/// Writes the gauges; what could not be measured is left out.
pub(crate) fn write(page: &mut String, disk: &DiskReading) {
    let parts = disk.used.iter().flat_map(|used| &used.bytes);
    let samples = parts.map(|(kind, bytes)| (labels(&[("kind", kind.as_str())]), *bytes as f64));
    let help = "Bytes of a part of the data folder, measured once in ten minutes at most.";
    family(page, "kilter_disk_bytes", "gauge", help, samples);
    let free = disk.free_bytes.map(|bytes| (String::new(), bytes as f64));
    family(page, "kilter_disk_free_bytes", "gauge", "Bytes that are free on the disk of the data folder.", free);
}
