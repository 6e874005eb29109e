//! The app's files are embedded: a new file among them is a reason to build again.
#![allow(clippy::print_stdout, reason = "so a build script speaks to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=../../web");
}
