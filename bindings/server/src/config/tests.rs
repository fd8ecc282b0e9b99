//! Tests of the settings.

use super::*;

fn config(settings: Settings) -> Config {
    settings.or(Settings { db: Some("db".into()), ..Settings::default() }).resolve().unwrap()
}

#[test]
fn earlier_settings_take_precedence_and_defaults_fill_the_rest() {
    let arguments = Settings { grace: Some(Span::seconds(1)), ..Settings::default() };
    let file =
        toml::from_str("db = \"chats\"\ngrace = \"9s\"\nmax-body = 7\n[superoffice-secret]\ndefault = \"s\"").unwrap();
    let config = arguments.or(file).resolve().unwrap();
    assert_eq!((config.grace, config.max_body, config.hold), (Span::seconds(1), 7, Span::seconds(10)));
    assert_eq!(config.superoffice_secret["default"], ["s"]);
}

#[test]
fn what_is_printed_is_a_settings_file_without_secrets() {
    let given: Settings =
        toml::from_str("db = \"d\"\nbehind-proxy = true\n[superoffice-secret]\na = [\"sesame\", \"next\"]").unwrap();
    let config = given.resolve().unwrap();
    let printed = config.to_toml();
    assert!(!printed.contains("sesame") && !format!("{config:?}").contains("sesame"), "{printed}");
    // The placeholder is no secret.
    let refused = toml::from_str::<Settings>(&printed).unwrap().resolve().unwrap_err().to_string();
    assert!(refused.contains("hook a is missing"), "{refused}");
    let given = printed.replace(REDACTED, "sesame").replacen("sesame", "next", 1);
    let again = toml::from_str::<Settings>(&given).unwrap().resolve().unwrap();
    assert_eq!((again.behind_proxy, again.max_rejects, again.grace), (true, config.max_rejects, config.grace));
}

#[test]
fn unknown_names_and_invalid_values_are_refused_by_name() {
    for (file, named) in [
        ("lisen = \"127.0.0.1:1\"", "lisen"),
        ("grace = \"soon\"", "soon"),
        ("[superoffice-secret]\n\"a b\" = \"sesame\"", "a b"),
        ("[superoffice-secret]\na = \"\"", "empty"),
        ("\n[superoffice-secret]\na = \"sesame", "line 4"),
    ] {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), format!("db = \"d\"\n{file}")).unwrap();
        let error = Settings::read(path.path()).and_then(Settings::resolve).unwrap_err().to_string();
        assert!(error.contains(named) && !error.contains("sesame"), "{error}");
    }
    let unnamed = Settings { superoffice_secret: vec!["sesame".parse().unwrap()], ..Settings::default() };
    let error = unnamed.resolve().unwrap_err().to_string();
    assert!(error.contains("HOOK=SECRET") && !error.contains("sesame"), "{error}");
    let vast = Settings { max_readers: Some(usize::MAX), max_connections: Some(usize::MAX), ..Settings::default() };
    assert_eq!(config(vast).max_readers, Semaphore::MAX_PERMITS);
    let three = toml::from_str::<Settings>("db = \"d\"\n[superoffice-secret]\na = [\"1\", \"2\", \"3\"]").unwrap();
    assert!(three.resolve().unwrap_err().to_string().contains("3 secrets"));
    let half = Settings { db: Some("d".into()), tls_cert: Some("c".into()), ..Settings::default() };
    assert!(half.resolve().is_err());
    assert!(Settings::default().resolve().is_err());
    for bad in ["zone = \"Nowhere/Else\"", "ignore = [\"convo_open\"]"] {
        let settings: Settings = toml::from_str(&format!("db = \"d\"\n{bad}")).unwrap();
        assert!(matches!(settings.resolve(), Err(ServeError::Settings { .. })), "{bad}");
    }
}

#[test]
fn an_address_that_others_reach_needs_tokens_and_tls() {
    let at = |listen: &str, proxy| {
        config(Settings { listen: listen.parse().ok(), behind_proxy: Some(proxy), ..Settings::default() })
    };
    assert!(at("127.0.0.1:1", false).check(false).is_ok());
    assert!(at("[::1]:1", false).check(false).is_ok());
    assert!(matches!(at("127.0.0.1:1", true).check(false), Err(ServeError::NoTokens { .. })));
    assert!(matches!(at("0.0.0.0:1", false).check(false), Err(ServeError::NoTokens { .. })));
    assert!(matches!(at("0.0.0.0:1", true).check(false), Err(ServeError::NoTokens { .. })));
    assert!(matches!(at("0.0.0.0:1", false).check(true), Err(ServeError::NoTls { .. })));
    assert!(at("0.0.0.0:1", true).check(true).is_ok());
    let tls = Settings {
        listen: "0.0.0.0:1".parse().ok(),
        tls_cert: Some("c".into()),
        tls_key: Some("k".into()),
        ..Settings::default()
    };
    assert!(config(tls).check(true).is_ok());
}
