//! Versions of the library and of its interface.

use std::ffi::c_char;

/// The version of the interface that this header describes. A program can use a library only if
/// convofold_abi_version() returns the same number. The name of the shared library, libconvofold.so.1, ensures this.
pub const CONVOFOLD_ABI_VERSION: u32 = 1;

/// Returns the version of convofold, such as "0.1.0". The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn convofold_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// Returns the version of the interface of the library. Compare it with CONVOFOLD_ABI_VERSION if the program loads
/// the library with dlopen().
#[unsafe(no_mangle)]
pub extern "C" fn convofold_abi_version() -> u32 {
    CONVOFOLD_ABI_VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_library_has_the_version_of_its_interface() {
        assert_eq!(env!("CONVOFOLD_ABI_VERSION"), CONVOFOLD_ABI_VERSION.to_string());
    }
}
