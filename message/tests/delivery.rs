//! What a message asks of servers: who is told of what, and which values are refused.

use posthaste_message::{Dsn, EmailMessage, Notify, RenderOptions, Return};

fn message() -> EmailMessage {
    EmailMessage::new("Hi", "Body")
        .from("a@example.com")
        .to(["Bob <b@example.com>", "c@example.com"])
        .bcc(["b@example.com"])
}

fn field(message: &EmailMessage) -> String {
    let options = RenderOptions::default();
    let error = message.envelope(&options).unwrap_err();
    error.field().to_owned()
}

#[test]
fn nothing_is_asked_by_default() {
    let envelope = message().envelope(&RenderOptions::default()).unwrap();
    assert!(!envelope.require_tls && envelope.mt_priority.is_none());
    assert!(envelope.returns.is_none() && envelope.envelope_id.is_none());
    assert!(envelope.notify(0).is_none() && envelope.original(0).is_none());
}

#[test]
fn each_recipient_has_its_own_notices_or_those_of_the_message() {
    let dsn = Dsn::new()
        .notify(Notify::DELAY)
        .notify_for("B. <b@example.com>", Notify::NEVER)
        .original_for("c@example.com", "Team <team@example.com>");
    let message = message().dsn(dsn.returns(Return::Full));
    let envelope = message.envelope(&RenderOptions::default()).unwrap();
    let notify = [0, 1, 2].map(|place| envelope.notify(place));
    let never = Some(Notify::NEVER);
    assert_eq!(notify, [never, Some(Notify::DELAY), never]);
    let original = envelope.original(1).unwrap();
    assert_eq!(original.addr_spec(), "team@example.com");
    assert_eq!(envelope.original(0), None);
    assert_eq!(envelope.returns, Some(Return::Full));
}

#[test]
fn errors_name_the_field() {
    let id = |id: &str| message().dsn(Dsn::new().envelope_id(id));
    for bad in [
        "",
        "a\r\nb",
        "ü",
        "\u{7f}",
        &"x".repeat(101),
        &"+".repeat(34),
    ] {
        let message = id(bad);
        assert_eq!(field(&message), "dsn.envelope_id", "{bad:?}");
        assert!(message.render(&RenderOptions::default()).is_err());
    }
    let good = id(&"x".repeat(100)).envelope(&RenderOptions::default());
    assert!(good.is_ok());

    let of = |address: &str| message().dsn(Dsn::new().notify_for(address, Notify::NEVER));
    assert_eq!(field(&of("x@example.com")), "dsn.recipients.x@example.com");
    assert_eq!(field(&of("c@")), "dsn.recipients.c@");
    let original = Dsn::new().original_for("c@example.com", "x\r\n@y");
    let wanted = "dsn.recipients.c@example.com.original";
    assert_eq!(field(&message().dsn(original)), wanted);

    for bad in [-10, 10, i8::MIN] {
        assert_eq!(field(&message().mt_priority(bad)), "mt_priority");
        let rendered = message().mt_priority(bad);
        assert!(rendered.render(&RenderOptions::default()).is_err());
    }
}

#[test]
fn none_of_it_is_in_the_message() {
    let plain = message();
    let asking = message()
        .dsn(Dsn::new().envelope_id("order-7"))
        .require_tls(true)
        .mt_priority(3);
    let bytes = |message: &EmailMessage| {
        let rendered = message.render(&RenderOptions::default()).unwrap();
        rendered.to_vec().unwrap()
    };
    assert_eq!(bytes(&plain), bytes(&asking));
}
