//! The same options give the same bytes, in every version: logs are named by their options.

use std::error::Error;

use convofold_generator::{Envelope, Faults, Generator, Mix, Options};

fn options() -> Options {
    Options::new().events(2_000)
}

fn all_faults() -> Faults {
    Faults::new().duplicates(0.05).shuffle(300).garbage(0.03).message_first(0.2)
}

fn log(options: Options) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut log = Vec::new();
    Generator::new(options)?.write_to(&mut log)?;
    Ok(log)
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Every option away from its default. A change of these values needs a reason and a line in CHANGELOG.md.
#[test]
fn every_option_gives_the_bytes_it_always_gave() -> Result<(), Box<dyn Error>> {
    let expected = [
        (options(), 0x5f37_7bdf_e00b_22ab),
        (options().events(0), 0xcbf2_9ce4_8422_2325),
        (options().events(1), 0xe3aa_8400_13d2_082b),
        (options().seed(0), 0x42bb_53ca_c86a_200f),
        (options().seed(u64::MAX), 0xb82d_1567_93ca_2b44),
        (options().mix(Mix::only(Envelope::AirshipApi)), 0x0b78_1b53_657f_4408),
        (options().mix(Mix::only(Envelope::AirshipRtds)), 0x2225_94a3_c6d6_3be1),
        (options().mix(Mix::only(Envelope::SuperOffice)), 0x3ad7_cd97_11f2_b134),
        (options().mix(Mix::default().airship_api(5).superoffice(0)), 0x249a_6530_bf64_be5f),
        (options().agents(2000), 0xc066_5636_0764_056e),
        (options().tenants(9), 0xfb8a_b610_e304_60d5),
        (options().in_flight(3), 0xe033_9189_dc8b_5543),
        (options().start_ms(951_782_399_999), 0x9799_6d2d_91d3_c3eb),
        (options().sms(1.0), 0x2cda_e8d3_1395_4b12),
        (options().returning(0.9), 0x54af_df04_b4f2_1911),
        (options().transfer(0.9), 0xd601_b6c4_63ab_ff7f),
        (options().requeue(0.9), 0x9685_6df0_2849_854a),
        (options().abandon(0.9), 0x268b_f11d_82a5_7fa7),
        (options().updates(0.9), 0xe6e1_4965_6ef8_dd89),
        (options().leave_open(0.9), 0x5ae4_09da_7822_9056),
        (options().reopen(0.9), 0xae69_d98e_63d5_524b),
        (options().faults(Faults::new().duplicates(0.5)), 0x0f02_978a_e991_d395),
        (options().faults(Faults::new().shuffle(500)), 0x0709_7b68_a435_8369),
        (options().faults(Faults::new().garbage(0.5)), 0xd654_421c_53f2_6441),
        (options().faults(Faults::new().message_first(0.5)), 0x802b_da3a_2f54_2387),
        (options().faults(all_faults()), 0x89ad_1e9a_1761_fb87),
        (options().events(200_000), 0xb70c_90e2_bf4f_e49e),
        (options().events(200_000).faults(all_faults()), 0xf86d_6dbb_de57_6205),
    ];
    for (options, expected) in expected {
        let found = hash(&log(options.clone())?);
        assert_eq!(found, expected, "{found:#x} {options:?}");
    }
    Ok(())
}

/// The options of `just sample`.
#[test]
fn the_sample_of_the_readme_is_current() -> Result<(), Box<dyn Error>> {
    let options = Options::new().events(1_000).seed(3).in_flight(60).agents(9).tenants(2).leave_open(0.5).abandon(0.15);
    let sample = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sample.ndjson"))?;
    assert!(log(options)? == sample, "docs/sample.ndjson differs from what `just sample` writes");
    Ok(())
}
