package geelark

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// failureOf sorts a failure of the transport and puts it into words of this
// package: the errors of net/http, crypto/tls and net quote what a server, a
// proxy or a name server has sent. The context is asked, not the error: the
// transport returns the cause with which a context was ended, and that can be
// any error.
func failureOf(ctx context.Context, err error, answered bool) (Reason, error) {
	var (
		netErr net.Error
		dnsErr *net.DNSError
		opErr  *net.OpError
		errno  syscall.Errno
		proxy  proxyRefusal
	)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ReasonCanceled, fmt.Errorf("the caller gave up: %w", context.Canceled)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ReasonTimeout, fmt.Errorf("no whole answer within the time limit: %w", context.DeadlineExceeded)
	case errors.As(err, &dnsErr):
		return ReasonDNS, dnsFailure(dnsErr)
	case errors.As(err, &proxy):
		return ReasonConnection, proxy
	case isTLS(err):
		return ReasonTLS, tlsFailure(err)
	case errors.As(err, &netErr) && netErr.Timeout():
		return ReasonTimeout, errors.New("connecting or answering took too long")
	case errors.As(err, &errno):
		if errors.As(err, &opErr) && opErr.Op == "dial" {
			return ReasonConnection, fmt.Errorf("connecting failed: %w", errno)
		}
		return ReasonConnection, fmt.Errorf("the connection broke: %w", errno)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ReasonConnection, errors.New("the connection was closed before the answer's end")
	case answered && !errors.As(err, &opErr) && !errors.Is(err, net.ErrClosed) && !isHTTP2(err):
		return ReasonMalformed, errors.New("the answer is not the HTTP that it should be")
	}
	return ReasonConnection, errors.New("the connection failed")
}

func dnsFailure(err *net.DNSError) error {
	switch {
	case err.IsNotFound:
		return errors.New("the host's name does not exist")
	case err.IsTimeout:
		return errors.New("the name server does not answer")
	}
	return errors.New("the host's name was not resolved")
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
		errors.As(err, &opErr) && (opErr.Op == "remote error" || opErr.Op == "local error") ||
		strings.HasPrefix(innermost(err).Error(), "tls: ")
}

func tlsFailure(err error) error {
	var (
		unknown x509.UnknownAuthorityError
		other   x509.HostnameError
		invalid x509.CertificateInvalidError
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		opErr   *net.OpError
	)
	switch {
	case errors.As(err, &unknown):
		return errors.New("the server's certificate is of an authority that is not trusted here")
	case errors.As(err, &other):
		return errors.New("the server's certificate is for another host")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return errors.New("the server's certificate is expired or not valid yet, by the clock of this machine")
	case errors.As(err, &verify):
		return errors.New("the server's certificate is not valid")
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return errors.New("the server does not speak TLS")
	case errors.As(err, &opErr) && opErr.Op == "remote error":
		return errors.New("the server refused the TLS connection")
	}
	return errors.New("no TLS connection came about")
}

func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// isHTTP2 reports whether HTTP/2 ended a stream or a connection: net/http does not
// export the types.
func isHTTP2(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.Contains(fmt.Sprintf("%T", err), "http2") || strings.HasPrefix(err.Error(), "http2: ") {
			return true
		}
	}
	return false
}

// A proxyRefusal is the HTTP status by which a proxy refuses a connection.
type proxyRefusal int

func (p proxyRefusal) Error() string {
	if p == http.StatusProxyAuthRequired {
		return "the proxy refuses the connection with HTTP status 407: check its user and password in $HTTPS_PROXY"
	}
	return fmt.Sprintf("the proxy refuses the connection with HTTP status %d", int(p))
}

// refusedByProxy keeps net/http from making an error of what the proxy says.
func refusedByProxy(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return proxyRefusal(resp.StatusCode)
	}
	return nil
}
