//! Linking of the binary (docs/decisions/0003-build-cost.md).
//!
//! Debug: sections that nobody uses are kept, because to look for them among those of 300 crates costs more at each changed line than
//! the space they take. Release: addresses that the loader corrects at each start are packed, so that it reads 0.1 MB instead of 12 MB,
//! which would stay in memory.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") {
        return;
    }
    if is("PROFILE", "debug") {
        println!("cargo:rustc-link-arg-bins=-Wl,--no-gc-sections");
    } else if is("CARGO_CFG_TARGET_ENV", "gnu")
        && is("TARGET", &std::env::var("HOST").unwrap_or_default())
        && glibc() >= Some((2, 36))
    {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of the C library of this machine. One before 2.36 (Debian 12, Ubuntu 22.10) starts no program with packed addresses.
fn glibc() -> Option<(u32, u32)> {
    let answer = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let mut numbers = text.trim().strip_prefix("glibc ")?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
