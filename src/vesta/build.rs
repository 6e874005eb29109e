//! Links the program with packed relative relocations where the system's loader knows them.
//!
//! A position-independent program of this size has 130,000 addresses to be adjusted when it starts. As a plain table they are 3 MB that
//! are read once and stay in memory; packed (`DT_RELR`, glibc 2.36 and newer) they are a few kilobytes.

use std::process::Command;

/// The first glibc that loads such programs (its release notes of August 2022).
const KNOWS_RELR: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |key: &str| std::env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let at_home = std::env::var("HOST").ok() == std::env::var("TARGET").ok();
    // Built here for another machine, nothing is known of the loader there.
    if at_home && target("OS") == "linux" && target("ENV") == "gnu" && glibc().is_some_and(|found| found >= KNOWS_RELR)
    {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// This system's glibc, as `getconf` tells it: `glibc 2.36`.
fn glibc() -> Option<(u32, u32)> {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
