//! Files, bytes, an image within the HTML, and a mail within the mail: `EMAIL_BACKEND=console cargo run --example attachments`.

use posthaste::{EmailAttachment, EmailMessage, Error};

/// The smallest picture there is.
const DOT: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x01D\0;";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let first = EmailMessage::new("The first mail", "Please send the figures.")
        .from("bob@example.com")
        .to(["ann@example.com"]);
    let mail = EmailMessage::new("The figures", "They are attached.")
        .from(("Ann", "ann@example.com"))
        .to(["bob@example.com"])
        .html(r#"<p>They are attached. <img src="cid:dot@example.com" alt="">"#)
        // Goes into multipart/related with the HTML, since that refers to it.
        .attach(EmailAttachment::bytes("dot.gif", DOT).inline("dot@example.com"))
        .attach(("figures.csv", "month,sum\nJune,12\n"))
        // Read when the mail is sent, piece by piece.
        .attach(EmailAttachment::path(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/Cargo.toml"
        )))
        .attach(EmailAttachment::message(first));
    let report = posthaste::send(mail).await?;
    assert_eq!(report.accepted.len(), 1);
    Ok(())
}
