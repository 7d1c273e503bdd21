//! A contact form: what a visitor types reaches the mail as text, or is refused with the field named.

use posthaste::{EmailMessage, Error, ErrorKind, Outbox};

/// What the visitor typed.
struct Form<'a> {
    name: &'a str,
    address: &'a str,
    subject: &'a str,
    message: &'a str,
}

/// Sends the form; the error is what the visitor is told.
async fn submit(form: Form<'_>) -> Result<(), String> {
    let mail = EmailMessage::new(form.subject, form.message)
        .to(["office@example.com"])
        // A pair keeps the name apart from the address: a name cannot bring an address of its own.
        .reply_to([(form.name, form.address)]);
    match posthaste::send(mail).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::Invalid => Err(explain(&error)),
        Err(_) => Err("The mail could not be sent. Please try again later.".to_owned()),
    }
}

fn explain(error: &Error) -> String {
    let field = match error.field() {
        Some("reply_to") => "your name or address",
        Some("subject") => "the subject",
        _ => "the form",
    };
    format!("Please look at {field} again.")
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let outbox = Outbox::new();
    let form = |subject, address| Form {
        name: "Eve, the \"Visitor\"",
        address,
        subject,
        message: "Hello!",
    };
    outbox
        .mailer()
        .scope(async {
            let good = submit(form("A question", "eve@example.com")).await;
            assert_eq!(good, Ok(()));
            let attack = submit(form("Hi\r\nBcc: all@example.com", "eve@example.com")).await;
            assert_eq!(attack, Err("Please look at the subject again.".to_owned()));
            let attack = submit(form("Hi", "eve@example.com, all@example.com")).await;
            assert_eq!(
                attack,
                Err("Please look at your name or address again.".to_owned())
            );
        })
        .await;
    assert_eq!(outbox.len(), 1);
}
