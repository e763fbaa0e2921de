package geelark

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A hung test must fail well before the go tool's own limit, and a working one
// never gets near.
const longTimeout = 20 * time.Second

// serveTCP hands each connection to f once a request stands in it, and closes it
// when f returns. It returns the listener's address.
func serveTCP(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			f(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// untilClosed keeps a connection open until the client closes it.
func untilClosed(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func writing(s string, then func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.WriteString(conn, s)
		then(conn)
	}
}

func closing(net.Conn) {}

func resetting(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }

// newSocketClient returns a client that repeats nothing and uses real sockets.
func newSocketClient(t *testing.T, baseURL string, options ...Option) *Client {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return newClient(t, transport, append([]Option{WithBaseURL(baseURL), WithRetries(0), WithTimeout(longTimeout)}, options...)...)
}

var hangs = map[string]func(net.Conn){
	"before the headers": untilClosed,
	"in the headers":     writing("HTTP/1.1 200 OK\r\nContent-Le", untilClosed),
	"in the body":        writing("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"code\":", untilClosed),
}

func TestHungServerIsLeftAfterTheTimeout(t *testing.T) {
	for name, f := range hangs {
		t.Run(name, func(t *testing.T) {
			c := newSocketClient(t, "http://"+serveTCP(t, f), WithTimeout(30*time.Millisecond))
			start := time.Now()
			wantReason(t, ask(t.Context(), c), ReasonTimeout)
			if d := time.Since(start); d < 30*time.Millisecond || d > longTimeout/2 {
				t.Errorf("it took %s", d)
			}
		})
	}
}

func TestHungServerIsLeftAtTheCallersEarlierDeadline(t *testing.T) {
	for name, f := range hangs {
		t.Run(name, func(t *testing.T) {
			c := newSocketClient(t, "http://"+serveTCP(t, f))
			start := time.Now()
			wantReason(t, ask(within(t, 30*time.Millisecond), c), ReasonTimeout)
			if d := time.Since(start); d > longTimeout/2 {
				t.Errorf("it took %s", d)
			}
		})
	}
}

func TestCallerWhoGivesUpIsObeyed(t *testing.T) {
	for name, f := range hangs {
		for how, cause := range map[string]error{"": nil, " for a cause of its own": errors.New("SIGTERM")} {
			t.Run(name+how, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				c := newSocketClient(t, "http://"+serveTCP(t, func(conn net.Conn) {
					cancel(cause)
					f(conn)
				}))
				wantReason(t, ask(ctx, c), ReasonCanceled)
			})
		}
	}
}

func TestDeadlineWithACauseOfItsOwnIsATimeout(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, errors.New("scrape is over"))
	defer cancel()
	wantReason(t, ask(ctx, newSocketClient(t, "http://"+serveTCP(t, untilClosed))), ReasonTimeout)
}

func TestEachSingleRequestHasTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			options []Option
			want    time.Duration
		}{
			"the default":  {nil, 5 * time.Second},
			"a chosen one": {[]Option{WithTimeout(time.Minute)}, time.Minute},
		} {
			start := time.Now()
			c := newClient(t, play(hang), append(test.options, WithRetries(1))...)
			wantReason(t, ask(t.Context(), c), ReasonTimeout)
			if d := time.Since(start); d != 2*test.want+backoff(0, 0) {
				t.Errorf("%s: two requests took %s", name, d)
			}
		}
	})
}

func TestBrokenConnectionHasItsReason(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	quiet := log.New(io.Discard, "", 0)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = quiet
	secure.StartTLS()
	defer secure.Close()
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.Config.ErrorLog = quiet
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	defer old.Close()
	trusting := secure.Client().Transport.(*http.Transport).Clone()
	noNames := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
	nameless := &http.Transport{DialContext: (&net.Dialer{Resolver: noNames}).DialContext}

	for name, test := range map[string]struct {
		baseURL   string
		transport http.RoundTripper
		want      Reason
	}{
		"refused":                       {"http://" + closed.Addr().String(), nil, ReasonConnection},
		"reset":                         {"http://" + serveTCP(t, resetting), nil, ReasonConnection},
		"closed before the headers":     {"http://" + serveTCP(t, closing), nil, ReasonConnection},
		"closed in the headers":         {"http://" + serveTCP(t, writing("HTTP/1.1 200 OK\r\nCont", closing)), nil, ReasonMalformed}, // as a line without a colon is
		"closed in the body":            {"http://" + serveTCP(t, writing("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", closing)), nil, ReasonConnection},
		"not HTTP":                      {"http://" + serveTCP(t, writing("220 ready\r\n", closing)), nil, ReasonMalformed},
		"unknown name":                  {"http://api.example.invalid", nameless, ReasonDNS},
		"unknown certificate":           {secure.URL, nil, ReasonTLS},
		"certificate of another host":   {strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), trusting, ReasonTLS},
		"plain HTTP on a TLS port":      {"https://" + serveTCP(t, writing("HTTP/1.1 400 Bad Request\r\n\r\n", closing)), nil, ReasonTLS},
		"something else on a TLS port":  {"https://" + serveTCP(t, writing("220 ready\r\n", closing)), nil, ReasonTLS},
		"TLS version refused by server": {old.URL, nil, ReasonTLS},
	} {
		t.Run(name, func(t *testing.T) {
			c := newSocketClient(t, test.baseURL)
			if test.transport != nil {
				c = newClient(t, test.transport, WithBaseURL(test.baseURL), WithRetries(0))
			}
			te := wantReason(t, ask(t.Context(), c), test.want)
			if te.Endpoint != EndpointPhoneStatus || te.TraceID != testTraceID || te.Err == nil {
				t.Errorf("got %+v", te)
			}
		})
	}
}

func TestReasonOfATimeoutBelowTheContext(t *testing.T) {
	c := newClient(t, play(failWith(&net.OpError{Op: "read", Err: timeoutError{}})), WithRetries(0))
	wantReason(t, ask(t.Context(), c), ReasonTimeout)
}

type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

func TestAnswerUpToTheLimitIsRead(t *testing.T) {
	const most = 4 << 20
	padded := func(n int) string { return statusOK + strings.Repeat(" ", n-len(statusOK)) }
	if err := ask(t.Context(), newClient(t, play(answerBody(padded(most))))); err != nil {
		t.Error(err)
	}
	s := play(answerBody(padded(most + 1)))
	wantReason(t, ask(t.Context(), newClient(t, s)), ReasonTooLarge)
	if n := len(s.requests()); n != 1 {
		t.Errorf("%d requests: an answer that is too large must not be asked for again", n)
	}
}

// countedConn counts what a client reads.
type countedConn struct {
	net.Conn
	read *atomic.Int64
}

func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

func TestEndlessAnswerIsNotReadToTheEnd(t *testing.T) {
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	for name, test := range map[string]struct {
		encoding string
		block    []byte
		atMost   int64 // bytes on the wire
	}{
		"plain":     {"", bytes.Repeat([]byte(" "), 1<<20), maxAnswerBytes + 1<<20},
		"gzip bomb": {"gzip", member.Bytes(), 64 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if test.encoding != "" {
					w.Header().Set("Content-Encoding", test.encoding)
				}
				for {
					if _, err := w.Write(test.block); err != nil {
						return
					}
				}
			}))
			defer srv.Close()
			var read atomic.Int64
			transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				return countedConn{conn, &read}, err
			}}
			c := newClient(t, transport, WithBaseURL(srv.URL), WithTimeout(longTimeout))
			wantReason(t, ask(t.Context(), c), ReasonTooLarge)
			if n := read.Load(); n > test.atMost {
				t.Errorf("%d bytes were read, want at most %d", n, test.atMost)
			}
		})
	}
}

func TestCompressedAnswerIsUnderstood(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Error("no compression is asked for")
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, statusOK)
		_ = z.Close()
	}))
	defer srv.Close()
	mustAsk(t, newSocketClient(t, srv.URL))
}

func TestRedirectIsNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"the same host", "another host"} {
			t.Run(http.StatusText(status)+" to "+to, func(t *testing.T) {
				var here, there atomic.Int32
				other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { there.Add(1) }))
				defer other.Close()
				srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					here.Add(1)
					target := "/elsewhere"
					if to == "another host" {
						target = other.URL + r.URL.Path
					}
					http.Redirect(w, r, target, status)
				}))
				defer srv.Close()
				c := newSocketClient(t, srv.URL, WithRetries(2))
				err := ask(t.Context(), c)
				var he *HTTPError
				if !errors.As(err, &he) || he.StatusCode != status || he.TraceID != testTraceID || he.Endpoint != EndpointPhoneStatus {
					t.Errorf("got %v (%T)", err, err)
				}
				if here.Load() != 1 || there.Load() != 0 {
					t.Errorf("%d requests here, %d there", here.Load(), there.Load())
				}
			})
		}
	}
}

func TestOnlyHTTPStatus200IsAnAnswer(t *testing.T) {
	for _, status := range []int{201, 204, 206, 304, 400, 401, 403, 404, 429, 499} {
		s := play(answerWith(status, statusOK))
		err := ask(t.Context(), newClient(t, s))
		var he *HTTPError
		if !errors.As(err, &he) || he.StatusCode != status || len(s.requests()) != 1 {
			t.Errorf("%d: got %v after %d requests", status, err, len(s.requests()))
		}
	}
}

// closedBody tells whether it was closed.
type closedBody struct {
	io.ReadCloser
	closed bool
}

func (b *closedBody) Close() error {
	b.closed = true
	return b.ReadCloser.Close()
}

func TestAnswerIsClosed(t *testing.T) {
	for name, s := range map[string]step{
		"success":     answerBody(statusOK),
		"HTTP status": answerStatus(http.StatusForbidden),
		"too large":   answerBody(strings.Repeat(" ", maxAnswerBytes+1)),
		"malformed":   answerBody(`<html>`),
	} {
		var body *closedBody
		_ = ask(t.Context(), newClient(t, transportFunc(func(r *http.Request) (*http.Response, error) {
			resp, err := s(r)
			body = &closedBody{ReadCloser: resp.Body}
			resp.Body = body
			return resp, err
		})))
		if !body.closed {
			t.Errorf("%s: the body was left open", name)
		}
	}
}

func TestConnectionIsKeptForTheNextRequest(t *testing.T) {
	var connections atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, statusOK)
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	c := newSocketClient(t, srv.URL)
	for range 3 {
		mustAsk(t, c)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for three requests", n)
	}
}

func TestListsHaveConnectionsOfTheirOwnWhichCanBeClosed(t *testing.T) {
	var connections atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"code":40015}`)
	}))
	done := make(chan struct{}, 10)
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			connections.Add(1)
		case http.StateClosed:
			done <- struct{}{}
		}
	}
	srv.Start()
	defer srv.Close()
	for name, options := range map[string][]Option{"the default": nil, "a given one": {WithTransport(&http.Transport{})}} {
		c, err := New(Credentials{Token: testToken}, NewBudgets(VendorLimits(), time.Now), append(options, WithBaseURL(srv.URL))...)
		if err != nil {
			t.Fatal(err)
		}
		connections.Store(0)
		for _, test := range []struct {
			ask  func() error
			want int32 // connections that were opened until then
		}{
			{func() error { _, err := c.Wallet(t.Context()); return err }, 1},
			{func() error { _, err := c.PhoneList(t.Context(), PhoneListFilter{}, 1, 1); return err }, 2},
			{func() error { return ask(t.Context(), c) }, 2},
			{func() error { _, err := c.TaskHistory(t.Context(), "", 1); return err }, 2},
			{func() error { _, err := c.Tasks(t.Context(), []string{"1"}); return err }, 2},
			{func() error { _, err := c.Transactions(t.Context(), FlowQuery{}); return err }, 2},
		} {
			if err := test.ask(); !errors.Is(err, CodePermission) || connections.Load() != test.want {
				t.Errorf("%s: %d connections, want %d, %v", name, connections.Load(), test.want, err)
			}
		}
		c.CloseIdleConnections()
		<-done
		<-done
	}
}

func TestNothingOfARequestGoesOnBehindIt(t *testing.T) {
	var end <-chan struct{}
	mustAsk(t, newClient(t, transportFunc(func(r *http.Request) (*http.Response, error) {
		end = r.Context().Done()
		return answerBody(statusOK)(r)
	})))
	select {
	case <-end:
	default:
		t.Error("its context goes on")
	}
}
