//! Checks that the header is current. With `CONVOFOLD_WRITE_HEADER=1` (`just generate`) the header is written
//! instead.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use convofold::ingest::Format;

/// A source that is off by default and must not be in the header.
const TEST_SOURCE: &str = "helpdesk";

#[test]
fn the_header_is_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).expect("the settings");
    let formats = Format::ALL.iter().filter(|format| format.name() != TEST_SOURCE);
    config.after_includes = Some(format_enum(formats));
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
        "include/convofold.h is stale: run `just generate`. First difference (expected, found): {differs:?}"
    );
}

/// The enum `convofold_format`, from the list of sources: cbindgen does not see what a macro expands to.
fn format_enum<'a>(formats: impl Iterator<Item = &'a Format>) -> String {
    let mut text = "\n/**\n * The source of an input.\n */\ntypedef enum {\n".to_owned();
    for format in formats {
        let (name, number) = (format.name().to_ascii_uppercase(), *format as u32);
        let _ = writeln!(text, "    /**\n     * {}\n     */\n    CONVOFOLD_FORMAT_{name} = {number},", format.about());
    }
    text + "} convofold_format;"
}

#[test]
fn a_source_that_is_on_has_its_constant() {
    let text = format_enum(Format::ALL.iter());
    for format in Format::ALL {
        let constant = format!("CONVOFOLD_FORMAT_{} = {},", format.name().to_ascii_uppercase(), *format as u32);
        assert!(text.contains(&constant), "{text}");
    }
}
