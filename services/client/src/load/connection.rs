//! One HTTP/1.1 connection, made anew when it breaks.
//!
//! The client's usual library spends more on a request than the store does on a cached answer; a
//! load that did so would measure itself.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::load::PATIENCE;
use crate::load::figures::Outcome;

/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(5);

/// A connection to one server.
pub struct Connection {
    authority: String,
    tls: Option<TlsConnector>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// To a server `HOST:PORT`, made with the first request.
    #[must_use]
    pub fn new(authority: String) -> Self {
        Self { authority, tls: None, sender: None }
    }

    /// The same over TLS.
    #[must_use]
    pub fn over(self, tls: TlsConnector) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Sends a request and reads its answer to the end.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Outcome {
        let exchange = timeout(PATIENCE, self.exchange(request)).await;
        if let Ok(Some(status)) = exchange {
            return match status {
                StatusCode::OK => Outcome::Done,
                other => Outcome::Refused(other.as_u16()),
            };
        }
        self.sender = None;
        sleep(PAUSE).await;
        Outcome::Lost
    }

    async fn exchange(&mut self, mut request: Request<Full<Bytes>>) -> Option<StatusCode> {
        request.headers_mut().insert(HOST, HeaderValue::from_str(&self.authority).ok()?);
        let sender = match &mut self.sender {
            Some(sender) if !sender.is_closed() => sender,
            other => other.insert(connect(&self.authority, self.tls.as_ref()).await?),
        };
        sender.ready().await.ok()?;
        let mut response = sender.send_request(request).await.ok()?;
        while let Some(frame) = response.body_mut().frame().await {
            frame.ok()?;
        }
        Some(response.status())
    }
}

async fn connect(authority: &str, tls: Option<&TlsConnector>) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(authority).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let Some(tls) = tls else { return begin(stream).await };
    let host = authority.rsplit_once(':')?.0.trim_matches(['[', ']']);
    begin(tls.connect(ServerName::try_from(host.to_owned()).ok()?, stream).await.ok()?).await
}

async fn begin<T>(stream: T) -> Option<SendRequest<Full<Bytes>>>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    // It ends with the sender; what went wrong shows in the request.
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    Some(sender)
}
