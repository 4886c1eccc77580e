//! What went wrong with TLS, and what can be done about it, in a sentence.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// The same error, in words where it is one of TLS.
pub(crate) fn explain(error: io::Error) -> io::Error {
    let found = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match found.map(sentence) {
        Some(sentence) => io::Error::new(error.kind(), sentence),
        None => error,
    }
}

/// As [`explain`]; an end of the connection has a likely reason there.
pub(crate) fn explain_handshake(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => io::Error::new(
            error.kind(),
            "the server ended the connection in the TLS handshake; perhaps it speaks no TLS there",
        ),
        _ => explain(error),
    }
}

fn sentence(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(problem) => of_certificate(problem),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::InvalidMessage(_) => {
            "what the server says is no TLS; perhaps it speaks none there".to_owned()
        }
        other => format!("TLS: {other}"),
    }
}

fn of_certificate(problem: &CertificateError) -> String {
    let hint = match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it must be renewed, or the clock of this machine is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "perhaps the clock of this machine is wrong"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "connect by a name that it has, or say which one is meant (server_name)"
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no root that is trusted here has signed it; name the file of its root (cafile)"
        }
        // webpki's error is not ours to name.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "it is a root (CA:TRUE); a server needs one of its own that a root has signed"
        }
        _ => return format!("the server's certificate is not accepted: {problem}"),
    };
    format!("the server's certificate is not accepted: {problem}; {hint}")
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "the server wants a certificate of its clients; name its file and its key's (cert, key)"
                .to_owned()
        }
        AlertDescription::BadCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::DecryptError
        | AlertDescription::UnknownCA
        | AlertDescription::UnsupportedCertificate => {
            format!("the server does not accept this client's certificate: {alert:?}")
        }
        _ => format!("the server ends TLS: {alert:?}"),
    }
}
