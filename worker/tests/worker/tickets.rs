//! Session tickets while the process runs.

use crate::driver::{Worker, plan, spawn};
use jackfield_shared::ipc::{FromWorker, ToWorker};
use jackfield_shared::tls::{Files, TicketKey, TicketKeys};
use jackfield_worker::tls::new_ticket_key;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use serde_json::json;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

/// A client with sessions of its own that trusts this authority.
fn client(authority: &rcgen::Certificate) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Whether a session is resumed; after the echo the client has the tickets for the next one.
async fn resumes(worker: &Worker, client: &TlsConnector) -> bool {
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = client.connect(name, worker.connect().await).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.unwrap();
    stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
}

async fn renew(worker: &mut Worker, current: &TicketKey, previous: &TicketKey) {
    let keys = TicketKeys { current: current.clone(), previous: Some(previous.clone()) };
    worker.to.send(&ToWorker::TicketKeys(keys), &[]).await.unwrap();
    // The answer comes after that was heeded.
    worker.counters().await;
}

#[tokio::test]
async fn keys_are_changed_and_only_the_one_before_still_opens() {
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = ca.self_signed(&ca_key).unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut files = Files::default();
    for (name, text) in [("tickets.key", key.serialize_pem()), ("tickets.crt", leaf.pem())] {
        std::fs::write(dir.join(name), "its contents come with the plan").unwrap();
        files.0.insert(dir.join(name), text);
    }
    let tls = json!({"key": dir.join("tickets.key"), "certificate": dir.join("tickets.crt")});
    let (mut plan, sockets, addresses) = plan(json!([{"type": "stream.testee", "endpoint": {"tls": tls}}]));
    let keys: Vec<_> = (0..3).map(|_| new_ticket_key().unwrap()).collect();
    plan.tls_files = files;
    plan.ticket_keys = Some(TicketKeys { current: keys[0].clone(), previous: None });
    let mut worker = spawn();
    worker.start(plan, &sockets).await;
    worker.addresses = addresses;
    worker.until(|message| matches!(message, FromWorker::Ready)).await;

    let (often, seldom) = (client(&authority), client(&authority));
    assert!(!resumes(&worker, &often).await && !resumes(&worker, &seldom).await);
    assert!(resumes(&worker, &often).await);
    renew(&mut worker, &keys[1], &keys[0]).await;
    assert!(resumes(&worker, &often).await, "the key before opens what it has sealed");
    renew(&mut worker, &keys[2], &keys[1]).await;
    assert!(resumes(&worker, &often).await, "the session went on under the second key");
    assert!(!resumes(&worker, &seldom).await, "the first key is gone");
}
