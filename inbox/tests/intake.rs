//! Mail goes in by Posthaste's own client, and is kept as it was sent.

use posthaste::{EmailMessage, Mailer};
use posthaste_inbox::Inbox;
use posthaste_inbox::query::Query;
use posthaste_inbox::store::Page;

#[tokio::test]
async fn a_mail_is_kept_with_its_envelope() {
    let inbox = Inbox::builder().start().expect("a free port");
    let message = EmailMessage::new("Hello", "Are you there?")
        .from("shop@example.com")
        .to(["ann@example.com"])
        .bcc(["hidden@example.com"]);
    let report = Mailer::new(inbox.settings()).send(&message).await;
    assert_eq!(report.count(), 1, "{report:?}");

    let query = Query::default();
    let found = inbox
        .store()
        .list(&query, Page::default())
        .await
        .expect("memory");
    let (mail, is_read) = &found.mails[0];
    assert!(!is_read && mail.is_taken());
    assert_eq!(mail.envelope.mail_from, "shop@example.com");
    let to: Vec<_> = mail
        .envelope
        .accepted()
        .map(|to| to.address.as_str())
        .collect();
    assert_eq!(to, ["ann@example.com", "hidden@example.com"]);
    assert_eq!(mail.view().subject, "Hello");
    assert!(mail.transcript.contains("MAIL FROM:<shop@example.com>"));
}
