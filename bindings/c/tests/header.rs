//! The header is the one that the code says. With `CONVOFOLD_WRITE_HEADER=1` it is written anew instead.

use std::fs;
use std::path::Path;

#[test]
fn the_header_is_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).expect("the settings");
    let bindings = cbindgen::Builder::new().with_crate(folder).with_config(config).generate().expect("a header");
    let mut made = Vec::new();
    bindings.write(&mut made);
    let header = folder.join("include/convofold.h");
    if std::env::var_os("CONVOFOLD_WRITE_HEADER").is_some() {
        fs::write(&header, &made).expect("the header can be written");
    }
    let made = String::from_utf8(made).expect("text");
    let found = fs::read_to_string(&header).unwrap_or_default();
    let differs = made.lines().zip(found.lines()).find(|(made, found)| made != found);
    assert!(
        made == found,
        "include/convofold.h is stale: run CONVOFOLD_WRITE_HEADER=1 cargo test --package convofold-capi. First difference \
         (expected, found): {differs:?}"
    );
}
