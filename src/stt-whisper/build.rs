//! Lets the worker see the compute backends that whisper.cpp makes for itself; `src/abort.rs` says why.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Linkers for ELF know `--wrap`; Apple's does not. There a decode is aborted between its steps only.
    let elf = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    println!("cargo:rustc-check-cfg=cfg(wrapped_backends)");
    if elf {
        println!("cargo:rustc-link-arg=-Wl,--wrap=ggml_backend_init_by_type");
        println!("cargo:rustc-cfg=wrapped_backends");
    }
}
