//! TLS with certificates that the inbox makes itself.
//!
//! An authority of its own signs them. It is limited to names of this machine, so that whoever trusts it does not trust it with more.

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{
    BasicConstraints, Certificate as Signed, CertificateParams, CidrSubnet, DistinguishedName,
    DnType, Error, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::NamedTempFile;

use crate::fault::Certificate;

/// The key of the authority, in the directory that it is kept in.
const KEY_FILE: &str = "inbox-ca.key";
/// The certificate of the authority, which clients are to trust.
const CERTIFICATE_FILE: &str = "inbox-ca.pem";

/// What the authority is called.
const OURS: &str = "Posthaste inbox on this machine";

/// Whether an inbox takes mail under TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// STARTTLS is not offered.
    #[default]
    Off,
    /// STARTTLS is offered.
    Offered,
    /// STARTTLS is offered, and without it MAIL and AUTH are refused.
    Required,
}

impl From<bool> for Tls {
    /// Offered, or off.
    fn from(is_on: bool) -> Self {
        if is_on { Self::Offered } else { Self::Off }
    }
}

/// What an inbox shows of itself when TLS begins.
#[derive(Debug)]
pub(crate) struct Certificates {
    usual: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
    wrong_name: Arc<ServerConfig>,
    untrusted: Arc<ServerConfig>,
    authority: AuthorityFile,
}

/// Where the certificate of the authority is.
#[derive(Debug)]
enum AuthorityFile {
    Kept(PathBuf),
    /// It goes with the inbox.
    Passing(NamedTempFile),
}

impl Certificates {
    /// Certificates for this machine, under `host` too. The authority is kept in a directory, or only as long as this.
    pub(crate) fn make(directory: Option<&Path>, host: IpAddr) -> io::Result<Self> {
        let (key, authority) = match directory {
            Some(directory) => kept_authority(directory)?,
            None => passing_authority()?,
        };
        let made = Maker::new(key, OURS).and_then(|maker| {
            let stranger = Maker::new(KeyPair::generate()?, "Nobody knows this authority")?;
            Ok((
                maker.leaf(host, Certificate::Refuse)?,
                maker.leaf(host, Certificate::Expired)?,
                maker.leaf(host, Certificate::WrongName)?,
                stranger.leaf(host, Certificate::Untrusted)?,
            ))
        });
        let (usual, expired, wrong_name, untrusted) = made.map_err(io::Error::other)?;
        Ok(Self {
            usual: server(usual)?,
            expired: server(expired)?,
            wrong_name: server(wrong_name)?,
            untrusted: server(untrusted)?,
            authority,
        })
    }

    /// What is shown: the good one, or the one that a fault asks for.
    pub(crate) fn shown(&self, fault: Option<Certificate>) -> Arc<ServerConfig> {
        Arc::clone(match fault {
            Some(Certificate::Expired) => &self.expired,
            Some(Certificate::WrongName) => &self.wrong_name,
            Some(Certificate::Untrusted) => &self.untrusted,
            Some(Certificate::Refuse) | None => &self.usual,
        })
    }

    /// The file that clients are to trust.
    pub(crate) fn authority(&self) -> &Path {
        match &self.authority {
            AuthorityFile::Kept(path) => path,
            AuthorityFile::Passing(file) => file.path(),
        }
    }
}

/// Signs certificates.
struct Maker {
    authority: CertificateParams,
    key: KeyPair,
    leaf_key: KeyPair,
}

impl Maker {
    fn new(key: KeyPair, name: &str) -> Result<Self, Error> {
        Ok(Self {
            authority: authority(name),
            key,
            leaf_key: KeyPair::generate()?,
        })
    }

    /// A certificate for this machine, or one with a fault.
    fn leaf(
        &self,
        host: IpAddr,
        fault: Certificate,
    ) -> Result<(Signed, PrivatePkcs8KeyDer<'static>), Error> {
        let mut names = vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ];
        if host.is_loopback() && !names.contains(&host.to_string()) {
            names.push(host.to_string());
        }
        if fault == Certificate::WrongName {
            names = vec!["wrong-name.invalid".to_owned()];
        }
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = named("Posthaste inbox");
        let (from, to) = match fault {
            Certificate::Expired => (-60, -30),
            _ => (-1, 300),
        };
        let midnight = |(year, month, day)| date_time_ymd(year, month, day);
        (params.not_before, params.not_after) = (midnight(day(from)), midnight(day(to)));
        let issuer = Issuer::from_params(&self.authority, &self.key);
        let signed = params.signed_by(&self.leaf_key, &issuer)?;
        Ok((signed, self.leaf_key.serialize_der().into()))
    }
}

/// What the authority says of itself. It is the same each time, so that its key is all that has to be kept.
fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (params.not_before, params.not_after) =
        (date_time_ymd(2024, 1, 1), date_time_ymd(2049, 12, 31));
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::DnsName("invalid".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(
                IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
                128,
            )),
        ],
        excluded_subtrees: Vec::new(),
    });
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

/// Year, month and day, so many days from today.
fn day(days: i32) -> (i32, u8, u8) {
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let day = today.saturating_add(days.days());
    (
        day.year().into(),
        day.month().unsigned_abs(),
        day.day().unsigned_abs(),
    )
}

fn server((signed, key): (Signed, PrivatePkcs8KeyDer<'static>)) -> io::Result<Arc<ServerConfig>> {
    let chain: Vec<CertificateDer<'static>> = vec![signed.into()];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, PrivateKeyDer::Pkcs8(key))
        });
    config.map(Arc::new).map_err(io::Error::other)
}

/// The certificate of the authority, signed by itself.
fn certificate_of(key: &KeyPair) -> io::Result<String> {
    let signed = authority(OURS).self_signed(key).map_err(io::Error::other)?;
    Ok(signed.pem())
}

fn passing_authority() -> io::Result<(KeyPair, AuthorityFile)> {
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let mut file = tempfile::Builder::new()
        .prefix("posthaste-inbox-ca-")
        .suffix(".pem")
        .tempfile()?;
    file.write_all(certificate_of(&key)?.as_bytes())?;
    file.flush()?;
    Ok((key, AuthorityFile::Passing(file)))
}

/// The authority of a directory; it is made where it is missing.
fn kept_authority(directory: &Path) -> io::Result<(KeyPair, AuthorityFile)> {
    fs::create_dir_all(directory)?;
    let (key_file, certificate_file) = (directory.join(KEY_FILE), directory.join(CERTIFICATE_FILE));
    if !key_file.exists() {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        write_new(directory, &key_file, &key.serialize_pem())?;
    }
    // Another inbox may have been faster: what is in the file holds.
    let key = KeyPair::from_pem(&fs::read_to_string(&key_file)?);
    let key = key.map_err(|error| io::Error::other(format!("{}: {error}", key_file.display())))?;
    if !certificate_file.exists() {
        write_new(directory, &certificate_file, &certificate_of(&key)?)?;
    }
    Ok((key, AuthorityFile::Kept(certificate_file)))
}

/// Writes a file that is there as a whole or not at all, for its owner alone. One that is there stays.
fn write_new(directory: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
        Ok(_) => Ok(()),
    }
}
