//! A real server's TLS, by STARTTLS and from the first octet on, with certificates of our own making, on both sides.

use std::fs;
use std::path::PathBuf;

use posthaste_tests::postfix::Postfix;
use posthaste_tests::{Place, Run};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CertifiedKey, DnType, IsCa, KeyPair,
    date_time_ymd, generate_simple_self_signed,
};
use serde_json::Value;

use super::{message, only, send};

#[test]
fn mail_goes_by_starttls_and_only_if_the_certificate_is_trusted() {
    let place = Place::new();
    let certified = generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let CertifiedKey { cert, signing_key } = certified.expect("a certificate");
    let (certificate, key) = (place.path("cert.pem"), place.path("key.pem"));
    fs::write(&certificate, cert.pem()).expect("written");
    fs::write(&key, signing_key.serialize_pem()).expect("written");
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let settings = [
        ("smtpd_tls_cert_file", certificate.as_str()),
        ("smtpd_tls_key_file", key.as_str()),
        ("smtpd_tls_security_level", "encrypt"),
        ("smtpd_tls_received_header", "yes"),
    ];
    let Some(postfix) = Postfix::start_with(&["ann"], &settings) else {
        return;
    };
    let mail = message("safe", &["ann@example.com"]).to_string();

    let plain = send(&place, &postfix, mail.clone()).end().exits(1);
    assert_eq!(plain.json()[0]["error"]["phase"], "mail");
    let untrusted = send(&place, &postfix, mail.clone())
        .env("EMAIL_USE_TLS", "yes")
        .end()
        .exits(1);
    assert_eq!(untrusted.json()[0]["error"]["kind"], "tls");
    let safe = send(&place, &postfix, mail)
        .env("EMAIL_USE_TLS", "yes")
        .env("EMAIL_SSL_CAFILE", &certificate)
        .end();
    assert_eq!(safe.exits(0).json()[0]["status"], "sent");

    assert_eq!(only(&postfix, "ann")["subject"], "safe");
    let octets = fs::read_to_string(&postfix.delivered("ann")[0]).expect("the mail");
    assert!(octets.contains("using TLSv1.3"), "{octets}");
}

/// The two ways to begin TLS.
#[derive(Clone, Copy, Debug)]
enum Way {
    StartTls,
    Implicit,
}

const WAYS: [Way; 2] = [Way::StartTls, Way::Implicit];

#[test]
fn mail_goes_under_tls_from_the_first_octet_on() {
    let authority = Authority::new("ours");
    let certificate = authority.certify("server", &named(&["localhost", "127.0.0.1"]));
    let Some(postfix) = start(&certificate, &[("smtpd_tls_received_header", "yes")]) else {
        return;
    };
    let ended = authority.send(&postfix, Way::Implicit).end();
    assert_eq!(ended.exits(0).json()[0]["status"], "sent");
    assert_eq!(only(&postfix, "ann")["subject"], "safe");
    let octets = fs::read_to_string(&postfix.delivered("ann")[0]).expect("the mail");
    assert!(octets.contains("using TLSv1.3"), "{octets}");
    // There are no words in plain to be had at that port.
    let plain = authority
        .send(&postfix, Way::Implicit)
        .env("EMAIL_USE_SSL", "no")
        .env("EMAIL_TIMEOUT", "2")
        .end()
        .exits(1);
    assert_eq!(plain.json()[0]["error"]["phase"], "greeting");
    // And no TLS where words are expected.
    let port = postfix.port().to_string();
    let early = authority
        .send(&postfix, Way::Implicit)
        .env("EMAIL_PORT", port)
        .end();
    let report = error(early.exits(1).json(), "does not speak TLS on this port");
    assert_eq!(report["error"]["kind"], "tls");
    assert_eq!(postfix.count(), 1);
}

#[test]
fn a_server_with_a_bad_certificate_gets_nothing_and_it_is_said_why() {
    let authority = Authority::new("ours");
    let mut expired = named(&["127.0.0.1"]);
    (expired.not_before, expired.not_after) =
        (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let mut early = named(&["127.0.0.1"]);
    (early.not_before, early.not_after) = (date_time_ymd(2090, 1, 1), date_time_ymd(2091, 1, 1));
    let elsewhere = named(&["mail.example.com", "127.0.0.2"]);
    let strangers = Authority::new("a stranger's");
    let cases = [
        (authority.certify("expired", &expired), "the time of"),
        (authority.certify("early", &early), "the time of"),
        (
            authority.certify("elsewhere", &elsewhere),
            "is for mail.example.com, 127.0.0.2, and not for 127.0.0.1",
        ),
        (
            strangers.certify("stranger", &named(&["127.0.0.1"])),
            "comes from nobody who is trusted here",
        ),
    ];
    for (certificate, why) in cases {
        let Some(postfix) = start(&certificate, &[]) else {
            return;
        };
        for way in WAYS {
            let ended = authority.send(&postfix, way).end().exits(1);
            error(ended.json(), why);
        }
        assert_eq!(postfix.count(), 0, "{why}");
    }
}

#[test]
fn a_server_that_knows_its_clients_by_their_certificates() {
    let authority = Authority::new("ours");
    let certificate = authority.certify("server", &named(&["127.0.0.1"]));
    let root = authority.root().display().to_string();
    let settings = [
        ("smtpd_tls_ask_ccert", "yes"),
        ("smtpd_tls_CAfile", root.as_str()),
        ("smtpd_tls_received_header", "yes"),
        (
            "smtpd_client_restrictions",
            "permit_tls_all_clientcerts, reject",
        ),
    ];
    let Some(postfix) = start(&certificate, &settings) else {
        return;
    };
    let client = authority.certify("client", &client());
    let strangers = Authority::new("a stranger's");
    let stranger = strangers.certify("client", &self::client());
    for way in WAYS {
        for wrong in [None, Some(&stranger)] {
            let mut run = authority.send(&postfix, way);
            if let Some(certificate) = wrong {
                run = show(run, certificate);
            }
            let report = run.end().exits(1).json().remove(0);
            assert_eq!(report["error"]["kind"], "rejected", "{report}");
            assert_eq!(report["rejected"][0]["code"], 554, "{report}");
        }
        let known = show(authority.send(&postfix, way), &client).end();
        assert_eq!(known.exits(0).json()[0]["status"], "sent", "{way:?}");
    }
    let mails = postfix.delivered("ann");
    assert_eq!(mails.len(), WAYS.len());
    for mail in mails {
        let octets = fs::read_to_string(mail).expect("the mail");
        let is_known = octets.contains("(Client CN \"client.example.com\"");
        assert!(is_known && octets.contains("(verified OK)"), "{octets}");
    }
}

#[test]
fn a_server_that_wants_a_certificate_and_gets_none() {
    let authority = Authority::new("ours");
    let certificate = authority.certify("server", &named(&["127.0.0.1"]));
    let root = authority.root().display().to_string();
    let settings = [
        ("smtpd_tls_req_ccert", "yes"),
        ("smtpd_tls_CAfile", root.as_str()),
    ];
    let Some(postfix) = start(&certificate, &settings) else {
        return;
    };
    let client = authority.certify("client", &client());
    for way in WAYS {
        // Postfix says so in its own words, once TLS is there.
        let ended = authority.send(&postfix, way).end().exits(1);
        let error = &ended.json()[0]["error"];
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains("No client certificate"), "{error}");
        assert_eq!(error["in_doubt"], false, "{error}");
        let known = show(authority.send(&postfix, way), &client).end();
        assert_eq!(known.exits(0).json()[0]["status"], "sent", "{way:?}");
    }
    assert_eq!(postfix.count(), WAYS.len());
}

/// The only report: it failed for good because of TLS, and says why.
#[track_caller]
fn error(mut reports: Vec<Value>, why: &str) -> Value {
    let report = reports.remove(0);
    let error = &report["error"];
    assert_eq!(error["kind"], "tls", "{report}");
    assert_eq!(error["temporary"], false, "{report}");
    assert_eq!(error["in_doubt"], false, "{report}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains(why), "{why}: {report}");
    report
}

/// A Postfix with this certificate, and with both ways to begin TLS.
fn start(certificate: &Files, settings: &[(&str, &str)]) -> Option<Postfix> {
    let (chain, key) = (
        certificate.chain.display().to_string(),
        certificate.key.display().to_string(),
    );
    let mut all = vec![
        ("smtpd_tls_cert_file", chain.as_str()),
        ("smtpd_tls_key_file", key.as_str()),
        ("smtpd_tls_security_level", "encrypt"),
    ];
    all.extend(settings);
    Postfix::start_with_tls(&["ann"], &all)
}

fn show(run: Run, certificate: &Files) -> Run {
    run.env("EMAIL_SSL_CERTFILE", &certificate.chain)
        .env("EMAIL_SSL_KEYFILE", &certificate.key)
}

/// A certificate, and its key.
struct Files {
    chain: PathBuf,
    key: PathBuf,
}

/// A root, and what it signs.
struct Authority {
    place: Place,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let place = Place::new();
        let mut root = CertificateParams::new(Vec::new()).expect("no names");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(root, KeyPair::generate().expect("a key"));
        let issuer = issuer.expect("a root");
        place.write("root.pem", issuer.pem());
        Self { place, issuer }
    }

    fn root(&self) -> PathBuf {
        self.place.path("root.pem")
    }

    fn certify(&self, file: &str, params: &CertificateParams) -> Files {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Files {
            chain: self.place.write(&format!("{file}.pem"), certificate.pem()),
            key: self
                .place
                .write(&format!("{file}.key"), key.serialize_pem()),
        }
    }

    /// A message on its way under TLS; the server's certificate has to be one of ours.
    fn send(&self, postfix: &Postfix, way: Way) -> Run {
        let mail = message("safe", &["ann@example.com"]).to_string();
        let run = send(&self.place, postfix, mail).env("EMAIL_SSL_CAFILE", self.root());
        match way {
            Way::StartTls => run.env("EMAIL_USE_TLS", "yes"),
            Way::Implicit => run
                .env("EMAIL_PORT", postfix.tls_port().to_string())
                .env("EMAIL_USE_SSL", "yes"),
        }
    }
}

fn named(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).expect("good names")
}

fn client() -> CertificateParams {
    let mut params = named(&["client.example.com"]);
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, "client.example.com");
    params
}
