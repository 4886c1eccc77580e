//! Unix sockets: a file with a mode, in whose directory nobody else may write.

use std::fs::{Permissions, remove_file, set_permissions, symlink_metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{UnixListener, UnixStream};

use crate::{Listener, Peer};

/// A bound Unix socket; its file is removed when this is dropped, unless another one took its place.
#[derive(Debug)]
pub(crate) struct UnixSocket {
    socket: std::os::unix::net::UnixListener,
    /// None if another made it.
    file: Option<File>,
}

/// The file that we made.
#[derive(Debug)]
struct File {
    path: PathBuf,
    inode: u64,
}

impl Drop for File {
    fn drop(&mut self) {
        let is_ours = symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if is_ours && let Err(error) = remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the socket's file stays");
        }
    }
}

impl UnixSocket {
    /// Opens a listening socket whose file has this mode before anybody can connect. The file of a server that is gone is
    /// replaced; that of one that answers is not, and neither is what is no socket.
    pub(crate) fn bind(path: &Path, mode: u32, backlog: i32) -> io::Result<Self> {
        clear(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let inode = symlink_metadata(path)?.ino();
        let file = Some(File { path: path.to_owned(), inode });
        // Nobody can connect before `listen`.
        set_permissions(path, Permissions::from_mode(mode))?;
        socket.listen(backlog)?;
        Ok(Self { socket: socket.into(), file })
    }

    /// A socket that somebody else has opened, and whose file is theirs.
    pub(crate) fn inherited(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, file: None })
    }

    pub(crate) fn path(&self) -> PathBuf {
        let address = self.socket.local_addr().ok();
        address.and_then(|it| it.as_pathname().map(Path::to_owned)).unwrap_or_default()
    }
}

fn clear(path: &Path) -> io::Result<()> {
    let Ok(found) = symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file that is no socket",
        ));
    }
    match BlockingStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => remove_file(path),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// Accepts connections of a Unix socket.
#[derive(Debug)]
pub(crate) struct UnixAcceptor {
    listener: UnixListener,
    _file: Option<File>,
}

impl UnixAcceptor {
    /// Must run inside a tokio runtime.
    pub(crate) fn new(socket: UnixSocket) -> io::Result<Self> {
        let UnixSocket { socket, file } = socket;
        Ok(Self { listener: UnixListener::from_std(socket)?, _file: file })
    }
}

impl Listener for UnixAcceptor {
    type Io = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.listener.accept().await?;
        Ok((stream, Peer::Unix))
    }
}
