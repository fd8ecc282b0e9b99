//! Gives the shared library the name by which programs find it, so that one with another ABI is not taken for it.

/// The same as `CONVOFOLD_ABI_VERSION`, which a test sees to.
const ABI_VERSION: u32 = 1;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=CONVOFOLD_ABI_VERSION={ABI_VERSION}");
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    match target.as_str() {
        "macos" => println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libconvofold.{ABI_VERSION}.dylib"),
        "windows" => {}
        _ => println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libconvofold.so.{ABI_VERSION}"),
    }
}
