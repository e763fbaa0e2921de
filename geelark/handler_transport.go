package geelark

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// transportHandler sends one request and reads its answer whole.
type transportHandler struct{ client *Client }

func (h *transportHandler) do(ctx context.Context, c *call) error {
	cl := h.client
	c.sent, c.answer, c.code, c.appID = time.Time{}, nil, CodeOK, ""
	c.traceID = cl.newTraceID()

	ctx, cancel := context.WithTimeout(ctx, cl.timeout)
	defer cancel()
	u := cl.baseURL.JoinPath("open/v1", string(c.endpoint))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(c.body))
	if err != nil {
		return fmt.Errorf("%s: %w", c.endpoint, err)
	}
	c.sent = cl.now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", cl.userAgent)
	c.appID = c.credentials.sign(req.Header, c.traceID, c.sent)

	client := cl.http
	if c.endpoint == EndpointPhoneList {
		client = cl.listHTTP
	}
	resp, err := client.Do(req)
	if err != nil {
		return h.failed(ctx, c, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return &HTTPError{Endpoint: c.endpoint, StatusCode: resp.StatusCode, TraceID: c.traceID}
	}
	c.answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return h.failed(ctx, c, err)
	}
	if len(c.answer) > maxAnswerBytes {
		c.answer = nil
		return &TransportError{
			Endpoint: c.endpoint, Reason: ReasonTooLarge, TraceID: c.traceID,
			Err: fmt.Errorf("the answer is larger than %d bytes", maxAnswerBytes),
		}
	}
	return nil
}

func (h *transportHandler) failed(ctx context.Context, c *call, err error) error {
	return &TransportError{Endpoint: c.endpoint, Reason: reasonOf(ctx, err), TraceID: c.traceID, Err: err}
}

// reasonOf sorts a failure of the transport. The context is asked, not the
// error: the transport returns the cause with which a context was ended, and
// that can be any error.
func reasonOf(ctx context.Context, err error) Reason {
	var netErr net.Error
	var dnsErr *net.DNSError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ReasonCanceled
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ReasonTimeout
	case errors.As(err, &dnsErr):
		return ReasonDNS
	case isTLS(err):
		return ReasonTLS
	case errors.As(err, &netErr) && netErr.Timeout():
		return ReasonTimeout
	}
	return ReasonConnection
}

// isTLS reports whether no secure connection came about.
func isTLS(err error) bool {
	var (
		verifyErr *tls.CertificateVerificationError
		recordErr tls.RecordHeaderError
		opErr     *net.OpError
	)
	return errors.As(err, &verifyErr) || errors.As(err, &recordErr) ||
		errors.Is(err, http.ErrSchemeMismatch) ||
		// The type of an alert is not exported by crypto/tls, but it marks alerts so.
		errors.As(err, &opErr) && (opErr.Op == "remote error" || opErr.Op == "local error")
}
