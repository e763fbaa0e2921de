package geelark

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"
)

// transportHandler sends one request and reads its answer whole.
type transportHandler struct{ client *Client }

func (h *transportHandler) do(ctx context.Context, c *call) error {
	cl := h.client
	c.skew = Optional[time.Duration]{}
	c.traceID = cl.newTraceID()

	ctx, cancel := context.WithTimeout(ctx, cl.timeout)
	defer cancel()
	var answered atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotFirstResponseByte: func() { answered.Store(true) }})
	u := cl.baseURL.JoinPath(apiPath, string(c.endpoint))
	req, _ := http.NewRequestWithContext(traced, http.MethodPost, u.String(), bytes.NewReader(c.body)) // ParseBaseURL had no error
	c.sent = cl.now()
	defer func() { c.ended = cl.now() }()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", cl.userAgent)
	// Left to net/http, a body that is cut would look like a connection that is.
	req.Header.Set("Accept-Encoding", "gzip")
	c.appID = c.credentials.sign(req.Header, c.traceID, c.sent)

	transport := cl.transport
	switch c.endpoint {
	case EndpointPhoneList, EndpointTaskHistory, EndpointTaskQuery:
		transport = cl.listTransport
	}
	// Not by an http.Client: the API never redirects, and whatever does must not
	// get the credentials.
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return c.fail(failureOf(ctx, err, answered.Load()))
	}
	defer resp.Body.Close()
	arrived := cl.now()
	date, err := http.ParseTime(resp.Header.Get("Date"))
	c.skew = optional(date.Sub(arrived), err == nil)
	if resp.StatusCode != http.StatusOK {
		if _, err := req.URL.Parse(resp.Header.Get("Location")); err != nil && resp.StatusCode/100 == 3 {
			return c.fail(ReasonMalformed, errors.New("a redirect to an address that cannot be parsed"))
		}
		return &HTTPError{Endpoint: c.endpoint, StatusCode: resp.StatusCode, TraceID: c.traceID, RetryAfter: retryAfter(resp, arrived.Add(c.skew.Or(0)))}
	}
	return h.read(ctx, c, resp)
}

// read reads the answer's body.
func (h *transportHandler) read(ctx context.Context, c *call, resp *http.Response) error {
	wire := &watchedReader{r: resp.Body}
	var text io.Reader = wire
	switch resp.Header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip", "x-gzip":
		text = &gunzip{from: wire}
	default:
		return c.fail(ReasonMalformed, errors.New("the answer is encoded in another way than was asked for"))
	}
	answer, err := io.ReadAll(io.LimitReader(text, maxAnswerBytes+1))
	switch {
	case wire.err != nil:
		return c.fail(failureOf(ctx, wire.err, true))
	case err != nil:
		return c.fail(ReasonMalformed, errors.New("the answer cannot be decompressed"))
	case len(answer) > maxAnswerBytes:
		return c.fail(ReasonTooLarge, fmt.Errorf("the answer is larger than %d bytes", maxAnswerBytes))
	}
	c.answer = answer
	return nil
}

func (c *call) fail(r Reason, err error) error {
	return &TransportError{Endpoint: c.endpoint, Reason: r, TraceID: c.traceID, Err: err}
}

// A watchedReader remembers why its reader failed.
type watchedReader struct {
	r   io.Reader
	err error
}

func (w *watchedReader) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// A gunzip decompresses from the first reading on.
type gunzip struct {
	from io.Reader
	z    *gzip.Reader
}

func (g *gunzip) Read(b []byte) (n int, err error) {
	if g.z == nil {
		if g.z, err = gzip.NewReader(g.from); err != nil {
			return 0, errors.New("no gzip") // an EOF is none of the answer's
		}
	}
	return g.z.Read(b)
}

// retryAfter is how long a 429 or a 503 asks to wait: in seconds or until a
// time, which goes by the server's clock.
func retryAfter(resp *http.Response, now time.Time) time.Duration {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	v := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(v, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(maxAskedPause/time.Second))) * time.Second
	}
	until, _ := http.ParseTime(v) // of anything else it is over
	return min(max(0, until.Sub(now)), maxAskedPause)
}
