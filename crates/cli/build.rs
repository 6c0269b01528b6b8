//! Linking of the debug binary: sections that nobody uses are kept, because to look for them among those of 300 crates costs
//! more at each changed line than the space they take (docs/decisions/0003-build-cost.md).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("PROFILE", "debug") && is("CARGO_CFG_TARGET_OS", "linux") {
        println!("cargo:rustc-link-arg-bins=-Wl,--no-gc-sections");
    }
}
