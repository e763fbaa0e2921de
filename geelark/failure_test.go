package geelark

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// echoed stands in what peers send. A peer can echo a token as well.
const echoed = "ECHOED"

// wantOwnWords wants nothing of a peer's in an error and in what it wraps.
func wantOwnWords(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		if text := strings.ToUpper(fmt.Sprintf("%v %+v %#v", e, e, e)); strings.Contains(text, echoed) {
			t.Errorf("what the peer sent is in %v", e)
		}
	}
}

func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

func TestAnswerThatIsNotWhatItShouldBeIsMalformedAndNotAskedForAgain(t *testing.T) {
	ok := func(headers, body string) string {
		return "HTTP/1.1 200 OK\r\nContent-Type: text/" + echoed + "\r\n" + headers + "\r\n" + body
	}
	sized := func(headers, body string) string {
		return ok(headers+"Content-Length: "+strconv.Itoa(len(body))+"\r\n", body)
	}
	whole := gzipped(statusOK)
	padded := gzipped(statusOK + strings.Repeat(" ", 1000))
	flipped := []byte(padded)
	flipped[len(flipped)-6] ^= 1
	for name, answer := range map[string]string{
		"another protocol":               "220 " + echoed + " ready\r\n",
		"status in words":                "HTTP/1.1 " + echoed + " x\r\n\r\n",
		"another version":                "HTTP/" + echoed + " 200 OK\r\n\r\n",
		"header without a colon":         ok(echoed+"\r\n", ""),
		"header with a blank in it":      ok("a "+echoed+": x\r\n", ""),
		"header that goes on":            "HTTP/1.1 200 OK\r\n " + echoed + "\r\n\r\n",
		"length in words":                ok("Content-Length: "+echoed+"\r\n", ""),
		"length negative":                ok("Content-Length: -1"+echoed+"\r\n", ""),
		"two lengths":                    ok("Content-Length: 5\r\nContent-Length: 6"+echoed+"\r\n", "12345"),
		"another transfer encoding":      ok("Transfer-Encoding: "+echoed+"\r\n", ""),
		"chunks in words":                ok("Transfer-Encoding: chunked\r\n", echoed+"\r\nx\r\n0\r\n\r\n"),
		"chunk of absurd length":         ok("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"+echoed),
		"chunk without its end":          ok("Transfer-Encoding: chunked\r\n", "1\r\n{"+echoed+"\r\n0\r\n\r\n"),
		"garbage behind a chunk":         ok("Transfer-Encoding: chunked\r\n", "1\r\n{\r\n"+echoed+"\r\n"),
		"redirect nowhere":               "HTTP/1.1 302 " + echoed + "\r\nLocation: http://" + echoed + "%zz/\r\nContent-Length: 0\r\n\r\n",
		"redirect to a control":          "HTTP/1.1 307 " + echoed + "\r\nLocation: /" + echoed + "\x7f\r\nContent-Length: 0\r\n\r\n",
		"HTML":                           sized("", "<html>"+echoed+"</html>"),
		"gzip that is not declared":      sized("", whole),
		"declared gzip that is none":     sized("Content-Encoding: gzip\r\n", statusOK+echoed),
		"gzip of nothing":                sized("Content-Encoding: gzip\r\n", ""),
		"gzip that is cut":               sized("Content-Encoding: gzip\r\n", padded[:len(padded)-9]),
		"gzip cut in its header":         sized("Content-Encoding: gzip\r\n", whole[:7]),
		"gzip with another checksum":     sized("Content-Encoding: gzip\r\n", string(flipped)),
		"gzip with more behind it":       sized("Content-Encoding: gzip\r\n", whole+echoed),
		"gzip that is cut, in chunks":    ok("Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", 12, whole[:12])),
		"an encoding that was not asked": sized("Content-Encoding: "+echoed+"\r\n", statusOK),
		"gzip in gzip":                   sized("Content-Encoding: gzip, gzip\r\n", gzipped(whole)),
		"headers without end":            ok(strings.Repeat("X-"+echoed+": "+strings.Repeat("x", 1000)+"\r\n", 2000), ""),
		"informing without end":          strings.Repeat("HTTP/1.1 103 "+strings.Repeat(echoed, 200)+"\r\n\r\n", 12000),
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			c := newSocketClient(t, "http://"+serveTCP(t, func(conn net.Conn) {
				requests.Add(1)
				writing(answer, closing)(conn)
			}), WithRetries(2))
			err := ask(t.Context(), c)
			te := wantReason(t, err, ReasonMalformed)
			for of, says := range map[string]string{
				"redirect nowhere": "a redirect to an address that cannot be parsed", "an encoding that was not asked": "encoded in another way than was asked for",
				"declared gzip": "cannot be decompressed", "gzip that is cut": "cannot be decompressed", "gzip with": "cannot be decompressed",
			} {
				if strings.HasPrefix(name, of) && !strings.Contains(te.Err.Error(), says) {
					t.Errorf("got %v, want %q", te, says)
				}
			}
			wantOwnWords(t, err)
			if n := requests.Load(); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestGoodAnswersInOtherForms(t *testing.T) {
	for name, answer := range map[string]string{
		"gzip":            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzipped(statusOK),
		"gzip in parts":   "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzipped(statusOK[:9]) + gzipped(statusOK[9:]),
		"gzip, old name":  "HTTP/1.1 200 OK\r\nContent-Encoding: x-gzip\r\n\r\n" + gzipped(statusOK),
		"no encoding":     "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\n\r\n" + statusOK,
		"HTTP/1.0":        "HTTP/1.0 200\r\n\r\n" + statusOK,
		"informed before": "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + statusOK,
		"a bad Location":  "HTTP/1.1 200 OK\r\nLocation: http://%zz\r\n\r\n" + statusOK,
	} {
		t.Run(name, func(t *testing.T) {
			mustAsk(t, newSocketClient(t, "http://"+serveTCP(t, writing(answer, closing))))
		})
	}
}

func TestBrokenConnectionIsInOwnWordsAndAskedForAgain(t *testing.T) {
	long := "HTTP/1.1 200 OK\r\nX: " + echoed + "\r\nContent-Length: 99\r\n\r\n{" + echoed
	gz := gzipped(statusOK + strings.Repeat(" ", 1000))
	for name, f := range map[string]func(net.Conn){
		"reset":                   resetting,
		"closed":                  closing,
		"closed in the body":      writing(long, closing),
		"reset in the body":       writing(long, resetting),
		"closed in a chunk":       writing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n99\r\n"+echoed, closing),
		"closed between chunks":   writing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n"+echoed+"\r\n", closing),
		"closed in a gzip body":   writing(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(gz), gz[:len(gz)-9]), closing),
		"closed before gzip ends": writing("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n99\r\n"+gz[:12], closing),
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			c := newSocketClient(t, "http://"+serveTCP(t, func(conn net.Conn) {
				requests.Add(1)
				f(conn)
			}), WithRetries(1))
			err := ask(t.Context(), c)
			wantReason(t, err, ReasonConnection)
			wantOwnWords(t, err)
			if n := requests.Load(); n != 2 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestFailuresBelowHTTPAreInOwnWords(t *testing.T) {
	certificate := func(dns ...string) *x509.Certificate {
		return &x509.Certificate{Raw: []byte(echoed), DNSNames: dns}
	}
	verify := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	for name, test := range map[string]struct {
		err    error
		reason Reason
		says   string
	}{
		"name that is not there":    {&net.DNSError{Err: "no such host " + echoed, Name: echoed, Server: echoed, IsNotFound: true}, ReasonDNS, "does not exist"},
		"name server is quiet":      {&net.DNSError{Err: echoed, Name: echoed, IsTimeout: true}, ReasonDNS, "does not answer"},
		"name server is odd":        {&net.DNSError{Err: "server misbehaving " + echoed, Name: echoed}, ReasonDNS, "not resolved"},
		"name of another":           {verify(x509.HostnameError{Certificate: certificate(echoed), Host: echoed}), ReasonTLS, "another host"},
		"unknown authority":         {verify(x509.UnknownAuthorityError{Cert: certificate()}), ReasonTLS, "not trusted"},
		"certificate without names": {verify(x509.CertificateInvalidError{Cert: certificate(), Reason: x509.NotAuthorizedToSign, Detail: echoed}), ReasonTLS, "certificate is not valid"},
		"expired certificate":       {verify(x509.CertificateInvalidError{Cert: certificate(), Reason: x509.Expired, Detail: echoed}), ReasonTLS, "clock"},
		"certificate of no use":     {verify(x509.CertificateInvalidError{Cert: certificate(), Reason: x509.TooManyIntermediates, Detail: echoed}), ReasonTLS, "not valid"},
		"constraint":                {verify(x509.ConstraintViolationError{}), ReasonTLS, "not valid"},
		"no TLS":                    {tls.RecordHeaderError{Msg: "first record " + echoed}, ReasonTLS, "does not speak TLS"},
		"alert":                     {&net.OpError{Op: "remote error", Err: errors.New("tls: " + echoed)}, ReasonTLS, "refused"},
		"alert of our own":          {&net.OpError{Op: "local error", Err: errors.New("tls: " + echoed)}, ReasonTLS, "no TLS"},
		"handshake that makes none": {fmt.Errorf("a: %w", errors.New("tls: server selected "+echoed)), ReasonTLS, "no TLS"},
		"dialing":                   {&net.OpError{Op: "dial", Err: errors.New(echoed)}, ReasonConnection, "connection failed"},
		"whatever it is":            {errors.New(echoed), ReasonConnection, "connection failed"},
		"alert in other words":      {&net.OpError{Op: "remote error", Err: errors.New(echoed)}, ReasonTLS, "refused"},
		"alert of our own in them":  {&net.OpError{Op: "local error", Err: errors.New(echoed)}, ReasonTLS, "no TLS"},
		"time that is over":         {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, ReasonTimeout, "took too long"},
		"connection refused":        {&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, ReasonConnection, "connecting failed: connection refused"},
		"connection reset":          {&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, ReasonConnection, "the connection broke: connection reset"},
		"connection reset, alone":   {syscall.ECONNRESET, ReasonConnection, "the connection broke: connection reset"},
		"HTTP/2":                    {errors.New("http2: server sent GOAWAY, debug=" + echoed), ReasonConnection, "connection failed"},
		"proxy":                     {fmt.Errorf("%s: %w", echoed, proxyRefusal(403)), ReasonConnection, "the proxy refuses the connection with HTTP status 403"},
		"proxy with a password":     {fmt.Errorf("%s: %w", echoed, proxyRefusal(407)), ReasonConnection, "HTTP status 407: check its user and password in $HTTPS_PROXY"},
	} {
		t.Run(name, func(t *testing.T) {
			err := ask(t.Context(), newClient(t, play(failWith(test.err)), WithRetries(0)))
			if te := wantReason(t, err, test.reason); !strings.Contains(te.Err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
			wantOwnWords(t, err)
		})
	}
}

func TestWhoeverEndedACallIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			end    func(context.Context) (context.Context, context.CancelFunc)
			reason Reason
			says   string
			is     error
		}{
			{func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			}, ReasonCanceled, "the caller gave up", context.Canceled},
			{func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Second)
			}, ReasonTimeout, "no whole answer within the time limit", context.DeadlineExceeded},
		} {
			ctx, cancel := test.end(t.Context())
			err := ask(ctx, newClient(t, play(hang), WithRetries(0)))
			cancel()
			te := wantReason(t, err, test.reason)
			if te.Err == nil || !strings.Contains(te.Err.Error(), test.says) || !errors.Is(err, test.is) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		}
	})
}

func TestHTTP2FailureIsOfTheConnection(t *testing.T) {
	resets := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, statusOK[:20])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	resets.EnableHTTP2 = true
	resets.Config.ErrorLog = log.New(io.Discard, "", 0)
	resets.StartTLS()
	defer resets.Close()
	err := ask(t.Context(), newClient(t, resets.Client().Transport, WithBaseURL(resets.URL), WithRetries(0)))
	wantReason(t, err, ReasonConnection)
}

func TestProxyThatRefusesIsToldInOwnWords(t *testing.T) {
	for answer, says := range map[string]string{
		"HTTP/1.1 407 " + echoed + "\r\nX: " + echoed + "\r\n\r\n" + echoed: "the proxy refuses the connection with HTTP status 407: check its user and password",
		"HTTP/1.1 503 " + echoed + "\r\n\r\n":                               "the proxy refuses the connection with HTTP status 503",
		"HTTP/1.1 200 " + echoed + "\r\n\r\n":                               "connection", // which ends before TLS begins
		"220 " + echoed + "\r\n":                                            "connection failed",
		"HTTP/1.1 " + echoed + "\r\n\r\n":                                   "connection failed",
	} {
		c, err := New(Credentials{Token: testToken}, NewBudgets(VendorLimits(), time.Now), WithBaseURL("https://api.example.invalid"), WithRetries(0))
		if err != nil {
			t.Fatal(err)
		}
		// Go's own transport reads the proxy's variables once in a process.
		c.transport.(*http.Transport).Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: serveTCP(t, writing(answer, closing))})
		err = ask(t.Context(), c)
		c.CloseIdleConnections()
		te := wantReason(t, err, ReasonConnection)
		if !strings.Contains(te.Err.Error(), says) || strings.Contains(te.Err.Error(), "refuses") != strings.Contains(says, "refuses") {
			t.Errorf("%q: got %v, want %q", answer, err, says)
		}
		wantOwnWords(t, err)
	}
}

func TestLocationMattersOnlyOfARedirect(t *testing.T) {
	for status, redirect := range map[int]bool{201: false, 299: false, 300: true, 302: true, 308: true, 399: true, 400: false, 404: false, 503: false} {
		err := ask(t.Context(), newClient(t, play(func(*http.Request) (*http.Response, error) {
			resp, err := answerStatus(status)(nil)
			resp.Header.Set("Location", "http://%zz")
			return resp, err
		}), WithRetries(0)))
		if he, ok := errors.AsType[*HTTPError](err); ok == redirect || ok && he.StatusCode != status {
			t.Errorf("%d: got %v", status, err)
		}
	}
}
