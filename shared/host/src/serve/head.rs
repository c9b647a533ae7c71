//! Judges the head of a request before the HTTP parser sees it. Pure.

use toystore_domain::Refusal;

/// What a head may be like.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Request line and headers, in bytes.
    pub head_bytes: usize,
    /// The address, in bytes.
    pub uri_bytes: usize,
    /// Header lines.
    pub headers: usize,
}

/// How much body follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// This many bytes.
    Length(u64),
    /// Chunks; only the parser knows where they end.
    Chunked,
}

/// The state of the head at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// It goes on.
    Partial,
    /// It ends after `bytes`.
    Whole {
        /// Its length.
        bytes: usize,
        /// What follows.
        body: Framing,
    },
}

/// Judges the bytes that arrived for a head; the first `known` of them were judged before.
///
/// # Errors
/// The refusal that the client gets. What is refused here is never parsed.
pub(super) fn judge(bytes: &[u8], known: usize, limits: &HeadLimits) -> Result<Head, Refusal> {
    let start = blank(bytes);
    let text = &bytes[start..];
    let end = end_of_head(text, known.saturating_sub(start));
    let head = &text[..end.unwrap_or(text.len())];
    let mut lines = head.split(|b| *b == b'\n');
    let uri = lines.next().and_then(|first| first.split(|b| *b == b' ').nth(1));
    if uri.is_some_and(|uri| uri.trim_ascii_end().len() > limits.uri_bytes) {
        return Err(Refusal::UriTooLong(limits.uri_bytes));
    }
    if start + head.len() > limits.head_bytes {
        return Err(Refusal::HeadersTooLarge);
    }
    if end.is_none() {
        return Ok(Head::Partial);
    }
    let headers: Vec<&[u8]> = lines.filter(|line| !line.trim_ascii().is_empty()).collect();
    if headers.len() > limits.headers {
        return Err(Refusal::HeadersTooLarge);
    }
    let body = framing(&headers)?;
    if !is_http(head, headers.len(), body) {
        return Err(Refusal::Malformed("this is not a request in HTTP/1.1".to_owned()));
    }
    Ok(Head::Whole { bytes: start + head.len(), body })
}

/// Whether the parser behind the guard takes this head, and sees it end where the guard does. What
/// it refuses, it refuses without a word.
fn is_http(head: &[u8], headers: usize, body: Framing) -> bool {
    let mut headers = vec![httparse::EMPTY_HEADER; headers];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(head) == Ok(httparse::Status::Complete(head.len()));
    let method = request.method.map(|method| http::Method::from_bytes(method.as_bytes()));
    let uri = request.path.map(str::parse::<http::Uri>);
    let framed = body != Framing::Chunked || request.version == Some(1);
    parsed && framed && matches!((method, uri), (Some(Ok(_)), Some(Ok(_))))
}

/// Whether anything but blank lines, which may precede a request, has arrived.
pub(super) fn begun(bytes: &[u8]) -> bool {
    blank(bytes) < bytes.len()
}

fn blank(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()
}

/// The end of the empty line that ends a head. Looks only where it was not looked before.
fn end_of_head(text: &[u8], known: usize) -> Option<usize> {
    let from = known.saturating_sub(3);
    let rest = text.get(from..)?;
    rest.iter().enumerate().filter(|(_, b)| **b == b'\n').find_map(|(at, _)| {
        match rest.get(at + 1..)? {
            [b'\n', ..] => Some(from + at + 2),
            [b'\r', b'\n', ..] => Some(from + at + 3),
            _ => None,
        }
    })
}

/// Two ways to say where a body ends are how requests are smuggled: refused, never interpreted.
fn framing(headers: &[&[u8]]) -> Result<Framing, Refusal> {
    let malformed = |text: &str| Err(Refusal::Malformed(text.to_owned()));
    let mut length = None;
    let mut chunked = false;
    for line in headers {
        let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let (name, value) = (line[..colon].trim_ascii(), line.get(colon + 1..).unwrap_or_default());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            chunked = true;
            let last = value.rsplit(|b| *b == b',').next().unwrap_or_default();
            if !last.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return malformed("the last Transfer-Encoding is not chunked");
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let Some(bytes) = decimal(value.trim_ascii()) else {
                return malformed("Content-Length is not a number");
            };
            if length.replace(bytes).is_some_and(|before| before != bytes) {
                return malformed("two different Content-Lengths");
            }
        }
    }
    match (chunked, length) {
        (true, Some(_)) => malformed("both Content-Length and Transfer-Encoding"),
        (true, None) => Ok(Framing::Chunked),
        (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

/// The parser keeps the highest numbers to itself; no body is that long.
fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    let number: Option<u64> = str::from_utf8(text).ok().filter(|_| digits)?.parse().ok();
    number.filter(|bytes| i64::try_from(*bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { head_bytes: 400, uri_bytes: 40, headers: 3 };

    fn refusal(head: &str) -> u16 {
        judge(head.as_bytes(), 0, &LIMITS).unwrap_err().status()
    }

    #[test]
    fn a_head_ends_at_its_empty_line_however_it_arrives() {
        for head in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\nGET / HTTP/1.1\nHost: a\n\n"] {
            let mut known = 0;
            for cut in 1..head.len() {
                let state = judge(&head.as_bytes()[..cut], known, &LIMITS);
                assert_eq!(state, Ok(Head::Partial), "{cut}");
                known = cut;
            }
            let with_more = format!("{head}GET /next");
            let whole = Head::Whole { bytes: head.len(), body: Framing::Length(0) };
            assert_eq!(judge(with_more.as_bytes(), known, &LIMITS), Ok(whole));
        }
    }

    #[test]
    fn the_body_is_framed_in_one_way_only() {
        let head = |headers: &str| format!("POST / HTTP/1.1\r\n{headers}\r\n");
        let body = |headers: &str| match judge(head(headers).as_bytes(), 0, &LIMITS) {
            Ok(Head::Whole { body, .. }) => Some(body),
            _ => None,
        };
        assert_eq!(body("content-LENGTH: 7\r\n"), Some(Framing::Length(7)));
        assert_eq!(body("Content-Length: 7\r\nContent-Length:7\r\n"), Some(Framing::Length(7)));
        assert_eq!(body("Transfer-Encoding: chunked\r\n"), Some(Framing::Chunked));
        for smuggled in [
            "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 7\r\n",
            "Transfer-Encoding : chunked\r\nContent-Length: 7\r\n",
            "Content-Length: 7\r\nContent-Length: 8\r\n",
            "Content-Length: +7\r\n",
            "Content-Length: 7, 7\r\n",
            "Content-Length:\r\n",
        ] {
            assert_eq!(refusal(&head(smuggled)), 400, "{smuggled}");
        }
    }

    #[test]
    fn what_the_parser_would_refuse_is_refused_before() {
        for head in [
            "GET / HTTP/1.1\r\nX\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "GET /\r\n\r\n",
            "G@T / HTTP/1.1\r\n\r\n",
            "GET é HTTP/1.1\r\n\r\n",
            "GET http:// HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\n folded: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
            "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n",
        ] {
            assert_eq!(refusal(head), 400, "{head}");
        }
    }

    #[test]
    fn long_heads_are_refused_before_they_are_whole() {
        assert_eq!(refusal(&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(40))), 414);
        assert_eq!(refusal(&format!("GET /{}", "x".repeat(40))), 414);
        assert_eq!(refusal(&format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(400))), 431);
        assert_eq!(refusal("GET / HTTP/1.1\r\na: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\n\r\n"), 431);
        assert_eq!(refusal(&"\r\n".repeat(201)), 431);
    }
}
