//! How an application's tests look at its mail. In earnest these would be functions with `#[tokio::test]`.

use posthaste::{Error, Outbox, send_mail};

/// The application.
async fn register(name: &str, address: &str) -> Result<(), Error> {
    let report = send_mail(
        format!("Welcome, {name}"),
        "We are glad to have you.",
        "shop@example.com",
        [(name, address)],
    )
    .await?;
    assert_eq!(report.count(), 1);
    Ok(())
}

async fn a_new_customer_is_welcomed() {
    let outbox = Outbox::new();
    let result = outbox
        .mailer()
        .scope(register("Ann", "ann@example.com"))
        .await;
    result.expect("the mail is sent");
    let mails = outbox.messages();
    assert_eq!(mails[0].subject, "Welcome, Ann");
    assert_eq!(mails[0].to, ["Ann <ann@example.com>"]);
}

async fn a_wrong_address_is_told() {
    let outbox = Outbox::new();
    let result = outbox.mailer().scope(register("Ann", "ann")).await;
    result.expect("a local part alone is an address, as on one's own machine");
    let result = outbox.mailer().scope(register("Ann", "ann@")).await;
    assert_eq!(result.expect_err("no domain").field(), Some("to"));
    assert_eq!(outbox.len(), 1);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Side by side on one runtime; neither sees the other's mail.
    tokio::join!(a_new_customer_is_welcomed(), a_wrong_address_is_told());
}
