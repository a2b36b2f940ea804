#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;

use super::*;

const MANIFEST: &str = r#"schema = 1
[plugin]
name = "x"
version = "1.0.0"
api = "fixstream:decoder@1.0.0"
license = "MIT"
description = "x"
[component]
file = "decoder.wasm"
"#;
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn archive() -> Archive {
    let bundle = Bundle::of(
        MANIFEST.into(),
        |_| Ok(COMPONENT.to_vec()),
        Some(b"{}\n".to_vec()),
        Path::new("x.fsp"),
    );
    Archive {
        bundle: bundle.unwrap(),
        signature: Some("untrusted comment: x\n".into()),
    }
}

/// An archive with other files than a plugin's.
fn packed(files: &[(&str, &[u8], tar::EntryType)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes, kind) in files {
        let mut header = tar::Header::new_ustar();
        // written by hand: the library refuses to write what must be refused here
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(*kind);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    Archive::parse(bytes, Path::new("x.fsp"))
        .expect_err("must be refused")
        .to_string()
}

#[test]
fn what_is_packed_comes_back_and_the_same_gives_the_same_bytes() {
    let bytes = archive().bytes().unwrap();
    assert_eq!(bytes, archive().bytes().unwrap());
    let read = Archive::parse(&bytes, Path::new("x.fsp")).unwrap();
    assert_eq!(read.bundle.sums(), archive().bundle.sums());
    assert_eq!(read.bundle.component, COMPONENT);
    assert_eq!(read.bundle.vectors.as_deref(), Some(&b"{}\n"[..]));
    assert_eq!(read.signature, archive().signature);
}

#[test]
fn a_file_and_a_folder_are_opened_alike() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.fsp");
    std::fs::write(&file, archive().bytes().unwrap()).unwrap();
    let unpacked = folder.path().join("x");
    std::fs::create_dir(&unpacked).unwrap();
    for (name, bytes) in archive().bundle.files() {
        std::fs::write(unpacked.join(name), bytes).unwrap();
    }
    assert!(Archive::open(&unpacked).unwrap().signature.is_none());
    std::fs::write(unpacked.join(SUMS_FILE), archive().bundle.sums()).unwrap();
    std::fs::write(unpacked.join(SIGNATURE_FILE), "s").unwrap();
    let (file, unpacked) = (Archive::open(&file).unwrap(), Archive::open(&unpacked).unwrap());
    assert_eq!(file.bundle.sums(), unpacked.bundle.sums());
    assert_eq!(unpacked.signature.as_deref(), Some("s"));
}

#[test]
fn only_the_files_of_a_plugin_are_taken_each_once_and_without_paths() {
    let regular = tar::EntryType::Regular;
    let sums = archive().bundle.sums();
    let good = [
        (MANIFEST_FILE, MANIFEST.as_bytes(), regular),
        ("decoder.wasm", COMPONENT, regular),
        (SUMS_FILE, sums.as_bytes(), regular),
    ];
    let with = |name, bytes, kind| packed(&[&good[..], &[(name, bytes, kind)]].concat());
    for name in [
        "../plugin.toml",
        "/etc/passwd",
        "a/b",
        ".hidden",
        "..",
        "notes.txt",
    ] {
        let said = refusal(&with(name, b"x", regular));
        assert!(said.contains("does not belong into a plugin"), "{name}: {said}");
    }
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Directory,
        tar::EntryType::Fifo,
        tar::EntryType::GNULongName,
        tar::EntryType::GNUSparse,
        tar::EntryType::XHeader,
    ] {
        let said = refusal(&with(VECTORS_FILE, b"x", kind));
        assert!(said.contains("does not belong into a plugin"), "{kind:?}: {said}");
    }
    assert!(refusal(&with(MANIFEST_FILE, MANIFEST.as_bytes(), regular)).contains("twice"));
    assert!(refusal(&packed(&good[..2])).contains("has no SHA256SUMS"));
    assert!(refusal(&packed(&good[1..])).contains("has no plugin.toml"));
    assert!(refusal(&packed(&[good[0], good[2]])).contains("has no decoder.wasm"));
    assert!(refusal(&packed(&vec![good[0]; 9])).contains("twice"));
    assert!(refusal(&vec![0xff; 2048]).contains("tar"));
    assert!(refusal(&[]).contains("has no plugin.toml"));
}

#[test]
fn changed_bytes_do_not_fit_their_digests() {
    let regular = tar::EntryType::Regular;
    let sums = archive().bundle.sums();
    let changed = packed(&[
        (MANIFEST_FILE, MANIFEST.as_bytes(), regular),
        ("decoder.wasm", b"\0asm\x0d\0\x01\0\x00\x01\x61", regular),
        (VECTORS_FILE, b"{}\n", regular),
        (SUMS_FILE, sums.as_bytes(), regular),
    ]);
    assert!(refusal(&changed).contains("damaged or was changed"));
}

#[test]
fn a_size_that_lies_allocates_nothing() {
    let mut bytes = archive().bytes().unwrap();
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes().copy_from_slice(&bytes[..512]);
    header.set_size(1 << 32);
    header.set_cksum();
    bytes[..512].copy_from_slice(header.as_bytes());
    refusal(&bytes);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(noise in proptest::collection::vec((0usize..8192, any::<u8>()), 1..20), cut in 0usize..9000) {
        let mut bytes = archive().bytes().unwrap();
        for (at, byte) in noise {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.truncate(cut);
        let _ = Archive::parse(&bytes, Path::new("x.fsp"));
    }
}
