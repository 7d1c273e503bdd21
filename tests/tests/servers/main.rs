//! Other people's servers, each with the same tests: what has arrived equals what was reported, exactly once.

mod batch;
mod burst;
mod exim;
#[path = "opensmtpd.rs"]
mod opensmtpd_limit;
mod suite;
mod ways;

use posthaste_tests::aiosmtpd::Aiosmtpd;
use posthaste_tests::exim::Exim;
use posthaste_tests::opensmtpd::OpenSmtpd;
use posthaste_tests::postfix::Postfix;

/// The tests that every server passes, started anew for each.
macro_rules! every_server {
    ($($name:ident: $start:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn what_has_arrived_is_what_was_reported() {
                if let Some(server) = $start {
                    suite::what_has_arrived_is_what_was_reported(&server);
                }
            }

            #[test]
            fn nothing_goes_out_under_the_sender_of_another() {
                if let Some(server) = $start {
                    burst::nothing_goes_out_under_the_sender_of_another(&server);
                }
            }

            #[test]
            fn a_long_run_of_refusals_and_good_messages_comes_out_as_reported() {
                if let Some(server) = $start {
                    burst::a_long_run_comes_out_as_reported(&server);
                }
            }
        }
    )*};
}

/// Else Exim hangs up when there was RSET too often; `exim` has tests of that.
const PATIENT: &str = "smtp_accept_max_nonmail = 1000";

every_server! {
    postfix: Postfix::start(&[]);
    postfix_without_chunking: Postfix::start_with(&[], &[("smtpd_discard_ehlo_keywords", "chunking")]);
    postfix_strict: Postfix::start_with(&[], &[("smtpd_forbid_unauth_pipelining", "yes")]);
    exim_server: Exim::start_with(PATIENT);
    exim_without_chunking: Exim::start_with(&format!("{PATIENT}\nchunking_advertise_hosts ="));
    exim_without_either: Exim::start_with(
        &format!("{PATIENT}\nchunking_advertise_hosts =\npipelining_advertise_hosts =")
    );
    opensmtpd: OpenSmtpd::start();
    aiosmtpd: Aiosmtpd::start();
}
