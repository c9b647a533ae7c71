//! A TCP relay that stands in for distance: every byte arrives later by the same time, in order,
//! as many as the sockets take. Opening a connection is not delayed.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Bytes of one piece.
const PIECE_BYTES: usize = 16 << 10;
/// Pieces on their way in one direction at most; then reading waits, as a full line would.
const PIECES_UNDER_WAY: usize = 1024;

/// More than the runtime's timer rounds up by.
const ROUNDING: Duration = Duration::from_millis(2);

/// Relays that end when this does.
#[derive(Debug)]
pub struct Relays {
    runtime: Runtime,
    one_way: Duration,
}

impl Relays {
    /// None yet; each will delay by so much in each direction.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(one_way: Duration) -> io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build()?;
        Ok(Self { runtime, one_way })
    }

    /// Starts a relay to `HOST:PORT`; where it listens.
    ///
    /// # Errors
    /// There is no free port.
    pub fn to(&self, target: &str) -> io::Result<SocketAddr> {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        self.runtime.spawn(accept(listener, target.to_owned(), self.one_way));
        Ok(address)
    }
}

async fn accept(listener: TcpListener, target: String, one_way: Duration) {
    loop {
        // A connection that broke before it was accepted is no reason to stop.
        let Ok((near, _)) = listener.accept().await else { continue };
        let target = target.clone();
        tokio::spawn(async move {
            // Whoever is not there refuses; the near end sees that its connection ends.
            if let Ok(far) = TcpStream::connect(&target).await {
                let _ = join(near, far, one_way).await;
            }
        });
    }
}

async fn join(near: TcpStream, far: TcpStream, one_way: Duration) -> io::Result<()> {
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::try_join!(carry(near_in, far_out, one_way), carry(far_in, near_out, one_way))?;
    Ok(())
}

/// One direction, to its end.
async fn carry(
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    one_way: Duration,
) -> io::Result<()> {
    let (put, take) = mpsc::channel(PIECES_UNDER_WAY);
    tokio::try_join!(gather(from, put, one_way), deliver(to, take))?;
    Ok(())
}

/// When it is due, and what; nothing says that no more will come.
type Piece = (Instant, Vec<u8>);

async fn gather(
    mut from: impl AsyncRead + Unpin,
    put: mpsc::Sender<Piece>,
    one_way: Duration,
) -> io::Result<()> {
    loop {
        let mut bytes = Vec::with_capacity(PIECE_BYTES);
        let count = from.read_buf(&mut bytes).await?;
        let sent = put.send((Instant::now() + one_way, bytes)).await;
        if count == 0 || sent.is_err() {
            return Ok(());
        }
    }
}

async fn deliver(
    mut to: impl AsyncWrite + Unpin,
    mut take: mpsc::Receiver<Piece>,
) -> io::Result<()> {
    while let Some((due, bytes)) = take.recv().await {
        until(due).await;
        if bytes.is_empty() {
            return to.shutdown().await;
        }
        to.write_all(&bytes).await?;
    }
    Ok(())
}

/// Waits until then, to a tenth of a millisecond: the runtime's own timer rounds up to whole ones,
/// which would add up to two of them to each round trip, so a thread sleeps the rest.
async fn until(due: Instant) {
    let left = || due.saturating_duration_since(Instant::now());
    tokio::time::sleep(left().saturating_sub(ROUNDING)).await;
    let rest = left();
    if !rest.is_zero() {
        // A thread that only sleeps does not fail.
        let _ = tokio::task::spawn_blocking(move || thread::sleep(rest)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpListener as Listener, TcpStream as Stream};

    /// Sends back all that it gets.
    fn echo() -> String {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut copy = stream.try_clone().unwrap();
            io::copy(&mut stream, &mut copy).unwrap();
            copy.shutdown(Shutdown::Write).unwrap();
        });
        address.to_string()
    }

    #[test]
    fn every_byte_arrives_later_and_in_order() {
        let one_way = Duration::from_millis(20);
        let relays = Relays::new(one_way).unwrap();
        let mut stream = Stream::connect(relays.to(&echo()).unwrap()).unwrap();
        let begun = Instant::now();
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        assert!(begun.elapsed() >= 2 * one_way, "{:?}", begun.elapsed());

        // As many bytes as take many pieces, and then the end, which comes last.
        let sent: Vec<_> = (0..4_000_000_u32).map(|number| (number % 251) as u8).collect();
        let (mut writer, bytes) = (stream.try_clone().unwrap(), sent.clone());
        let writing = thread::spawn(move || {
            writer.write_all(&bytes).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        writing.join().unwrap();
        assert!(got == sent, "{} bytes of {}", got.len(), sent.len());
    }

    #[test]
    fn who_is_not_there_is_seen_to_be_away() {
        let port = Listener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let relays = Relays::new(Duration::from_millis(1)).unwrap();
        let mut stream = Stream::connect(relays.to(&port.to_string()).unwrap()).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }
}
