//! HTTPS on the REST port: an HTTPS client that is not ours trusts the certificate's authority and is answered; nothing
//! is answered in the clear, and a certificate that can't be used is told at the start.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};

use crate::harness::{Hub, PATIENCE};

/// What curl ends with where it does not trust the server's certificate.
const NOT_TRUSTED: i32 = 60;

/// An authority that clients may trust.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // a certificate with the name of its authority would seem to be signed by itself
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for this machine and its key, PEM.
    fn issue(&self) -> (String, String) {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Its own certificate, for who trusts it.
    fn file(&self, path: PathBuf) -> PathBuf {
        let certificate: &Certificate = self.0.as_ref();
        std::fs::write(&path, certificate.pem()).unwrap();
        path
    }
}

/// Writes a certificate and its key where the hub is told to look for them.
fn certify(hub: &Hub, (certificate, key): &(String, String)) {
    for (name, text) in [("certificate.pem", certificate), ("key.pem", key)] {
        std::fs::write(hub.folder.path().join(name), text).unwrap();
    }
}

fn hub_with_tls() -> Hub {
    let mut hub = Hub::new(&[]);
    for (variable, name) in [
        ("FIXSTREAM_REST__TLS_CERTIFICATE", "certificate.pem"),
        ("FIXSTREAM_REST__TLS_KEY", "key.pem"),
    ] {
        hub.set(variable, hub.folder.path().join(name).to_str().unwrap());
    }
    hub
}

/// A request of a client that trusts one authority.
fn curl(trusted: &Path, url: &str, more: &[&str]) -> Output {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "20"])
        .arg("--cacert")
        .arg(trusted)
        .args(more)
        .arg(url);
    curl.output().expect("curl, which deploy/setup needs too")
}

/// The same that must be answered; status and body.
#[track_caller]
fn answered(trusted: &Path, url: &str, more: &[&str]) -> (String, Value) {
    let more: Vec<&str> = more
        .iter()
        .copied()
        .chain(["--write-out", "\n%{http_code}"])
        .collect();
    let output = curl(trusted, url, &more);
    assert!(
        output.status.success(),
        "{url}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.to_owned(), serde_json::from_str(body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_trusts_the_certificate_is_answered_over_https_and_nobody_in_the_clear() {
    let mut hub = hub_with_tls();
    let authority = Authority::new("trusted");
    certify(&hub, &authority.issue());
    let trusted = authority.file(hub.folder.path().join("trusted.pem"));
    let tenant = hub.tenant("own").await;
    let port = hub.ports.rest;
    let url = |host: &str, path: &str| format!("https://{host}:{port}{path}");
    hub.launch();
    hub.answers(async || {
        curl(&trusted, &url("localhost", "/readyz"), &["--fail"])
            .status
            .success()
    })
    .await;

    for host in ["localhost", "127.0.0.1"] {
        let (status, body) = answered(&trusted, &url(host, "/healthz"), &[]);
        assert_eq!(
            (status.as_str(), &body["status"]),
            ("200", &json!("ok")),
            "{body}"
        );
    }
    let key = format!("apikey: {}", tenant.key);
    let tracker = json!({ "name": "t", "imei": "1" }).to_string();
    let send = ["--header", &key, "--data", &tracker];
    let (status, made) = answered(&trusted, &url("localhost", "/v1/trackers"), &send);
    assert_eq!((status.as_str(), &made["imei"]), ("201", &json!("1")), "{made}");
    let (status, listed) = answered(&trusted, &url("localhost", "/tracker"), &["--header", &key]);
    assert_eq!(
        (status.as_str(), &listed[0]["tracker_imei"]),
        ("200", &json!("1")),
        "{listed}"
    );
    let (status, refused) = answered(&trusted, &url("localhost", "/v1/trackers"), &[]);
    assert_eq!(
        (status.as_str(), &refused["code"]),
        ("401", &json!("unauthorized")),
        "{refused}"
    );

    // who trusts somebody else sends nothing
    let other = Authority::new("other").file(hub.folder.path().join("other.pem"));
    let refused = curl(&other, &url("localhost", "/healthz"), &[]);
    assert_eq!(refused.status.code(), Some(NOT_TRUSTED), "{refused:?}");

    // in the clear there is no answer, and one who says nothing holds nobody up
    let silent = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut plain = TcpStream::connect(("127.0.0.1", port)).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    // the connection may end without a word, or with an alert of TLS
    let _ = plain.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    assert!(!text.contains("HTTP/") && !text.contains("status"), "{text}");
    assert!(hub.http.get(hub.url("/healthz")).send().await.is_err());
    let (status, _) = answered(&trusted, &url("localhost", "/healthz"), &[]);
    assert_eq!(status, "200");
    drop(silent);
    hub.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_can_not_be_used_is_told_at_the_start() {
    let mut hub = hub_with_tls();
    let authority = Authority::new("trusted");
    let ((certificate, key), (_, other_key)) = (authority.issue(), authority.issue());
    for (certificate, key, reason) in [
        (None, key.as_str(), "certificate.pem: No such file"),
        (Some("nonsense"), &key, "there is no certificate"),
        (Some(certificate.as_str()), "nonsense", "no private key"),
        (Some(certificate.as_str()), &other_key, "KeyMismatch"),
    ] {
        let written = certificate.unwrap_or_default().to_owned();
        certify(&hub, &(written, key.to_owned()));
        if certificate.is_none() {
            std::fs::remove_file(hub.folder.path().join("certificate.pem")).unwrap();
        }
        let before = hub.log().len();
        hub.launch();
        let status = hub.ended().await;
        let said = hub.log().split_off(before);
        assert!(!status.success() && status.code().is_some(), "{status}: {said}");
        assert!(
            said.contains(reason) && !said.contains("panicked"),
            "{reason}: {said}"
        );
    }
}
