//! What a message asks of the server beside delivery, in the session's words.

use posthaste_message::{Envelope, Notify, Return};
use posthaste_smtp::{EnvelopeId, Mail, OriginalRecipient, Priority, Ret};

use crate::error::Error;

/// Adds it to `mail`, whose recipients are those of `envelope`, in the same order.
///
/// # Errors
///
/// When a value cannot stand in a command. The error names the message's field.
pub(super) fn add(envelope: &Envelope, mail: &mut Mail) -> Result<(), Error> {
    mail.require_tls = envelope.require_tls;
    if let Some(number) = envelope.mt_priority {
        let priority = Priority::new(number);
        mail.priority = Some(priority.map_err(|error| invalid("mt_priority", error))?);
    }
    mail.ret = envelope.returns.and_then(ret);
    if let Some(id) = &envelope.envelope_id {
        let id = EnvelopeId::new(id).map_err(|error| invalid("dsn.envelope_id", error))?;
        mail.envelope_id = Some(id);
    }
    for (place, recipient) in mail.to.iter_mut().enumerate() {
        recipient.notify = envelope.notify(place).map(notify);
        if let Some(original) = envelope.original(place) {
            let original = OriginalRecipient::new(&original.addr_spec());
            let original = original.map_err(|error| {
                invalid(
                    &format!("dsn.recipients.{}.original", recipient.path),
                    error,
                )
            })?;
            recipient.original = Some(original);
        }
    }
    Ok(())
}

fn ret(returns: Return) -> Option<Ret> {
    match returns {
        Return::Headers => Some(Ret::Headers),
        Return::Full => Some(Ret::Full),
        _ => None,
    }
}

fn notify(wanted: Notify) -> posthaste_smtp::Notify {
    posthaste_smtp::Notify {
        success: wanted.success,
        failure: wanted.failure,
        delay: wanted.delay,
    }
}

fn invalid(field: &str, error: posthaste_smtp::InvalidArgument) -> Error {
    Error::invalid(field, error.problem())
}

#[cfg(test)]
mod tests {
    use posthaste_message::{Dsn, EmailMessage, RenderOptions};
    use posthaste_smtp::Path;

    use super::*;

    fn mail_of(message: &EmailMessage) -> Result<Mail, Error> {
        let envelope = message.envelope(&RenderOptions::default())?;
        let path = |text: String| Path::new(&text).expect("a path");
        let to = envelope.to.iter().map(|to| path(to.addr_spec()));
        let mut mail = Mail::new(Path::null(), to);
        add(&envelope, &mut mail)?;
        Ok(mail)
    }

    fn message() -> EmailMessage {
        EmailMessage::new("Hi", "Body").to(["a@example.com", "b@example.com"])
    }

    #[test]
    fn each_wish_comes_through() -> Result<(), Box<dyn std::error::Error>> {
        let dsn = Dsn::new()
            .notify(Notify::SUCCESS | Notify::DELAY)
            .returns(Return::Headers)
            .envelope_id("order 7")
            .notify_for("b@example.com", Notify::NEVER)
            .original_for("b@example.com", "list@example.com");
        let mail = mail_of(&message().dsn(dsn).require_tls(true).mt_priority(-3))?;
        assert!(mail.require_tls);
        assert_eq!(mail.priority.map(Priority::get), Some(-3));
        assert_eq!(mail.ret, Some(Ret::Headers));
        let id = mail.envelope_id.as_ref().map(EnvelopeId::as_str);
        assert_eq!(id, Some("order 7"));
        let notify = mail
            .to
            .iter()
            .map(|one| one.notify.expect("a wish").to_string());
        assert_eq!(notify.collect::<Vec<_>>(), ["SUCCESS,DELAY", "NEVER"]);
        let original = mail.to.iter().map(|one| one.original.as_ref());
        let original = original.map(|one| one.map(OriginalRecipient::as_str));
        assert_eq!(
            original.collect::<Vec<_>>(),
            [None, Some("list@example.com")]
        );
        Ok(())
    }

    #[test]
    fn what_is_too_long_once_encoded_is_told_of_its_field() {
        let long = format!("{}@example.com", "ü".repeat(90));
        let dsn = Dsn::new().original_for("a@example.com", long);
        let error = mail_of(&message().dsn(dsn)).expect_err("too long");
        assert_eq!(error.field(), Some("dsn.recipients.a@example.com.original"));
    }
}
