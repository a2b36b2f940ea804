//! Where `libchdb.so` is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::EngineError;

/// The version that everything here was tested with; `deploy/libchdb` fetches it.
const VERSION: &str = "26.7.3";

/// The library: as configured, else `FIXSTREAM_LIBCHDB`, else the cache folder.
pub fn find(configured: Option<&Path>) -> Result<PathBuf, EngineError> {
    find_with(configured, |name| {
        std::env::var_os(name).filter(|value| !value.is_empty())
    })
}

fn find_with(
    configured: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, EngineError> {
    let named = configured
        .map(Path::to_path_buf)
        .or_else(|| variable("FIXSTREAM_LIBCHDB").map(PathBuf::from));
    let path = match named {
        Some(path) => path,
        None => cache(variable)
            .ok_or_else(|| {
                EngineError::NoLibrary(format!("there is no home folder to search; {}", advice()))
            })?
            .join("libchdb")
            .join(VERSION)
            .join("libchdb.so"),
    };
    if path.is_file() {
        return std::path::absolute(&path).map_err(EngineError::io(&path));
    }
    Err(EngineError::NoLibrary(format!(
        "{} does not exist; {}",
        path.display(),
        advice()
    )))
}

fn cache(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let of = |name: &str| variable(name).map(PathBuf::from);
    of("FIXSTREAM_CACHE")
        .or_else(|| of("XDG_CACHE_HOME").map(|folder| folder.join("fixstream")))
        .or_else(|| of("HOME").map(|folder| folder.join(".cache").join("fixstream")))
}

fn advice() -> &'static str {
    "run deploy/libchdb to fetch it, or set history.url to a ClickHouse server"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_configured_library_wins_over_the_environment_and_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libchdb.so");
        std::fs::write(&file, b"").unwrap();
        let environment = |_: &str| Some(OsString::from("/nowhere"));
        assert_eq!(find_with(Some(&file), environment).unwrap(), file);
    }

    #[test]
    fn a_missing_library_says_what_to_do() {
        let message = find_with(None, |name| (name == "HOME").then(|| "/nowhere".into()))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("/nowhere/.cache/fixstream/libchdb/26.7.3/libchdb.so"),
            "{message}"
        );
        assert!(
            message.contains("deploy/libchdb") && message.contains("history.url"),
            "{message}"
        );
        assert!(find_with(None, |_| None).is_err());
    }
}
