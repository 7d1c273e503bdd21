//! A real server's STARTTLS, with a certificate of our own making.

use std::fs;

use posthaste_tests::Place;
use posthaste_tests::postfix::Postfix;
use rcgen::{CertifiedKey, generate_simple_self_signed};

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
