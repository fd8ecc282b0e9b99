//! Sets the ABI version in the name of the shared library, so that a program never loads a library with another ABI.

/// Must be equal to `CONVOFOLD_ABI_VERSION`; a test checks this.
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
