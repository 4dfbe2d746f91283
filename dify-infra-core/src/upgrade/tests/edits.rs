//! What is edited in files of other shapes.

use super::*;

const START: &str = "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"1.11.4\"\n\
                     azure = { resource_group = \"rg\" } # inline\n";

/// The edited file, of which nothing is said under VER005 any more.
fn edited(more: &str) -> String {
    let report = to(&format!("{START}{more}"), "1.17.1");
    let text = report.text.clone().unwrap();
    let found = check_file(&text).map_or_else(|found| found, |it| it.diagnostics);
    assert!(
        found.iter().all(|it| it.code != "VER005"),
        "{found}\n{text}"
    );
    assert!(!report.has_errors(), "{report}");
    text.split_once("# inline\n").unwrap().1.to_owned()
}

#[test]
fn a_variable_goes_out_of_an_inline_table_into_a_comment_above() {
    let services = "[services.plugin_daemon]\nenv = { PLUGIN_ALLOW_ORPHANS = \"true\", LOG_LEVEL = \"info\" } # two\n";
    let file = format!("{START}{services}").replace("1.11.4", "1.10.1-fix.1");
    let text = to(&file, "1.17.1").text.unwrap();
    assert!(
        text.ends_with(
            "[services.plugin_daemon]\n# Dify 1.17.1 does not read this:\n# PLUGIN_ALLOW_ORPHANS = \"true\"\n\
             env = { LOG_LEVEL = \"info\" } # two\n"
        ),
        "{text}"
    );
}

#[test]
fn comments_stand_above_the_statement_whatever_is_nested_in_it() {
    assert_eq!(
        edited(
            "services = { api = { env = { LOG_LEVEL = \"\"\"IN\\\n  FO\"\"\", WEAVIATE_GRPC_ENABLED = true } }, \
             web = { env = { PM2_INSTANCES = 2 } } }"
        ),
        "# Dify 1.17.1 does not read this:\n# WEAVIATE_GRPC_ENABLED = true\n\
         # Dify 1.17.1 does not read this:\n# PM2_INSTANCES = 2\n\
         services = { api = { env = { LOG_LEVEL = \"\"\"IN\\\n  FO\"\"\" } }, web = { env = {} } }"
    );
}

#[test]
fn dotted_keys_and_inline_tables_that_become_empty_still_read() {
    assert_eq!(
        edited("services.api.env = { WEAVIATE_GRPC_ENABLED = true, APP_DAILY_RATE_LIMIT = 5 }\n"),
        "# Dify 1.17.1 does not read this:\n# APP_DAILY_RATE_LIMIT = 5\n\
         # Dify 1.17.1 does not read this:\n# WEAVIATE_GRPC_ENABLED = true\n\
         services.api.env = {}\n"
    );
}

#[test]
fn a_path_of_an_older_sandbox_is_not_carried_along() {
    let text =
        edited("[services.sandbox.env]\nPYTHON_PATH = \"/usr/local/bin/python3\" # carried\n");
    assert_eq!(
        text,
        "[services.sandbox.env]\n# Images up to 0.2.12 alone have this:\n\
         # PYTHON_PATH = \"/usr/local/bin/python3\" # carried\n"
    );
    let own = "[services.sandbox.env]\nPYTHON_PATH = \"/usr/bin/python3.12\"\n";
    assert_eq!(edited(own), own);
}

#[test]
fn lines_of_a_file_end_as_they_did() {
    let file =
        format!("{START}[services.api.env]\nWEAVIATE_GRPC_ENABLED = true\nLOG_LEVEL = \"INFO\"\n");
    for file in [file.clone(), file.replace("dify = \"1.11.4\"\n", "")] {
        let unix = to(&file, "1.17.1").text.unwrap();
        let windows = to(&file.replace('\n', "\r\n"), "1.17.1").text.unwrap();
        assert_eq!(windows, unix.replace('\n', "\r\n"));
    }
}
