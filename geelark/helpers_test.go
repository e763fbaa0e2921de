package geelark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testToken   = "t0ken-nobody-may-see"
	testAPIKey  = "YjmFIUuq0oJgSDJ42fxLEb6R1qjjqf"
	testAppID   = "eH6gQR4oHr3FsZpI36La01IW"
	testTraceID = "db6094ab-3797-4186-84d5-b0b58eebad56"

	statusData = `{"successDetails":[{"id":"1","serialName":"a","status":2}]}`
	statusOK   = `{"code":0,"msg":"成功","traceId":"vendor-trace","data":` + statusData + `}`
)

// A step answers one request.
type step func(*http.Request) (*http.Response, error)

// transportFunc makes a transport of a step.
type transportFunc step

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answerWith(status int, body string) step {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func answerBody(body string) step { return answerWith(http.StatusOK, body) }

func answerCode(c Code) step {
	return answerBody(fmt.Sprintf(`{"code":%d,"msg":"出错","traceId":"vendor-trace","data":null}`, int(c)))
}

func answerStatus(status int) step { return answerWith(status, "an answer of something else") }

func failWith(err error) step {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hang never answers.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// after answers as s does, d later.
func after(d time.Duration, s step) step {
	return func(r *http.Request) (*http.Response, error) {
		if err := sleep(r.Context(), d); err != nil {
			return nil, err
		}
		return s(r)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A script is a transport that answers each request with the next step, and all
// that follow with the last one.
type script struct {
	steps []step

	mu   sync.Mutex
	seen []seenRequest
}

type seenRequest struct {
	at     time.Time
	url    string
	header http.Header
	body   string
}

func play(steps ...step) *script { return &script{steps: steps} }

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	next := s.steps[min(len(s.seen), len(s.steps)-1)]
	s.seen = append(s.seen, seenRequest{time.Now(), r.URL.String(), r.Header.Clone(), string(body)})
	s.mu.Unlock()
	return next(r)
}

func (s *script) requests() []seenRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seenRequest(nil), s.seen...)
}

// sources makes a credential source of a function.
type sources func() (Credentials, error)

func (f sources) Credentials(context.Context) (Credentials, error) { return f() }

// newClient returns a client in token mode whose backoff has no jitter.
func newClient(t testing.TB, rt http.RoundTripper, options ...Option) *Client {
	t.Helper()
	return newClientFor(t, Credentials{Token: testToken}, rt, options...)
}

func newClientFor(t testing.TB, s CredentialSource, rt http.RoundTripper, options ...Option) *Client {
	t.Helper()
	fixed := []Option{
		WithTransport(rt),
		WithRandom(func() string { return testTraceID }, func() float64 { return 0 }),
	}
	c, err := New(s, NewBudgets(VendorLimits(), time.Now), append(fixed, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// withBudgets makes the client spend from the budgets of a source.
func withBudgets(s BudgetSource) Option {
	return func(c *Client) error { c.budgets = s; return nil }
}

func withLimits(l Limits) Option { return withBudgets(NewBudgets(l, time.Now)) }

// ask makes one call to phone/status.
func ask(ctx context.Context, c *Client) error {
	_, err := c.PhoneStatus(ctx, []string{"1"})
	return err
}

func mustAsk(t testing.TB, c *Client) {
	t.Helper()
	if err := ask(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func wantReason(t testing.TB, err error, want Reason) *TransportError {
	t.Helper()
	var te *TransportError
	if !errors.As(err, &te) {
		t.Fatalf("got %v (%T), want a TransportError", err, err)
	}
	if te.Reason != want {
		t.Fatalf("got reason %q (%v), want %q", te.Reason, err, want)
	}
	return te
}

func wantNotSent(t testing.TB, err error) *LimitError {
	t.Helper()
	var le *LimitError
	if !errors.As(err, &le) || !errors.Is(err, ErrNotSent) {
		t.Fatalf("got %v (%T), want a LimitError", err, err)
	}
	return le
}

// wantElapsed is for bubbles, whose clocks are exact.
func wantElapsed(t testing.TB, since time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(since); got != want {
		t.Fatalf("%s have passed, want %s", got, want)
	}
}

func writeFile(t testing.TB, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret-file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func readTestdata(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
