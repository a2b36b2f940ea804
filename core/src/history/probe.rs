//! Whether a ClickHouse server answers, for `fixstream doctor`.

use clickhouse::Client;

use super::error::HistoryError;

/// The version of the server at `url`, asked as `user`.
pub async fn server_version(url: &str, user: &str, password: &str) -> Result<String, HistoryError> {
    let client = Client::default()
        .with_url(url)
        .with_user(user)
        .with_password(password);
    Ok(client.query("SELECT version()").fetch_one().await?)
}
