//! An application that sends mail, and its tests, which look into an outbox: `cargo test -p posthaste --example testing`.

use posthaste::{Error, send_mail};

/// Welcomes a new customer.
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

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    register("Ann", "ann@example.com").await
}

#[cfg(test)]
mod tests {
    use posthaste::{EmailMessage, Outbox, Settings};

    use super::*;

    /// The application knows nothing of the test: what it sends within the scope lands in the outbox. Each test has its own,
    /// so they run side by side and do not see each other's mail.
    #[tokio::test]
    async fn a_new_customer_is_welcomed() {
        let outbox = Outbox::new();
        let work = register("Ann", "ann@example.com");
        outbox.mailer().scope(work).await.expect("it is sent");
        let mails = outbox.messages();
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].subject, "Welcome, Ann");
        assert_eq!(mails[0].to, ["Ann <ann@example.com>"]);
    }

    #[tokio::test]
    async fn a_wrong_address_is_told() {
        let outbox = Outbox::new();
        let result = outbox.mailer().scope(register("Ann", "ann@")).await;
        assert_eq!(result.expect_err("no domain").field(), Some("to"));
        assert!(outbox.is_empty());
    }

    /// Code that is handed a mailer needs no scope. The settings are those of production but for the backend.
    #[tokio::test]
    async fn a_mailer_can_be_handed_over() {
        let mut settings = Settings::default();
        settings.default_from_email = "shop@example.com".to_owned();
        let outbox = Outbox::new();
        let mailer = outbox.mailer_for(settings);
        let message = EmailMessage::new("Your order", "is on its way").to(["ann@example.com"]);
        assert_eq!(mailer.send(&message).await.count(), 1);
        let mail = &outbox.messages()[0];
        let from = mail
            .envelope
            .from
            .as_ref()
            .map(|from| from.addr_spec().to_owned());
        assert_eq!(from.as_deref(), Some("shop@example.com"));
    }
}
