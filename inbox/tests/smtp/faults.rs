//! Each kind of fault, as a client meets it; counted, told and marked.

use std::time::Duration;

use posthaste::{EmailMessage, Mailer, Report};
use posthaste_inbox::fault::{Profile, Rule, Step};
use posthaste_inbox::{Inbox, Want};

use crate::raw::Client;

/// An inbox with rules as they stand in a file.
fn inbox(rules: &str) -> Inbox {
    let rules: Vec<Rule> = serde_json::from_str(rules).expect("JSON");
    Inbox::builder().faults(rules).start().expect("a free port")
}

async fn send(inbox: &Inbox, to: &[&str]) -> Report {
    let message = EmailMessage::new("Your invoice", "x")
        .from("shop@example.com")
        .to(to.iter().copied());
    Mailer::new(inbox.settings()).send(&message).await
}

fn hits(inbox: &Inbox) -> Vec<u64> {
    inbox.faults().iter().map(|listed| listed.hits).collect()
}

#[tokio::test]
async fn one_recipient_is_refused_and_the_others_get_it() {
    let inbox = inbox(r#"[{"at": "rcpt", "rcpt": "gone@*", "reply": "550 5.1.1 no such user"}]"#);
    let report = send(
        &inbox,
        &["ann@example.com", "gone@example.com", "bob@example.com"],
    )
    .await;
    assert_eq!(report.accepted.len(), 2);
    assert_eq!(
        report.rejected[0].reply.to_string(),
        "550 5.1.1 no such user"
    );
    let mail = inbox.wait(Want::any()).await.expect("the mail");
    assert_eq!(
        mail.envelope.rcpt_to(),
        ["ann@example.com", "bob@example.com"]
    );
    let refused = &mail.envelope.recipients[1];
    assert_eq!(
        refused.reply.as_ref().map(posthaste::Reply::code),
        Some(550)
    );
    assert!(
        mail.transcript
            .contains("fault rule 1: 550 5.1.1 no such user")
    );
    assert_eq!(hits(&inbox), [1]);
}

#[tokio::test]
async fn twice_refused_then_taken() {
    let inbox = inbox(
        r#"[{"at": "end", "subject": "*invoice*", "reply": "451 4.7.1 try again", "times": 2}]"#,
    );
    for count in [0, 0, 1, 1] {
        assert_eq!(send(&inbox, &["ann@example.com"]).await.count(), count);
    }
    assert_eq!(hits(&inbox), [2]);
    assert_eq!(inbox.mails().await.len(), 4);
}

#[tokio::test]
async fn stored_but_never_answered() {
    let inbox = inbox(r#"[{"at": "end", "after_store": true, "drop": true, "times": 1}]"#);
    let report = send(&inbox, &["ann@example.com"]).await;
    let error = report.error.expect("nobody knows");
    assert!(
        error.to_string().contains("in doubt") || error.is_temporary(),
        "{error}"
    );
    let mail = inbox.wait(Want::any()).await.expect("it is there");
    assert!(mail.is_taken() && mail.transcript.contains("stored, closed without an answer"));
}

#[tokio::test]
async fn dropped_instead_of_an_answer() {
    let inbox = inbox(r#"[{"at": "end", "drop": true}]"#);
    assert_eq!(send(&inbox, &["ann@example.com"]).await.count(), 0);
    let mail = inbox
        .wait(Want::any().refused())
        .await
        .expect("the attempt");
    assert!(mail.reply.is_none() && !mail.raw.is_empty());
}

#[test]
fn connections_end_in_each_way() {
    for (step, say) in [
        ("connect", &[][..]),
        ("banner", &[]),
        ("ehlo", &["EHLO x"]),
        ("auth", &["EHLO x", "AUTH PLAIN AGFubgBodW50ZXIy"]),
        ("mail", &["EHLO x", "MAIL FROM:<a@b.example>"]),
        (
            "rcpt",
            &["EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>"],
        ),
        (
            "data",
            &[
                "EHLO x",
                "MAIL FROM:<a@b.example>",
                "RCPT TO:<c@d.example>",
                "DATA",
            ],
        ),
        (
            "bdat",
            &[
                "EHLO x",
                "MAIL FROM:<a@b.example>",
                "RCPT TO:<c@d.example>",
                "BDAT 1",
            ],
        ),
        (
            "end",
            &[
                "EHLO x",
                "MAIL FROM:<a@b.example>",
                "RCPT TO:<c@d.example>",
                "DATA",
                "x\r\n.",
            ],
        ),
        ("rset", &["EHLO x", "RSET"]),
        ("quit", &["QUIT"]),
    ] {
        for (way, by_reset, is_answered) in [
            ("drop", false, false),
            ("reset", true, false),
            ("close", false, true),
        ] {
            let inbox = inbox(&format!(r#"[{{"at": "{step}", "{way}": true}}]"#));
            let mut client = Client::silent(&inbox);
            if let Some((last, first)) = say.split_last() {
                assert!(client.hear().is_some());
                for line in first {
                    client.say(format!("{line}\r\n"));
                    assert!(client.hear().is_some(), "{step} {way} {line}");
                }
                client.say(format!("{last}\r\n"));
            }
            // BDAT is answered after its octets, which are not waited for.
            if is_answered && step != "bdat" {
                assert!(client.hear().is_some(), "{step} {way}");
            }
            assert_eq!(client.is_reset_at_end(), by_reset, "{step} {way}");
            assert_eq!(hits(&inbox), [1], "{step} {way}");
        }
    }
}

#[test]
fn an_answer_may_be_given_at_each_step_and_close() {
    for (step, say) in [
        ("connect", ""),
        ("banner", ""),
        ("ehlo", "EHLO x\r\n"),
        (
            "auth",
            "EHLO x\r\nAUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgaHVudGVyMgEB\r\n",
        ),
        ("mail", "EHLO x\r\nMAIL FROM:<a@b.example>\r\n"),
        (
            "rcpt",
            "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n",
        ),
        (
            "data",
            "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n",
        ),
        (
            "bdat",
            "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nBDAT 1\r\n",
        ),
        (
            "end",
            "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nBDAT 1 LAST\r\nx",
        ),
        ("rset", "EHLO x\r\nRSET\r\n"),
        ("quit", "QUIT\r\n"),
        ("any", "NOOP\r\n"),
    ] {
        let inbox = inbox(&format!(
            r#"[{{"at": "{step}", "reply": "454 4.3.0 as ordered", "close": true}}]"#
        ));
        let mut client = Client::silent(&inbox);
        client.try_say(say);
        let mut last = None;
        while let Some(answer) = client.hear() {
            last = Some(answer);
        }
        assert_eq!(last.as_deref(), Some("454 4.3.0 as ordered\r\n"), "{step}");
        assert_eq!(hits(&inbox), [1], "{step}");
    }
}

#[test]
fn the_last_answer_is_heard_though_the_client_talks_on() {
    let inbox = inbox(r#"[{"at": "bdat", "reply": "452 4.3.1 full", "close": true}]"#);
    let mut client = Client::with_mail(&inbox);
    client.say("BDAT 10000000 LAST\r\n");
    client.try_say("x".repeat(200_000));
    assert_eq!(client.code(), 452);
    assert!(client.hear().is_none());
}

#[test]
fn a_body_dies_on_its_way() {
    for (end, by_reset) in [("reset", true), ("drop", false)] {
        for verb in ["DATA\r\n", "BDAT 1000000 LAST\r\n"] {
            let inbox = inbox(&format!(
                r#"[{{"at": "data", "after_bytes": 65536, "{end}": true}}]"#
            ));
            let mut client = Client::with_mail(&inbox);
            client.say(verb);
            client.try_say("x".repeat(65_535));
            // One octet less does nothing.
            if verb.starts_with("DATA") {
                assert_eq!(client.code(), 354);
            }
            assert_eq!(hits(&inbox), [0]);
            client.try_say("x");
            assert_eq!(client.is_reset_at_end(), by_reset);
            let mail = inbox
                .wait_blocking(Want::any().refused())
                .expect("what there is of it");
            assert_eq!(mail.raw.len(), 65_536);
            assert!(mail.transcript.contains("[content of 65536 octets]"));
        }
    }
}

#[test]
fn delays_are_waited_for_and_what_was_said_before_is_sent() {
    let inbox = inbox(r#"[{"at": "rcpt", "rcpt": "*@slow.example", "delay_ms": 200}]"#);
    let mut client = Client::new(&inbox);
    client.say(
        "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@slow.example>\r\nRCPT TO:<d@b.example>\r\nDATA\r\n",
    );
    let codes: Vec<_> = (0..4).map(|_| client.code()).collect();
    assert_eq!(codes, [250, 250, 250, 354]);
    client.ask(".", 250);
    let mail = inbox.wait_blocking(Want::any()).expect("the mail");
    let lines: Vec<_> = mail.transcript.lines.iter().collect();
    let mark = lines
        .iter()
        .position(|line| line.text == "fault rule 1: 200ms late")
        .expect("a mark");
    assert_eq!(lines[mark - 1].text, "RCPT TO:<c@slow.example>");
    let waited = lines[mark + 1].at - lines[mark].at;
    assert!(waited >= Duration::from_millis(200), "{waited:?}");
}

#[test]
fn a_slow_server_shows_what_pipelining_is_worth() {
    assert_eq!(
        Profile::SlowMx.rules(),
        [Rule::at(Step::Connect).latency_ms(300).throttle_bps(20_000)]
    );
    let inbox = inbox(r#"[{"at": "connect", "latency_ms": 40, "throttle_bps": 100000}]"#);
    let mut client = Client::new(&inbox);
    // One group is late once.
    client.say("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@b.example>\r\nRCPT TO:<d@b.example>\r\nBDAT 10000 LAST\r\n");
    client.say("x".repeat(10_000));
    for _ in 0..4 {
        assert_eq!(client.code(), 250);
    }
    client.ask("MAIL FROM:<a@b.example>", 250);
    client.ask("RCPT TO:<c@b.example>", 250);
    client.say("BDAT 0 LAST\r\n");
    assert_eq!(client.code(), 250);
    let (first, second) = (
        inbox.wait_blocking(Want::any()),
        inbox.wait_blocking(Want::any()),
    );
    let took = [first, second]
        .map(|mail| Duration::from_micros(mail.expect("the mail").session.duration_us));
    // 10,000 octets take a tenth of a second; then each of two more commands is late by itself.
    assert!(took[0] >= Duration::from_millis(95), "{took:?}");
    assert!(took[1] >= Duration::from_millis(80), "{took:?}");
}

#[tokio::test]
async fn greylisting_refuses_at_first() {
    let inbox = Inbox::builder()
        .profile(Profile::Greylist)
        .start()
        .expect("a free port");
    for _ in 0..2 {
        let report = send(&inbox, &["ann@example.com"]).await;
        assert_eq!(report.rejected[0].reply.code(), 451);
    }
    assert_eq!(hits(&inbox), [2]);
}

#[test]
fn a_rate_is_kept() {
    let inbox =
        inbox(r#"[{"at": "mail", "rate": "3/h", "reply": "421 4.7.0 too fast", "close": true}]"#);
    let mut client = Client::new(&inbox);
    for _ in 0..3 {
        client.ask("MAIL FROM:<a@b.example>", 250);
        client.ask("RSET", 250);
    }
    client.ask("MAIL FROM:<a@b.example>", 421);
    assert!(client.hear().is_none());
}

#[test]
fn turns_are_skipped_and_counted_over_all_connections() {
    let inbox = inbox(
        r#"[{"at": "mail", "from": "a@*", "skip": 1, "every": 2, "times": 2, "reply": "451 4.3.0 later"}]"#,
    );
    let code = |from: &str| {
        let mut client = Client::new(&inbox);
        client.say(format!("MAIL FROM:<{from}@b.example>\r\n"));
        client.code()
    };
    let codes: Vec<_> = (0..8).map(|_| code("a")).collect();
    assert_eq!(codes, [250, 250, 451, 250, 451, 250, 250, 250]);
    assert_eq!(code("c"), 250);
    assert_eq!(hits(&inbox), [2]);
}

#[test]
fn chance_is_the_same_for_the_same_seed() {
    let run = |seed| {
        let rules = vec![
            Rule::at(Step::Rset)
                .prob(0.5, seed)
                .reply(451, "", "by chance"),
        ];
        let inbox = Inbox::builder().faults(rules).start().expect("a free port");
        let mut client = Client::new(&inbox);
        (0..64)
            .map(|_| {
                client.say("RSET\r\n");
                client.code()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[tokio::test]
async fn extensions_are_hidden_and_not_understood() {
    let inbox = inbox(
        r#"[{"at": "ehlo", "hide": ["pipelining", "CHUNKING", "SIZE", "CRAM-MD5"], "times": 1}]"#,
    );
    let mut client = Client::silent(&inbox);
    assert_eq!(client.code(), 220);
    let answer = client.ask("EHLO x", 250);
    for hidden in ["PIPELINING", "CHUNKING", "SIZE", "CRAM-MD5"] {
        assert!(!answer.contains(hidden), "{answer}");
    }
    assert!(answer.contains("8BITMIME") && answer.contains("AUTH PLAIN LOGIN XOAUTH2"));
    client.ask("MAIL FROM:<a@b.example> SIZE=1", 555);
    client.ask("AUTH CRAM-MD5", 504);
    client.ask("BDAT 0 LAST", 502);
    assert!(client.ask("EHLO x", 250).contains("CHUNKING"));

    inbox
        .set_faults(vec![Rule::at(Step::Ehlo).hide(["CHUNKING"])])
        .expect("a good rule");
    assert_eq!(send(&inbox, &["ann@example.com"]).await.count(), 1);
    let mail = inbox.wait(Want::any()).await.expect("the mail");
    assert_eq!(mail.session.chunks, 0);
    assert!(mail.transcript.contains("fault rule 1: without CHUNKING"));
}

#[tokio::test]
async fn everything_that_starttls_and_auth_hide() {
    let inbox = Inbox::builder().tls(true).start().expect("a free port");
    inbox.fail(Rule::at(Step::Ehlo).hide(["STARTTLS", "AUTH"]));
    let mut client = Client::new(&inbox);
    let answer = client.ask("EHLO x", 250);
    assert!(
        !answer.contains("STARTTLS") && !answer.contains("AUTH"),
        "{answer}"
    );
    client.ask("STARTTLS", 502);
    client.ask("AUTH PLAIN AGFubgBodW50ZXIy", 502);
}

#[tokio::test]
async fn addresses_say_their_faults() {
    let inbox = Inbox::builder().start().expect("a free port");
    let to = [
        "ann@example.com",
        "550-5.1.1@fault.test",
        "once-451-4.7.1@fault.test",
        "what@fault.test",
    ];
    let report = send(&inbox, &to).await;
    let codes: Vec<_> = report
        .rejected
        .iter()
        .map(|rejection| rejection.reply.to_string())
        .collect();
    assert_eq!(
        codes[..2],
        [
            "550 5.1.1 As the address asks for",
            "451 4.7.1 As the address asks for"
        ]
    );
    assert!(codes[2].contains("fault.test knows 550@"));
    assert_eq!(
        send(&inbox, &["once-451-4.7.1@fault.test"]).await.count(),
        1
    );
    assert_eq!(send(&inbox, &["drop@fault.test"]).await.count(), 0);
    assert_eq!(send(&inbox, &["end-554-5.6.0@fault.test"]).await.count(), 0);
    assert_eq!(send(&inbox, &["end-reset@fault.test"]).await.count(), 0);
    assert_eq!(send(&inbox, &["reset@fault.test"]).await.count(), 0);
    assert_eq!(send(&inbox, &["delay-20ms@fault.test"]).await.count(), 1);
    let mail = inbox.wait(Want::any()).await.expect("the first");
    assert!(mail.transcript.contains("fault by address: 550 5.1.1"));
    let mail = inbox.wait(Want::to("delay*")).await.expect("the late one");
    assert!(mail.transcript.contains("fault by address: 20ms late"));
    let mail = inbox
        .wait(Want::to("end-554*").refused())
        .await
        .expect("the attempt");
    assert_eq!(mail.reply.as_ref().map(posthaste::Reply::code), Some(554));
}

#[tokio::test]
async fn a_box_has_faults_of_its_own() {
    let inbox = Inbox::builder().start().expect("a free port");
    let (here, there) = (inbox.private("here"), inbox.private("there"));
    here.fail(Rule::rcpt("*").reply(550, "5.1.1", "not here"));
    let message = EmailMessage::new("x", "x")
        .from("a@example.com")
        .to(["b@example.com"]);
    assert_eq!(Mailer::new(here.settings()).send(&message).await.count(), 0);
    assert_eq!(
        Mailer::new(there.settings()).send(&message).await.count(),
        1
    );
}

#[test]
fn rules_that_make_no_sense_do_not_start() {
    let error = Inbox::builder()
        .faults([Rule::end().reply(12, "", "x")])
        .start()
        .expect_err("no answer");
    assert!(
        error
            .to_string()
            .starts_with("rule 1: reply: \"12 x\" is no answer"),
        "{error}"
    );
}

#[test]
fn a_reply_that_takes_the_mail_is_a_success_in_other_words() {
    let inbox = inbox(
        r#"[{"at": "end", "reply": "250 2.6.0 Queued as 4711"}, {"at": "any", "reply": "250 fine", "skip": 100}]"#,
    );
    let mut client = Client::with_mail(&inbox);
    client.ask("DATA", 354);
    assert!(client.ask("x\r\n.", 250).contains("4711"));
    assert!(inbox.wait_blocking(Want::any()).is_ok());
}
