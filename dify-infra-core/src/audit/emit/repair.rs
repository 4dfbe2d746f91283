//! Takes out of a draft what `check` refuses, and nothing else.

use super::draft::Draft;
use crate::check::check_file;
use crate::deployment::sku::PostgresSku;
use crate::diagnostic::{Diagnostic, Diagnostics, KeyPath, Segment, Severity};

/// How often what is refused is taken out before all but the necessary is.
const MOST_REPAIRS: usize = 40;

/// How often it is searched for what is to blame, and in how many places at most.
const MOST_SEARCHES: usize = 4;
const MOST_PLACES: usize = 96;

/// The rule about connections to PostgreSQL, which a larger server keeps as well.
const CONNECTIONS: &str = "LIM004";

/// Larger sizes of PostgreSQL, the cheapest first.
const LARGER: [&str; 4] = [
    "Standard_B2s",
    "Standard_D2ds_v5",
    "Standard_D4ds_v5",
    "Standard_D8ds_v5",
];

/// Variables that say how many connections a process keeps.
const POOLS: [&str; 4] = [
    "SQLALCHEMY_POOL_SIZE",
    "SQLALCHEMY_MAX_OVERFLOW",
    "PGVECTOR_MAX_CONNECTION",
    "DB_MAX_OPEN_CONNS",
];

/// Takes out what `check` refuses until it refuses nothing.
pub(super) fn repair(draft: &mut Draft) {
    let mut searches = 0;
    for _ in 0..MOST_REPAIRS {
        let Some(found) = refused(draft) else {
            return;
        };
        let errors: Vec<&Diagnostic> = found
            .iter()
            .filter(|it| it.severity == Severity::Error)
            .collect();
        let crowd = errors.iter().find(|it| it.code == CONNECTIONS);
        let mut any = crowd.is_some_and(|error| fit_connections(draft, error));
        for error in errors.iter().filter(|it| it.code != CONNECTIONS) {
            any |= draft.remove(&error.path, &why(error));
        }
        // One of several services lacks what the others have: it goes from all of them.
        if !any {
            for error in &errors {
                any |= remove_everywhere(draft, error);
            }
        }
        if !any && searches < MOST_SEARCHES {
            searches += 1;
            any = search(draft, &errors);
        }
        if !any {
            break;
        }
    }
    let Some(found) = refused(draft) else {
        return;
    };
    let codes = codes(found.iter().filter(|it| it.severity == Severity::Error));
    draft.strip();
    draft.note(&format!(
        "nothing but names and release could be carried: `check` refused the rest ({})",
        codes.join(" ")
    ));
}

/// A server that has all the connections; where the server is somebody's own, what asks for them goes.
fn fit_connections(draft: &mut Draft, error: &Diagnostic) -> bool {
    const TABLE: &str = "data.postgres";
    let is_crowded = |trial: &Draft| {
        let found = refused(trial);
        found.is_some_and(|found| found.iter().any(|it| it.code == CONNECTIONS))
    };
    let of = |name: &str| PostgresSku::find(name).map_or(0, PostgresSku::usable_connections);
    let written = draft.value(TABLE, "sku").map(|it| it.trim_matches('"'));
    let now = written.map_or(0, of);
    if draft.value(TABLE, "existing").is_none() {
        for name in LARGER.into_iter().filter(|name| of(name) > now) {
            let mut trial = draft.clone();
            trial.take(TABLE, Some("sku"));
            trial.text(TABLE, "sku", name);
            trial.because(&why(error));
            if !is_crowded(&trial) {
                *draft = trial;
                return true;
            }
        }
    }
    let mut any = false;
    for wanted in [&POOLS[..], &["replicas"]] {
        for (table, key) in draft.removable() {
            if table.starts_with("services.") && wanted.contains(&key.as_str()) {
                any |= draft.remove(&KeyPath::of(&table).key(&key), &why(error));
            }
        }
        if any && !is_crowded(draft) {
            break;
        }
    }
    any
}

fn refused(draft: &Draft) -> Option<Diagnostics> {
    check_file(&draft.render(&[])).err()
}

fn why(error: &Diagnostic) -> String {
    format!("{}: {}", error.code, error.message)
}

fn codes<'a>(errors: impl Iterator<Item = &'a Diagnostic>) -> Vec<&'a str> {
    let mut codes: Vec<&str> = errors.map(|it| it.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Removes a variable that an error is about from every service, and whatever else the error points at.
fn remove_everywhere(draft: &mut Draft, error: &Diagnostic) -> bool {
    let mut any = false;
    for related in &error.related {
        any |= draft.remove(&related.path, &why(error));
    }
    let (Some(Segment::Key(above)), Some(Segment::Key(name))) = (
        error.path.segments().iter().rev().nth(1),
        error.path.segments().last(),
    ) else {
        return any;
    };
    if above != "env" {
        return any;
    }
    for (table, key) in draft.removable() {
        if table.rsplit('.').next() == Some("env") && key == *name {
            any |= draft.remove(&KeyPath::of(&table).key(&key), &why(error));
        }
    }
    any
}

/// Finds by trial what an error that points at nothing of the file comes from, and removes that.
fn search(draft: &mut Draft, errors: &[&Diagnostic]) -> bool {
    let before = errors.len();
    let is_better = |trial: &Draft| {
        let left = refused(trial);
        left.map_or(0, |found| {
            let errors = found.iter();
            errors.filter(|it| it.severity == Severity::Error).count()
        }) < before
    };
    let places = draft.removable();
    let mut tables: Vec<&str> = places.iter().map(|(table, _)| table.as_str()).collect();
    tables.dedup();
    for table in tables.into_iter().rev().take(MOST_PLACES) {
        let mut without = draft.clone();
        without.take(table, None);
        if !is_better(&without) {
            continue;
        }
        let keys: Vec<&str> = places
            .iter()
            .filter(|(of, _)| of == table)
            .map(|(_, key)| key.as_str())
            .collect();
        let guilty = keys.iter().take(MOST_PLACES).find(|key| {
            let mut without = draft.clone();
            without.take(table, Some(key));
            is_better(&without)
        });
        let reason = errors.first().map(|it| why(it)).unwrap_or_default();
        draft.take(table, guilty.copied());
        let key = guilty.map(|key| format!(".{key}")).unwrap_or_default();
        draft.note(&format!("{table}{key}: {reason}"));
        return true;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        let mut draft = Draft::default();
        for (key, value) in [
            ("name", "dify"),
            ("environment", "dev"),
            ("location", "japaneast"),
        ] {
            draft.text("", key, value);
        }
        draft.text("azure", "resource_group", "dify-dev-rg");
        draft.text("services.api.env", "LOG_LEVEL", "DEBUG");
        draft
    }

    #[test]
    fn what_one_service_has_and_another_lacks_goes_with_the_rule_that_refuses_it() {
        let mut draft = draft();
        draft.text("services.api.env", "VECTOR_STORE", "qdrant");
        repair(&mut draft);
        let text = draft.render(&[]);
        assert!(text.contains("LOG_LEVEL = \"DEBUG\""), "{text}");
        assert!(
            text.contains("# - services.api.env.VECTOR_STORE: DBX005: "),
            "{text}"
        );
        assert!(check_file(&text).is_ok(), "{text}");
    }

    #[test]
    fn more_connections_get_a_larger_server() {
        let mut draft = draft();
        draft.text("services.api.env", "SQLALCHEMY_POOL_SIZE", "30");
        repair(&mut draft);
        let text = draft.render(&[]);
        assert!(
            text.contains("sku = \"Standard_B2s\"  # LIM004: "),
            "{text}"
        );
        assert!(text.contains("SQLALCHEMY_POOL_SIZE = \"30\""), "{text}");
        assert!(check_file(&text).is_ok(), "{text}");
    }

    #[test]
    fn a_server_of_somebody_elses_keeps_its_size() {
        let mut draft = draft();
        draft.text("data.postgres", "existing", "acme");
        draft.text("data.postgres", "administrator", "acme");
        draft.text("data.postgres", "sku", "Standard_B1ms");
        draft.text("services.api.env", "SQLALCHEMY_POOL_SIZE", "30");
        repair(&mut draft);
        let text = draft.render(&[]);
        assert!(text.contains("existing = \"acme\""), "{text}");
        assert!(
            text.contains("services.api.env.SQLALCHEMY_POOL_SIZE: LIM004"),
            "{text}"
        );
        assert!(check_file(&text).is_ok(), "{text}");
    }

    #[test]
    fn an_error_that_points_at_nothing_of_the_file_is_searched_for() {
        let mut draft = draft();
        draft.set(
            "services.api",
            "replicas",
            "{ min = 1, max = 300 }".to_owned(),
        );
        draft.text("data.postgres", "sku", "Standard_D64s_v3");
        let errors = refused(&draft).unwrap();
        let errors: Vec<_> = errors
            .iter()
            .filter(|it| it.severity == Severity::Error)
            .collect();
        assert!(search(&mut draft, &errors));
        let text = draft.render(&[]);
        assert!(text.contains("# - services.api.replicas: "), "{text}");
        assert!(text.contains("LOG_LEVEL = \"DEBUG\""), "{text}");
    }
}
