use super::*;

#[test]
fn the_definitions_fit_together() {
    command().debug_assert();
}

#[test]
fn the_file_defaults_to_dify_toml() {
    let arguments = parse(["dify-infra", "plan"]).unwrap();
    let Command::Plan(plan) = arguments.command else {
        panic!("not plan")
    };
    assert_eq!(plan.file.file, PathBuf::from("dify.toml"));
}

#[test]
fn the_file_of_a_route_may_be_left_out() {
    for (words, file, url) in [
        (&["/v1"][..], "dify.toml", "/v1"),
        (&["prod.toml", "/v1"], "prod.toml", "/v1"),
    ] {
        let arguments = ["dify-infra", "route"].iter().chain(words);
        let arguments = parse(arguments).unwrap();
        let Command::Route(route) = arguments.command else {
            panic!("not route")
        };
        assert_eq!((route.file, route.url.as_str()), (PathBuf::from(file), url));
    }
    assert!(parse(["dify-infra", "route"]).is_err());
}

#[test]
fn global_flags_may_stand_after_the_command() {
    let arguments = parse(["dify-infra", "apply", "--target", "embedded", "-vv"]).unwrap();
    assert_eq!(arguments.global.target, Some(Target::Embedded));
    assert_eq!(arguments.global.verbose, 2);
}

#[test]
fn a_command_shows_the_options_about_azure_that_mean_something_to_it() {
    let help = |words: &[&str]| {
        let words = ["dify-infra"].iter().chain(words).chain(&["--help"]);
        command()
            .try_get_matches_from(words)
            .unwrap_err()
            .to_string()
    };
    for (words, shown, hidden) in [
        (
            &["check"][..],
            &["--json", "--quiet"][..],
            &["--auth", "--target", "--time-scale", "--endpoint"][..],
        ),
        (
            &["images", "list"],
            &["--json"],
            &["--auth", "--subscription"],
        ),
        (&["images", "import"], &["--auth"], &["--secrets"]),
        (&["graph"], &["--subscription"], &["--auth", "--secrets "]),
        (&["emulate"], &["--time-scale"], &["--auth", "--target"]),
        (
            &["apply"],
            &["--auth", "--target", "--secrets", "--time-scale"],
            &[],
        ),
    ] {
        let help = help(words);
        for flag in shown {
            assert!(help.contains(flag), "{words:?} lacks {flag}:\n{help}");
        }
        for flag in hidden {
            assert!(!help.contains(flag), "{words:?} has {flag}:\n{help}");
        }
    }
}

#[test]
fn an_option_that_a_command_does_not_show_is_taken_all_the_same() {
    for words in [
        ["dify-infra", "--target", "embedded", "check"],
        ["dify-infra", "check", "--target", "embedded"],
    ] {
        assert_eq!(parse(words).unwrap().global.target, Some(Target::Embedded));
    }
}

#[test]
fn output_in_json_is_what_other_tools_of_azure_call_it() {
    let parsed = parse(["dify-infra", "plan", "--output", "json"]).unwrap();
    assert_eq!(parsed.global.output, Some(OutputFormat::Json));
    let Command::Plan(plan) = parsed.command else {
        panic!("not plan")
    };
    assert_eq!(plan.out, None);
    assert!(parse(["dify-infra", "plan", "-o", "plan.json"]).is_err());
}
