//! What others would do to us: through envelope fields, by hostile servers, and by looking for passwords.

use posthaste::blocking::send_mail;
use posthaste::{
    Address, Backend, BoxFuture, EmailMessage, ErrorKind, Mailer, Outbox, Report, Settings, Status,
};

use crate::smtp::{Driver, send, settings};
use crate::support::{Act, At, Sink};

/// Addresses that would be a second command, a second recipient or a parameter.
const ATTACKS: [&str; 22] = [
    "a@example.com\r\nRCPT TO:<eve@example.com>",
    "a@example.com>\r\nRCPT TO:<eve@example.com",
    "a@example.com\n",
    "a@example.com\r",
    "a\0@example.com",
    "a@exam\0ple.com",
    "\"a\r\nRCPT TO:<eve@example.com>\"@example.com",
    "a@example.com> ORCPT=rfc822;eve@example.com",
    "a@[127.0.0.1]>\r\nDATA",
    "a@[127.0.0.1 x]",
    "a@example.com, eve@example.com",
    "a@example.com eve@example.com",
    "a@example.com\u{85}RCPT TO:<eve@example.com>",
    "a@example.com\u{2028}",
    "=?utf-8?q?a=40example=2Ecom=3E=0D=0A?=@example.com\n",
    "<a@example.com",
    "a@@example.com",
    "a@example.com(x)eve.com",
    "@eve.com:a@example.com\r\n",
    "a@ex\u{7f}ample.com",
    "",
    " ",
];

#[test]
fn no_address_becomes_a_command() {
    let sink = Sink::new();
    for attack in ATTACKS {
        let good = EmailMessage::new("x", "y")
            .from("a@example.com")
            .to(["b@example.com"]);
        let in_each_field = [
            good.clone().to(["b@example.com", attack]),
            good.clone().cc([attack]),
            good.clone().bcc([attack]),
            good.clone().to([("Bob", attack)]),
            good.clone().from_email(attack),
            good.clone().from_email(("Ann", attack)),
        ];
        // An empty text is no entry, and an empty sender is the default one.
        let messages: Vec<_> = match attack {
            "" => in_each_field[3..4].to_vec(),
            _ => in_each_field.to_vec(),
        };
        for report in send(Driver::Std, settings(&sink), &messages) {
            let error = report.error.as_ref();
            let error = error.unwrap_or_else(|| panic!("{attack:?} went out: {report:?}"));
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(!error.to_string().chars().any(char::is_control));
        }
    }
    let commands: Vec<_> = sink
        .logs()
        .into_iter()
        .flat_map(|log| log.commands)
        .collect();
    assert!(
        !commands.iter().any(|line| line.starts_with("MAIL")),
        "{commands:?}"
    );
}

#[test]
fn quotes_are_kept_so_that_nothing_slips_out_of_them() {
    let sink = Sink::new();
    let hidden = r#""foo@psres.net> ORCPT=admin@admin.com"@test.com"#;
    let message = EmailMessage::new("x", "y")
        .from("a@example.com")
        .to([hidden]);
    assert_eq!(
        send(Driver::Std, settings(&sink), &[message])[0].status(),
        Status::Sent
    );
    assert_eq!(sink.commands(0)[2], format!("RCPT TO:<{hidden}>"));
}

#[test]
fn a_hidden_recipient_shows_nowhere() {
    let mail = EmailMessage::new("x", "y")
        .from("a@example.com")
        .to(["b@example.com"])
        .bcc(["hidden@example.net"]);
    let sink = Sink::new();
    assert_eq!(
        send(Driver::Std, settings(&sink), std::slice::from_ref(&mail))[0]
            .accepted
            .len(),
        2
    );
    assert!(!sink.messages()[0].contains("hidden"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = Settings::default();
    settings.email_backend = "file".to_owned();
    settings.email_file_path = Some(folder.path().to_owned());
    assert_eq!(
        Mailer::new(settings).blocking().send(&mail).accepted.len(),
        2
    );
    for entry in std::fs::read_dir(folder.path()).expect("the folder") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("text");
        assert!(text.contains("b@example.com") && !text.contains("hidden"));
    }
}

#[test]
fn line_ends_are_made_whole_and_dots_are_doubled() {
    let sink = Sink::new();
    let body = "a\n.\nb\r.\rc\n.\r\nd\r\n.\ne";
    let message = EmailMessage::new("x", body)
        .from("a@example.com")
        .to(["b@example.com"]);
    assert_eq!(
        send(Driver::Std, settings(&sink), &[message])[0].status(),
        Status::Sent
    );
    let raw = sink.logs()[0].data[0].clone();
    let text = String::from_utf8(raw).expect("text");
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text:?}");
    assert!(
        text.ends_with("\r\n\r\na\r\n..\r\nb\r\n..\r\nc\r\n..\r\nd\r\n..\r\ne\r\n"),
        "{text:?}"
    );
}

#[test]
fn what_a_server_says_cannot_steer_a_terminal() {
    let sink = Sink::scripted(|_, at| match at {
        At::Command(line) if line.starts_with("RCPT") => {
            Some(Act::Say("550 5.1.1 \u{1b}[2J\u{202e}gone\u{7}\0\u{61c}\tx"))
        }
        _ => None,
    });
    let message = EmailMessage::new("x", "y")
        .from("a@example.com")
        .to(["b@example.com"]);
    let report = send(Driver::Std, settings(&sink), &[message]).remove(0);
    let json = serde_json::to_string(&report).expect("JSON");
    let error = report.error.as_ref().expect("refused");
    for shown in [
        json,
        error.to_string(),
        report.rejected[0].reply.to_string(),
    ] {
        assert!(shown.contains("gone"), "{shown}");
        let harmful = |c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{61c}');
        assert!(
            !shown.chars().any(harmful) && !shown.contains("\\u001b"),
            "{shown:?}"
        );
    }
}

#[test]
fn an_answer_too_many_never_makes_a_lost_mail_sent() {
    // The second 250 would be taken for the answer to the next command, and so on to the end of the data.
    for at in ["MAIL", "RCPT", "DATA"] {
        let sink = Sink::scripted(move |_, now| match now {
            At::Command(line) if line.starts_with(at) => {
                Some(Act::Say("250 ok\r\n250 ok\r\n250 ok\r\n250 ok"))
            }
            _ => None,
        });
        let message = EmailMessage::new("x", "y")
            .from("a@example.com")
            .to(["b@example.com"]);
        let report = send(Driver::Std, settings(&sink), &[message]).remove(0);
        assert_eq!(report.status(), Status::Failed, "{at}: {report:?}");
        let error = report.error.as_ref().expect("failed");
        assert_eq!(error.kind(), ErrorKind::Protocol, "{at}: {error}");
    }
}

#[test]
fn no_debug_text_shows_a_password() {
    let mut settings = Settings::default();
    settings.email_host_user = "ann".to_owned();
    settings.email_host_password = "hunter2".into();
    let (_, options) = settings.mailer("default").expect("there");
    let mailer = Mailer::new(settings.clone());
    let connection = mailer.blocking().connection().expect("made");
    let sending = send_mail("S", "T", "a@example.com", ["b@example.com"]).auth_password("hunter2");
    let shown = format!(
        "{settings:?} {options:?} {mailer:?} {:?} {connection:?} {sending:?} {:?}",
        mailer.blocking(),
        settings.entries().collect::<Vec<_>>(),
    );
    assert!(
        shown.contains("ann") && !shown.contains("hunter2"),
        "{shown}"
    );
}

/// A backend that reports on fewer messages than it was given, or on more.
struct Miscounting(usize);

impl Backend for Miscounting {
    fn send_messages<'a>(&'a mut self, _: &'a [EmailMessage]) -> BoxFuture<'a, Vec<Report>> {
        let reports = (0..self.0).map(|_| Report::sent("<1@example.com>", Vec::new()));
        let reports = reports.collect();
        Box::pin(async { reports })
    }
}

#[test]
fn a_backend_that_miscounts_makes_no_mail_sent() {
    for count in [0, 1, 5] {
        let mut settings = Settings::default();
        settings.email_backend = "mine".to_owned();
        let mailer =
            Mailer::new(settings).register("mine", move |_| Ok(Box::new(Miscounting(count))));
        let mail = EmailMessage::new("x", "y").to(["a@example.com"]);
        let reports = mailer
            .blocking()
            .send_messages(&[mail.clone(), mail.clone(), mail]);
        assert_eq!((reports.len(), reports.count()), (3, count.min(3)));
        let unknown = reports.iter().filter_map(|report| report.error.as_ref());
        assert!(unknown.clone().all(|error| error.is_in_doubt()));
    }
}

#[test]
fn scopes_nest_and_end_with_a_panic() {
    let (outer, inner) = (Outbox::new(), Outbox::new());
    let mail = |name: &str| {
        let report = send_mail(name, "", "a@example.com", ["b@example.com"]).send();
        assert_eq!(report.expect("sent").count(), 1);
    };
    outer.mailer().blocking().scope(|| {
        mail("before");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            inner.mailer().blocking().scope(|| {
                mail("inside");
                panic!("in the scope");
            })
        }));
        assert!(panicked.is_err());
        mail("after");
    });
    let subjects = |outbox: &Outbox| -> Vec<String> {
        outbox
            .messages()
            .iter()
            .map(|mail| mail.subject.clone())
            .collect()
    };
    assert_eq!(subjects(&outer), ["before", "after"]);
    assert_eq!(subjects(&inner), ["inside"]);
}

#[cfg(feature = "tokio")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn scopes_on_one_runtime_never_mix() {
    let tasks = (0..40).map(|task| {
        let outbox = Outbox::new();
        let work = outbox.mailer().scope(async move {
            for number in 0..25 {
                let subject = format!("{task} {number}");
                let report =
                    posthaste::send_mail(subject, "", "a@example.com", ["b@example.com"]).await;
                assert_eq!(report.expect("sent").count(), 1);
                tokio::task::yield_now().await;
            }
        });
        (task, outbox, tokio::spawn(work))
    });
    for (task, outbox, work) in tasks.collect::<Vec<_>>() {
        work.await.expect("no panic");
        assert_eq!(outbox.len(), 25);
        let own = format!("{task} ");
        assert!(
            outbox
                .messages()
                .iter()
                .all(|mail| mail.subject.starts_with(&own))
        );
    }
}

#[test]
fn names_from_strangers_bring_no_address() {
    let sink = Sink::new();
    let name = "Eve <eve@example.com>, \"";
    let message = EmailMessage::new("x", "y")
        .from("a@example.com")
        .to([Address::from((name, "b@example.com"))]);
    let report = send(Driver::Std, settings(&sink), &[message]).remove(0);
    assert_eq!(report.accepted.len(), 1);
    let recipients = sink
        .commands(0)
        .into_iter()
        .filter(|line| line.starts_with("RCPT"));
    assert_eq!(recipients.collect::<Vec<_>>(), ["RCPT TO:<b@example.com>"]);
}
