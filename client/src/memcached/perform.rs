//! What both shells do around an operation.

use bytes::Bytes;
use lockproof_protocol::memcached_binary::Status;

use super::Answer;
use crate::Error;
use crate::run::Run;

pub(super) fn copy(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// A status after which the server closes, closes here too; and it is the reason for the end of the
/// stream, which only followed from it.
pub(super) fn refused_instead(
    mut run: Run<Answer>,
    fatal: Option<Status>,
    close: impl FnOnce(),
) -> Run<Answer> {
    let Some(status) = fatal else { return run };
    close();
    if let Some(Error::Transport { maybe_applied, .. }) = run.error {
        run.error = Some(Error::Refused { refusal: status.into(), maybe_applied });
    }
    run
}

/// The keys that were refused, with the status.
pub(super) fn with_keys<'a>(
    keys: impl Iterator<Item = &'a [u8]>,
    refused: Vec<Option<Status>>,
) -> Vec<(Bytes, Status)> {
    keys.zip(refused).filter_map(|(key, status)| Some((copy(key), status?))).collect()
}
