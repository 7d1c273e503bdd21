//! Who is let through.

use std::net::SocketAddr;

use posthaste_inbox::Inbox;

use crate::http::{ask, get};
use crate::inbox;

/// One that other machines reach, and its token.
fn open_inbox() -> (Inbox, SocketAddr, String) {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let inbox = Inbox::builder().web(everywhere).start().expect("a port");
    let port = inbox.web_address().expect("a page").port();
    let url = inbox.web_url().expect("a page");
    let (_, token) = url.split_once("?token=").expect("a token");
    let token = token.to_owned();
    (inbox, SocketAddr::from(([127, 0, 0, 1], port)), token)
}

#[test]
fn only_names_of_this_machine_are_answered() {
    let (_inbox, web) = inbox();
    let port = web.port();
    let right = [
        "localhost".to_owned(),
        format!("localhost:{port}"),
        format!("LocalHost:{port}"),
        format!("127.0.0.1:{port}"),
        "127.0.0.1".to_owned(),
        format!("[::1]:{port}"),
        "[::1]".to_owned(),
        format!("shop.localhost:{port}"),
        format!("inbox.example:{port}"),
    ];
    for host in right {
        let answer = ask(web, "GET /healthz", &[&format!("Host: {host}")], b"");
        assert_eq!(answer.status, 200, "{host}: {answer:?}");
    }
    let wrong = [
        "evil.test",
        "evil.test:8025",
        "localhost.evil.test",
        "evillocalhost",
        ".localhost",
        "user@evil.test/.localhost",
        "127.0.0.1.evil.test",
        "192.168.1.1",
        "0.0.0.0",
        "[::ffff:7f00:1",
        "::1",
        "",
        "localhost:80:80",
        "other.inbox.example",
    ];
    for host in wrong {
        let answer = ask(web, "GET /healthz", &[&format!("Host: {host}")], b"");
        assert!(matches!(answer.status, 400 | 421), "{host:?}: {answer:?}");
    }
}

#[test]
fn a_request_without_a_host_or_with_two_is_refused() {
    let (_inbox, web) = inbox();
    let refused = |status| matches!(status, 400 | 421);
    assert!(refused(ask(web, "GET /healthz", &[], b"").status));
    let two = ["Host: localhost", "Host: evil.test"];
    assert!(refused(ask(web, "GET /healthz", &two, b"").status));
    let two = ["Host: evil.test", "Host: localhost"];
    assert!(refused(ask(web, "GET /healthz", &two, b"").status));
    // The target of the request line goes before the header.
    let answer = ask(
        web,
        "GET http://evil.test/healthz",
        &["Host: localhost"],
        b"",
    );
    assert!(refused(answer.status), "{answer:?}");
}

#[test]
fn other_sites_read_nothing() {
    let (_inbox, web) = inbox();
    for site in ["cross-site", "same-site"] {
        let site = format!("Sec-Fetch-Site: {site}");
        for rest in [
            &["Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"][..],
            &["Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"],
            &["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"],
            &[],
        ] {
            let mut headers = vec!["Host: localhost", &site];
            headers.extend(rest);
            let answer = ask(web, "GET /healthz", &headers, b"");
            assert_eq!(answer.status, 403, "{headers:?}");
        }
        // A link that somebody follows.
        let visit = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
        let headers = ["Host: localhost", &site, visit[0], visit[1]];
        assert_eq!(ask(web, "GET /healthz", &headers, b"").status, 200);
        // … but not a form that is sent.
        let headers = [
            "Host: localhost",
            &site,
            visit[0],
            visit[1],
            "X-Posthaste: 1",
        ];
        assert_eq!(
            ask(web, "DELETE /api/v1/messages", &headers, b"").status,
            403
        );
    }
}

#[test]
fn an_origin_has_to_be_this_one() {
    let (_inbox, web) = inbox();
    let own = format!("Origin: http://localhost:{}", web.port());
    let host = format!("Host: localhost:{}", web.port());
    assert_eq!(ask(web, "GET /healthz", &[&host, &own], b"").status, 200);
    for origin in [
        "http://evil.test",
        "null",
        "http://localhost",
        "http://localhost:1",
        "localhost",
        "",
    ] {
        let origin = format!("Origin: {origin}");
        let answer = ask(web, "GET /healthz", &[&host, &origin], b"");
        assert_eq!(answer.status, 403, "{origin}");
        let headers = [&*host, &origin, "Content-Type: application/json"];
        let answer = ask(web, "DELETE /api/v1/messages", &headers, b"");
        assert_eq!(answer.status, 403, "{origin}");
    }
    // A page of ours that sends no referrer, and a browser that says so.
    let headers = [&*host, "Origin: null", "Sec-Fetch-Site: same-origin"];
    assert_eq!(ask(web, "GET /healthz", &headers, b"").status, 200);
}

#[test]
fn no_form_of_another_site_changes_anything() {
    let (_inbox, web) = inbox();
    let delete = |header: &str| {
        let headers = ["Host: localhost", header];
        ask(web, "DELETE /api/v1/messages", &headers, b"").status
    };
    for content_type in [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "Text/Plain; charset=utf-8",
        "",
        "json",
    ] {
        assert_eq!(delete(&format!("Content-Type: {content_type}")), 403);
    }
    assert_eq!(delete("Accept: */*"), 403);
    assert_eq!(delete("Content-Type: application/json"), 200);
    assert_eq!(delete("X-Posthaste: 1"), 200);
    // A form of our own page, in a browser of today and in an old one.
    assert_eq!(delete("Sec-Fetch-Site: same-origin"), 200);
    assert_eq!(delete("Origin: http://localhost"), 200);
}

#[test]
fn beyond_this_machine_it_takes_the_token() {
    let (_inbox, web, token) = open_inbox();
    assert!(token.len() >= 32, "{token}");
    assert_eq!(get(web, "/healthz").status, 401);
    assert_eq!(
        get(web, "/healthz").header("www-authenticate"),
        Some("Bearer")
    );
    let wrong = "0".repeat(token.len());
    for said in [
        format!("Authorization: Bearer {wrong}"),
        format!("Authorization: Basic {token}"),
        format!("Authorization: Bearer {}", &token[1..]),
        format!("Cookie: posthaste-inbox={wrong}"),
        format!("Cookie: other={token}"),
    ] {
        let answer = ask(web, "GET /healthz", &["Host: localhost", &said], b"");
        assert_eq!(answer.status, 401, "{said}");
    }
    for said in [
        format!("Authorization: Bearer {token}"),
        format!("Cookie: a=b; posthaste-inbox={token}"),
    ] {
        let answer = ask(web, "GET /healthz", &["Host: localhost", &said], b"");
        assert_eq!(answer.status, 200, "{said}");
    }
    // An address needs no name server, so nobody can have changed what it means.
    let headers = [
        "Host: 192.168.1.1",
        &format!("Authorization: Bearer {token}"),
    ];
    assert_eq!(ask(web, "GET /healthz", &headers, b"").status, 200);
    let headers = ["Host: evil.test", &format!("Authorization: Bearer {token}")];
    assert_eq!(ask(web, "GET /healthz", &headers, b"").status, 421);
}

#[test]
fn the_token_moves_from_the_address_into_a_cookie() {
    let (_inbox, web, token) = open_inbox();
    let answer = get(web, &format!("/m/1?token={token}"));
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), Some("/m/1"));
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.contains(&token) && cookie.contains("HttpOnly"));
    assert!(cookie.contains("SameSite=Strict"), "{cookie}");
    assert_eq!(get(web, "/m/1?token=wrong").status, 401);
    // Not to another server.
    let answer = get(web, &format!("//evil.test/?token={token}"));
    assert_eq!(answer.header("location"), Some("/evil.test/"));
}

#[test]
fn every_answer_is_for_this_site_alone() {
    let (_inbox, web) = inbox();
    let answers = [
        get(web, "/healthz"),
        get(web, "/nothing-here"),
        ask(web, "GET /healthz", &["Host: evil.test"], b""),
        ask(web, "OPTIONS /healthz", &["Host: localhost"], b""),
    ];
    for answer in answers {
        let is = |name, value| assert_eq!(answer.header(name), Some(value), "{answer:?}");
        is("cross-origin-resource-policy", "same-origin");
        is("cross-origin-opener-policy", "same-origin");
        is("x-content-type-options", "nosniff");
        is("referrer-policy", "no-referrer");
        is("cache-control", "no-store");
        assert!(answer.header("content-security-policy").is_some());
        for name in ["origin", "methods", "headers", "credentials"] {
            let name = format!("access-control-allow-{name}");
            assert_eq!(answer.header(&name), None);
        }
    }
}

#[test]
fn what_is_secret_does_not_show() {
    let builder = Inbox::builder().token("hunter2");
    assert!(!format!("{builder:?}").contains("hunter2"));
}
