//! Whose plugin it is: signatures in minisign's format over the list of digests.
//!
//! `minisign -Vm SHA256SUMS -P KEY` checks the same by hand, with the files of an unpacked `.fsp`.

use std::io::Cursor;

use fixstream_core::decode::{Archive, SUMS_FILE};
use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox, SignatureBox};

use super::error::InstallError;

/// Who signed a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// Nobody.
    Nobody,
    /// A key that is not trusted here, by its id; whether the signature is right is not known.
    Unknown(String),
    /// The trusted key with this id; the signature is right.
    Trusted(String),
}

impl SignedBy {
    /// For people and JSON: `unsigned`, `unknown key ID`, `trusted key ID`.
    pub fn shown(&self) -> String {
        match self {
            Self::Nobody => "unsigned".into(),
            Self::Unknown(id) => format!("unknown key {id}"),
            Self::Trusted(id) => format!("trusted key {id}"),
        }
    }
}

/// Whose plugins may run.
#[derive(Debug, Clone)]
pub struct Policy {
    signed_only: bool,
    trusted: Vec<PublicKey>,
}

impl Policy {
    /// `trusted` are public keys as minisign writes them, in base64.
    pub fn new(signed_only: bool, trusted: &[String]) -> Result<Self, String> {
        let trusted = trusted
            .iter()
            .map(|key| PublicKey::from_base64(key.trim()).map_err(|_| format!("{key:?} is no public key of minisign (56 characters of base64, the last line of the .pub file)")))
            .collect::<Result<_, _>>()?;
        Ok(Self { signed_only, trusted })
    }

    /// Everybody's.
    pub fn any() -> Self {
        Self {
            signed_only: false,
            trusted: Vec::new(),
        }
    }

    /// Whether a plugin may run here, and who signed it. A wrong signature of a trusted key is refused under every
    /// policy.
    pub fn admit(&self, archive: &Archive) -> Result<SignedBy, InstallError> {
        let name = &archive.bundle.manifest.name;
        let by = self
            .signer(archive)
            .map_err(|what| InstallError::Signature(format!("plugin {name}: {what}")))?;
        if self.signed_only && !matches!(by, SignedBy::Trusted(_)) {
            return Err(InstallError::Signature(format!(
                "plugin {name} is not signed by a key of plugins.trusted_keys ({}), and plugins.policy is \"signed\"",
                by.shown()
            )));
        }
        Ok(by)
    }

    fn signer(&self, archive: &Archive) -> Result<SignedBy, String> {
        let Some(text) = &archive.signature else {
            return Ok(SignedBy::Nobody);
        };
        let no_signature = || "its signature is not in minisign's format".to_owned();
        if !is_whole(text) {
            return Err(no_signature());
        }
        let signature = SignatureBox::from_string(text).map_err(|_| no_signature())?;
        let id = shown_id(signature.keynum());
        let Some(key) = self.trusted.iter().find(|key| key.keynum() == signature.keynum()) else {
            return Ok(SignedBy::Unknown(id));
        };
        let sums = Cursor::new(archive.bundle.sums().into_bytes());
        minisign::verify(key, &signature, sums, true, false, false)
            .map_err(|_| format!("its signature by key {id} is wrong: it was changed after it was signed"))?;
        Ok(SignedBy::Trusted(id))
    }
}

/// Whether both signatures have their whole length: the crate panics at a shorter last one, and takes a longer first.
fn is_whole(text: &str) -> bool {
    let engine = &base64::engine::general_purpose::STANDARD;
    let mut lines = text.lines().map(str::trim);
    [74, 64].into_iter().all(|length| {
        // each stands under a comment
        let line = lines.nth(1).unwrap_or_default();
        base64::Engine::decode(engine, line).is_ok_and(|bytes| bytes.len() == length)
    })
}

/// Key ids as minisign shows them.
fn shown_id(id: &[u8]) -> String {
    let mut bytes = id.to_vec();
    bytes.reverse();
    hex::encode_upper(bytes)
}

/// A new pair of keys in minisign's formats: public, secret. With a password the secret one is encrypted.
pub fn generate(password: Option<&str>) -> Result<(String, String), String> {
    let pair = match password {
        Some(password) => KeyPair::generate_encrypted_keypair(Some(password.to_owned())),
        None => KeyPair::generate_unencrypted_keypair(),
    };
    let pair = pair.map_err(|error| error.to_string())?;
    let public = pair.pk.to_box().map_err(|error| error.to_string())?.into_string();
    let secret = pair
        .sk
        .to_box(Some("fixstream plugin key"))
        .map_err(|error| error.to_string())?
        .into_string();
    Ok((public, secret))
}

/// Signs a plugin with a secret key in minisign's format.
pub fn sign(archive: &Archive, secret: &str, password: Option<&str>) -> Result<Archive, String> {
    let key = secret_key(secret, password)?;
    let manifest = &archive.bundle.manifest;
    let comment = format!("{} {} {SUMS_FILE}", manifest.name, manifest.version);
    let sums = Cursor::new(archive.bundle.sums().into_bytes());
    let signature = minisign::sign(None, &key, sums, Some(&comment), Some("fixstream plugin"))
        .map_err(|error| error.to_string())?;
    Ok(Archive {
        bundle: archive.bundle.clone(),
        signature: Some(signature.into_string()),
    })
}

fn secret_key(text: &str, password: Option<&str>) -> Result<SecretKey, String> {
    let read = || SecretKeyBox::from_string(text).map_err(|error| error.to_string());
    match password {
        // an unencrypted key ignores the password, an encrypted one needs it; nobody is asked in between
        None => read()?.into_unencrypted_secret_key().map_err(|error| {
            format!("the secret key can not be used: {error}; is it encrypted? give its password")
        }),
        Some(password) => read()?
            .into_secret_key(Some(password.to_owned()))
            .map_err(|error| format!("the secret key can not be used: {error}")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn archive(description: &str) -> Archive {
        let folder = tempfile::tempdir().unwrap();
        let manifest = format!(
            "schema = 1\n[plugin]\nname = \"acme\"\nversion = \"1.0.0\"\napi = \"fixstream:decoder@1.0.0\"\n\
             license = \"MIT\"\ndescription = \"{description}\"\n[component]\nfile = \"decoder.wasm\"\n"
        );
        std::fs::write(folder.path().join("plugin.toml"), manifest).unwrap();
        std::fs::write(folder.path().join("decoder.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
        Archive::open(folder.path()).unwrap()
    }

    fn base64_of(public: &str) -> String {
        public.lines().last().unwrap().to_owned()
    }

    #[test]
    fn only_what_a_trusted_key_signed_meets_the_strict_policy() {
        let (public, secret) = generate(None).unwrap();
        let (stranger, strangers_secret) = generate(None).unwrap();
        let keys = [base64_of(&public)];
        let (strict, easy) = (
            Policy::new(true, &keys).unwrap(),
            Policy::new(false, &keys).unwrap(),
        );
        let unsigned = archive("x");
        let signed = sign(&unsigned, &secret, None).unwrap();
        let foreign = sign(&unsigned, &strangers_secret, None).unwrap();
        assert!(matches!(strict.admit(&signed), Ok(SignedBy::Trusted(_))));
        for refused in [&unsigned, &foreign] {
            let said = strict.admit(refused).unwrap_err().to_string();
            assert!(said.contains("plugins.trusted_keys"), "{said}");
        }
        assert_eq!(easy.admit(&unsigned).unwrap(), SignedBy::Nobody);
        assert!(matches!(easy.admit(&foreign), Ok(SignedBy::Unknown(_))));
        assert!(matches!(
            Policy::new(true, &[base64_of(&stranger)])
                .unwrap()
                .admit(&foreign),
            Ok(SignedBy::Trusted(_))
        ));
    }

    #[test]
    fn a_signature_does_not_fit_other_bytes_under_any_policy() {
        let (public, secret) = generate(None).unwrap();
        let signed = sign(&archive("x"), &secret, None).unwrap();
        let forged = Archive {
            bundle: archive("y").bundle,
            signature: signed.signature,
        };
        for strict in [false, true] {
            let said = Policy::new(strict, &[base64_of(&public)])
                .unwrap()
                .admit(&forged)
                .unwrap_err()
                .to_string();
            assert!(said.contains("changed after it was signed"), "{said}");
        }
        let nonsense = Archive {
            signature: Some("nonsense".into()),
            ..archive("x")
        };
        assert!(
            Policy::any()
                .admit(&nonsense)
                .unwrap_err()
                .to_string()
                .contains("minisign")
        );
        assert!(Policy::new(true, &["nonsense".into()]).is_err());
    }

    #[test]
    fn broken_signatures_are_refused_without_a_panic() {
        let (public, secret) = generate(None).unwrap();
        let policy = Policy::new(true, &[base64_of(&public)]).unwrap();
        let signed = sign(&archive("x"), &secret, None).unwrap();
        let good = signed.signature.clone().unwrap();
        let lines: Vec<&str> = good.lines().collect();
        let mut broken: Vec<String> = (0..good.len()).map(|end| good[..end].to_owned()).collect();
        broken.extend((0..lines.len()).map(|gone| {
            let left: Vec<&str> = (0..lines.len())
                .filter(|line| *line != gone)
                .map(|line| lines[line])
                .collect();
            left.join("\n")
        }));
        broken.extend((0..good.len()).map(|at| {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        }));
        let first = good.find('\n').unwrap();
        for text in broken {
            // the untrusted comment is nobody's promise, and white space at the end is none either
            let comment_only = text.get(first..) == good.get(first..);
            let same = text.trim_end() == good.trim_end() || comment_only;
            let tried = Archive {
                signature: Some(text.clone()),
                ..signed.clone()
            };
            let admitted = policy.admit(&tried);
            assert!(same || admitted.is_err(), "{text}");
        }
    }
}
