//! Bodies that trickle and readers that do not read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a client may take for the next piece of a request's body.
const BODY: Duration = Duration::from_secs(30);
/// How long a client may take nothing of what is sent to it.
const READER: Duration = Duration::from_secs(60);

/// A time that starts when something has to be waited for, and is forgotten when it moves on.
struct Limit {
    length: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Limit {
    fn new(length: Duration) -> Self {
        Self { length, sleep: None }
    }

    fn moved(&mut self) {
        self.sleep = None;
    }

    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let length = self.length;
        self.sleep.get_or_insert_with(|| Box::pin(sleep(length))).as_mut().poll(context)
    }
}

/// A request's body that must keep coming.
pub(crate) struct Steady<B> {
    body: B,
    limit: Limit,
}

impl<B> Steady<B> {
    pub(crate) fn new(body: B) -> Self {
        Self { body, limit: Limit::new(BODY) }
    }
}

impl<B> Body for Steady<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                self.limit.moved();
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                ready!(self.limit.poll_over(context));
                let why = format!("nothing more of the request came for {} s", self.limit.length.as_secs());
                Poll::Ready(Some(Err(why.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose other end must take what is sent. It fails where nothing is taken for a minute.
pub(crate) struct Taken<S> {
    stream: S,
    limit: Limit,
}

impl<S> Taken<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, limit: Limit::new(READER) }
    }

    fn judged<T>(&mut self, polled: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.limit.moved();
            return polled;
        }
        ready!(self.limit.poll_over(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taken<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taken<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judged(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judged(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.judged(polled, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judged(polled, context)
    }
}

/// When the first request of a connection must have come.
pub(crate) fn first_request(length: Duration) -> Instant {
    Instant::now() + length
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const SHORT: Duration = Duration::from_millis(10);

    #[tokio::test]
    async fn a_reader_that_does_not_read_is_given_up() {
        let (ours, mut theirs) = duplex(16);
        let mut ours = Taken { stream: ours, limit: Limit::new(SHORT) };
        ours.write_all(&[0; 16]).await.unwrap();
        let error = ours.write_all(&[0; 16]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // Whoever reads again is written to again.
        let mut taken = [0; 16];
        theirs.read_exact(&mut taken).await.unwrap();
        ours.write_all(&[0; 16]).await.unwrap();
    }

    /// Some pieces at once, and then nothing for ever.
    struct Stuck {
        pieces: usize,
    }

    impl Body for Stuck {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            match self.pieces.checked_sub(1) {
                Some(left) => {
                    self.pieces = left;
                    Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
                }
                None => Poll::Pending,
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_go_on_ends_with_an_error() {
        let mut body = Steady { body: Stuck { pieces: 5 }, limit: Limit::new(SHORT) };
        for _ in 0..5 {
            let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
            assert!(frame.unwrap().is_ok());
        }
        let end = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        assert!(end.unwrap().err().unwrap().to_string().contains("nothing more"));
    }
}
