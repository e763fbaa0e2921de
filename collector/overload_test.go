package collector

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark/geelarktest"
)

// A network connects clients with a server in a bubble. Its pipes hold nothing:
// who does not read stops the writer at once.
type network chan net.Conn

func (n network) Accept() (net.Conn, error) {
	c, ok := <-n
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (network) Addr() net.Addr { return &net.UnixAddr{Name: "bubble"} }
func (n network) Close() error { close(n); return nil }

func (n network) dial() net.Conn {
	client, server := net.Pipe()
	n <- server
	return client
}

// serveInBubble serves a handler until the end of the test.
func serveInBubble(t *testing.T, h http.Handler) network {
	n := make(network)
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() {
		_ = server.Serve(n)
		close(served)
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return n
}

// ask sends a scrape and reads nothing.
func (n network) ask(t *testing.T, path, timeout string) net.Conn {
	t.Helper()
	c := n.dial()
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: bubble\r\nX-Prometheus-Scrape-Timeout-Seconds: "+timeout+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return c
}

func (n network) get(t *testing.T, path string) (code int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return n.dial(), nil },
	}}
	response, err := client.Get("http://bubble" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

func TestClientsThatNeverReadHoldNoScrape(t *testing.T) {
	inBubble(t, 100, nil, func(b *bench) {
		b.pollAndList()
		limit := NewLimit(2)
		n := serveInBubble(b.t, b.Handler(HandlerOptions{Limit: limit}))
		deaf := []net.Conn{n.ask(b.t, "/metrics", "5"), n.ask(b.t, "/metrics", "5")}
		synctest.Wait()
		if code := n.get(b.t, "/metrics"); code != http.StatusServiceUnavailable {
			t.Errorf("while two scrapes are answered, a third gets status %d", code)
		}
		time.Sleep(stalledAfter + time.Millisecond)
		if code := n.get(b.t, "/metrics"); code != http.StatusOK {
			t.Errorf("when nobody has read for %s, a scrape gets status %d", stalledAfter, code)
		}
		// The answer ends some time after the scrape's timeout, however much of it
		// was read.
		time.Sleep(5*time.Second + defaultScrapeTimeout - stalledAfter)
		synctest.Wait()
		for _, c := range deaf {
			if read, err := io.ReadAll(c); err != nil || len(read) > 0 {
				t.Errorf("%d bytes could still be read: %v", len(read), err)
			}
		}
	})
}

func TestAClientThatReadsSlowlyTakesNoTimeFromTheNextScrape(t *testing.T) {
	inBubble(t, 100, nil, func(b *bench) {
		b.pollAndList()
		n := serveInBubble(b.t, b.Handler(HandlerOptions{TimeoutOffset: 500 * time.Millisecond}))
		slow := n.ask(b.t, "/metrics", "10")
		synctest.Wait()
		time.Sleep(9 * time.Second)
		first := make([]byte, 1)
		if _, err := io.ReadFull(slow, first); err != nil {
			t.Fatal(err)
		}
		slow.Close()
		synctest.Wait()
		time.Sleep(31 * time.Second)
		b.sim.Inject(geelarktest.Fault{Hang: true})
		start := time.Now()
		if code := n.get(b.t, "/metrics"); code != http.StatusOK {
			t.Errorf("status %d", code)
		}
		if took := time.Since(start); took < 5*time.Second {
			t.Errorf("the next scrape waited %s for polls", took)
		}
	})
}

func TestBothPathsHaveOneLimit(t *testing.T) {
	inBubble(t, 100, nil, func(b *bench) {
		o := HandlerOptions{Limit: NewLimit(1)}
		metrics, probe := b.Handler(o), b.ProbeHandler(o)
		b.sim.Inject(geelarktest.Fault{Hang: true})
		go get(t, metrics, "/metrics")
		synctest.Wait()
		if w := get(t, probe, "/probe?account=default"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "--web.max-requests") {
			t.Errorf("status %d, %q", w.Code, w.Body)
		}
		time.Sleep(time.Minute)
		if w := get(t, probe, "/probe?account=default"); w.Code != http.StatusOK {
			t.Errorf("a patient scraper gets status %d", w.Code)
		}
	})
}

func TestAPanicEndsOneScrapeAndIsToldWithItsStack(t *testing.T) {
	// Families that lack the labels panic when their samples are made, by
	// whichever goroutine that is.
	wrong := newFamily("geelark_wrong", "Without labels.")
	for name, o := range map[string]struct {
		provoke func(*bench)
		options HandlerOptions
		says    string
	}{
		"rendering a page":         {func(b *bench) { b.infos.Store(&infos{phone: wrong, account: accountInfo(nil)}) }, HandlerOptions{}, "geelark_wrong has 0 labels"},
		"collecting an account":    {func(b *bench) { b.infos.Store(&infos{phone: phoneInfo(nil), account: wrong}) }, HandlerOptions{}, "geelark_wrong has 0 labels, not 1"},
		"gathering something else": {func(*bench) {}, HandlerOptions{Gatherer: prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { panic("on purpose") })}, "on purpose"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, 10, nil, nil, func(b *bench) {
				b.pollAndList()
				good := b.infosWith(nil)
				o.provoke(b)
				var logged bytes.Buffer
				o.options.ErrorLog = log.New(&logged, "", 0)
				w := get(t, b.Handler(o.options), "/metrics")
				if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), o.says) {
					t.Errorf("status %d, %q", w.Code, w.Body)
				}
				if got := logged.String(); !strings.Contains(got, "a scrape panicked") || !strings.Contains(got, "collector/") || !strings.Contains(got, o.says) {
					t.Errorf("logged %q", got)
				}
				b.infos.Store(good)
				got := parse(t, get(t, b.Handler(HandlerOptions{}), "/metrics"))
				if n := got["geelark_exporter_panics_total"].GetMetric()[0].GetCounter().GetValue(); n != 1 {
					t.Errorf("%v panics are counted, want 1", n)
				}
			})
		})
	}
}

func TestAPanicOfOneAccountsRefreshIsTheScrapes(t *testing.T) {
	inBubble(t, 10, nil, func(b *bench) {
		v := b.all()
		v.accounts = []*watch.Account{nil}
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		v.refresh(t.Context())
	})
}

func TestAPanicWhileAnAnswerIsSentCutsItOff(t *testing.T) {
	inBubble(t, 10, nil, func(b *bench) {
		w := panicking{httptest.NewRecorder()}
		defer func() {
			if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("the handler ends with %v", err)
			}
		}()
		b.Handler(HandlerOptions{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	})
}

type panicking struct{ *httptest.ResponseRecorder }

func (panicking) Write([]byte) (int, error) { panic("wrong") }
