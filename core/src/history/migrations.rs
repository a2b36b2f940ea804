//! The schema: numbered SQL files, applied in order, recorded in `migrations`.
//!
//! Every file can be applied again without harm (`IF NOT EXISTS`), so a crash between applying and
//! recording is one too.

use clickhouse::Client;

use super::error::HistoryError;

const FILES: [(u32, &str, &str); 6] = [
    (
        1,
        "positions",
        include_str!("../../../deploy/clickhouse/0001_positions.sql"),
    ),
    (
        2,
        "messages",
        include_str!("../../../deploy/clickhouse/0002_messages.sql"),
    ),
    (
        3,
        "latest",
        include_str!("../../../deploy/clickhouse/0003_latest.sql"),
    ),
    (
        4,
        "replays",
        include_str!("../../../deploy/clickhouse/0004_replays.sql"),
    ),
    (
        5,
        "corrections",
        include_str!("../../../deploy/clickhouse/0005_corrections.sql"),
    ),
    (
        6,
        "redecode",
        include_str!("../../../deploy/clickhouse/0006_redecode.sql"),
    ),
];

/// Creates the database and applies what is not recorded yet.
pub(super) async fn apply(client: &Client, database: &str) -> Result<(), HistoryError> {
    for statement in [
        format!("CREATE DATABASE IF NOT EXISTS {database}"),
        format!(
            "CREATE TABLE IF NOT EXISTS {database}.migrations (number UInt32, name String, applied DateTime DEFAULT now()) \
             ENGINE = ReplacingMergeTree ORDER BY number"
        ),
    ] {
        client.query_raw(&statement).execute().await?;
    }
    let applied: Vec<u32> = client
        .query_raw(&format!("SELECT DISTINCT number FROM {database}.migrations"))
        .fetch_all()
        .await?;
    let known = FILES.len() as u32;
    if let Some(newer) = applied.iter().find(|number| **number > known) {
        return Err(HistoryError::State(format!(
            "the database {database} has schema {newer}, this program knows up to {known}: it was used by a newer one"
        )));
    }
    for (number, name, text) in FILES {
        if applied.contains(&number) {
            continue;
        }
        for statement in statements(&render(text, database, None)) {
            client.query_raw(&statement).execute().await?;
        }
        let record = format!("INSERT INTO {database}.migrations (number, name) VALUES ({number}, '{name}')");
        client.query_raw(&record).execute().await?;
        tracing::info!(number, name, database, "schema migration applied");
    }
    Ok(())
}

/// The SELECT of a materialised view in the schema, so that the same rows can be put through it again.
pub(super) fn view_select(view: &str, database: &str) -> Result<String, HistoryError> {
    let marker = format!("CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.{view} ");
    FILES
        .iter()
        .flat_map(|(_, _, text)| statements(&render(text, database, None)))
        .find(|statement| statement.starts_with(&marker))
        .and_then(|statement| statement.split_once(" AS\n").map(|(_, select)| select.to_owned()))
        .ok_or_else(|| HistoryError::State(format!("the schema has no view {view}")))
}

/// Fills the placeholders: the single-node form, or that of a cluster.
fn render(text: &str, database: &str, cluster: Option<&str>) -> String {
    let (on_cluster, replicated) = match cluster {
        Some(name) => (format!("ON CLUSTER '{name}'"), "Replicated"),
        None => (String::new(), ""),
    };
    text.replace("{database}", database)
        .replace("{on_cluster}", &on_cluster)
        .replace("{replicated}", replicated)
}

/// The statements of a file, without comments.
fn statements(text: &str) -> Vec<String> {
    let code: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .collect();
    code.join("\n")
        .split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';').to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// Whether this can stand in a statement as it is.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    name.len() <= 64
        && letters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_files_are_numbered_without_holes_and_repeatable() {
        for (index, (number, name, text)) in FILES.iter().enumerate() {
            assert_eq!(*number as usize, index + 1, "{name}");
            for statement in statements(&render(text, "db", None)) {
                let table = statement.contains(" IF NOT EXISTS db.");
                let column = statement.starts_with("ALTER TABLE db.")
                    && statement.contains(" ADD COLUMN IF NOT EXISTS ");
                let change =
                    statement.starts_with("ALTER TABLE db.") && statement.contains(" MODIFY COLUMN ");
                assert!(table || column || change, "{statement}");
                assert!(!statement.contains('{'), "{statement}");
            }
        }
    }

    #[test]
    fn the_cluster_form_replicates_every_table() {
        for (_, _, text) in FILES {
            for statement in statements(&render(text, "db", Some("main"))) {
                assert!(statement.contains("ON CLUSTER 'main'"));
                assert!(
                    !statement.contains("\nENGINE = ") || statement.contains("ENGINE = Replicated"),
                    "{statement}"
                );
            }
        }
    }

    #[test]
    fn the_select_of_a_view_is_found() {
        let select = view_select("latest_trusted", "db").unwrap();
        assert!(select.starts_with("SELECT") && select.contains("FROM db.positions AS p"));
        assert!(select.ends_with("GROUP BY client_id, device_id"));
        assert!(view_select("nothing", "db").is_err());
    }

    #[test]
    fn only_plain_names_are_identifiers() {
        assert!(is_identifier("fixstream") && is_identifier("_a1"));
        assert!(!is_identifier("") && !is_identifier("1a") && !is_identifier("a;b") && !is_identifier("a`"));
    }
}
