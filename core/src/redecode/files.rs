//! Jobs on disk: a file each, `<number>.json`, replaced as a whole.
//!
//! A file that can't be read is put aside as `<number>.json.damaged`, and its number is not given again: one job is
//! lost, and neither the hub nor the other jobs wait for somebody to look at it.

use std::path::{Path, PathBuf};

use super::job::{Job, JobId};
use super::jobs::RedecodeError;
use super::run;

/// Behind the name of a file that was put aside.
const ASIDE: &str = ".damaged";

/// The folder of all jobs.
pub(super) struct Files {
    folder: PathBuf,
}

/// What was in it.
#[derive(Default)]
pub(super) struct Found {
    pub jobs: Vec<Job>,
    /// The greatest number that a job ever had, of those whose files are there.
    pub last: JobId,
    /// Files that were put aside, now or before.
    pub damaged: usize,
}

impl Files {
    /// Reads all files in `folder`, which is made.
    pub(super) fn open(folder: PathBuf) -> Result<(Self, Found), RedecodeError> {
        std::fs::create_dir_all(&folder).map_err(at(&folder))?;
        let mut found = Found::default();
        for entry in std::fs::read_dir(&folder).map_err(at(&folder))? {
            let entry = entry.map_err(at(&folder))?;
            let name = entry.file_name();
            let Some((id, aside)) = name.to_str().and_then(of_job) else {
                continue;
            };
            found.last = found.last.max(id);
            if aside {
                found.damaged += 1;
                continue;
            }
            match read(&entry.path(), id) {
                Ok(job) => found.jobs.push(job),
                Err(reason) => {
                    put_aside(&entry.path(), &reason);
                    found.damaged += 1;
                }
            }
        }
        Ok((Self { folder }, found))
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the file of a new job: on disk when it returns, and in its folder.
    pub(super) fn make(&self, job: &Job) -> Result<(), RedecodeError> {
        self.write(job)?;
        let folder = std::fs::File::open(&self.folder);
        folder
            .and_then(|folder| folder.sync_all())
            .map_err(at(&self.folder))
    }

    /// Replaces the job's file.
    pub(super) fn write(&self, job: &Job) -> Result<(), RedecodeError> {
        let path = self.path(job.id);
        let made = self.folder.join(format!("{}.json.new", job.id));
        let write = || {
            let mut file = std::fs::File::create(&made)?;
            serde_json::to_writer(&mut file, job)?;
            file.sync_all()?;
            std::fs::rename(&made, &path)
        };
        write().map_err(at(&path))
    }

    /// Removes all that is kept of a job.
    pub(super) fn remove(&self, id: JobId) {
        run::forget(&self.folder, id);
        // a file that stays is read again at the next start, no more
        let _ = std::fs::remove_file(self.path(id));
    }

    fn path(&self, id: JobId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

/// Whose file a name says that it is, and whether that was put aside.
fn of_job(name: &str) -> Option<(JobId, bool)> {
    let (name, aside) = match name.strip_suffix(ASIDE) {
        Some(name) => (name, true),
        None => (name, false),
    };
    Some((JobId(name.strip_suffix(".json")?.parse().ok()?), aside))
}

/// A job, or in words why it can't be read.
fn read(path: &Path, id: JobId) -> Result<Job, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let job: Job = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if job.id == id {
        Ok(job)
    } else {
        Err(format!("it is of re-decoding {}", job.id))
    }
}

fn put_aside(path: &Path, reason: &str) {
    let mut kept = path.as_os_str().to_owned();
    kept.push(ASIDE);
    match std::fs::rename(path, &kept) {
        Ok(()) => tracing::error!(
            file = %path.display(), reason, kept = %kept.display(),
            "a re-decoding can not be read and does not go on; its file is kept aside, what it has corrected stays"
        ),
        Err(error) => tracing::error!(
            file = %path.display(), reason, %error,
            "a re-decoding can not be read and does not go on; its file can not be put aside either"
        ),
    }
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> RedecodeError {
    let path = path.to_owned();
    |source| RedecodeError::File { path, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::redecode::job::tests::job;

    /// The numbers of what is found, the greatest number, how many were damaged.
    fn found(folder: &Path) -> (Vec<u64>, u64, usize) {
        let (_, found) = Files::open(folder.to_owned()).unwrap();
        let mut jobs: Vec<u64> = found.jobs.iter().map(|job| job.id.0).collect();
        jobs.sort_unstable();
        (jobs, found.last.0, found.damaged)
    }

    #[test]
    fn damaged_files_are_put_aside_and_the_others_read() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (files, _) = Files::open(folder.join("made")).unwrap();
        let folder = files.folder();
        for id in 1..=4 {
            files.write(&job(id)).unwrap();
        }
        assert_eq!(found(folder), (vec![1, 2, 3, 4], 4, 0));

        // torn, of another job, of another program, no file at all; and what is none of ours
        let whole = std::fs::read(folder.join("4.json")).unwrap();
        std::fs::write(folder.join("4.json"), &whole[..whole.len() / 2]).unwrap();
        std::fs::copy(folder.join("1.json"), folder.join("5.json")).unwrap();
        std::fs::write(folder.join("6.json"), "{}").unwrap();
        std::fs::create_dir(folder.join("7.json")).unwrap();
        std::fs::write(folder.join("1.states.db"), "").unwrap();
        std::fs::write(folder.join("notes.json"), "mine").unwrap();
        for _ in 0..2 {
            assert_eq!(found(folder), (vec![1, 2, 3], 7, 4));
        }
        let kept = std::fs::read(folder.join("4.json.damaged")).unwrap();
        assert_eq!(kept, whole[..whole.len() / 2]);
        assert!(!folder.join("4.json").exists() && folder.join("notes.json").exists());

        files.remove(JobId(1));
        assert_eq!(found(folder), (vec![2, 3], 7, 4));
        assert!(!folder.join("1.states.db").exists());
    }
}
