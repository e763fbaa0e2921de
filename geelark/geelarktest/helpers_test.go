package geelarktest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

const (
	base    = "https://openapi.invalid/open/v1/"
	token   = "token-1"
	traceID = "9C798E6CA2AB58348E2C974EA8E8AB8B"
)

// noon is in the middle of a day and at the start of a minute.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A clock is set by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: noon} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// still returns a fleet that only the test changes.
func still(phones int) (*geelarktest.Server, *clock) {
	c := newClock()
	return geelarktest.New(geelarktest.Config{Phones: phones, Seed: 1, Now: c.Now, Token: token, Still: true}), c
}

// An answer is an envelope as a client reads it.
type answer struct {
	HTTPStatus int             `json:"-"`
	Raw        string          `json:"-"`
	TraceID    string          `json:"traceId"`
	Code       geelark.Code    `json:"code"`
	Msg        string          `json:"msg"`
	Data       json.RawMessage `json:"data"`
}

type batch struct {
	TotalAmount, SuccessAmount, FailAmount int

	SuccessDetails []struct {
		ID, SerialName, URL, ChargingMethod string
		Status                              int
	}
	FailDetails []struct {
		Code geelark.Code
		ID   string
		Msg  string
	}
}

type list struct {
	Total, Page, PageSize int

	Items []struct {
		ID            string
		SerialName    string
		SerialNo      string
		Status        int
		MonthlyExpire int64
		Group         struct{ ID, Name, Remark string }
		Tags          []struct{ Name string }
	}
}

func (l list) ids() []string {
	var ids []string
	for _, item := range l.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

func request(t *testing.T, endpoint, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("traceId", traceID)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// send returns the server's answer to a request, which must have an envelope.
func send(t *testing.T, s *geelarktest.Server, r *http.Request) answer {
	t.Helper()
	resp, err := s.RoundTripper().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{HTTPStatus: resp.StatusCode, Raw: string(raw)}
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	return a
}

// call sends an authenticated request.
func call(t *testing.T, s *geelarktest.Server, endpoint, body string) answer {
	t.Helper()
	return send(t, s, request(t, endpoint, body))
}

// get calls an endpoint that must succeed and returns its data.
func get[T any](t *testing.T, s *geelarktest.Server, endpoint string, body any) T {
	t.Helper()
	a := call(t, s, endpoint, encode(t, body))
	if a.Code != geelark.CodeOK || a.Msg != "success" {
		t.Fatalf("%s answered %v %q", endpoint, a.Code, a.Msg)
	}
	var data T
	if err := json.Unmarshal(a.Data, &data); err != nil {
		t.Fatalf("%v in %s", err, a.Raw)
	}
	return data
}

type params = map[string]any

func ids(ids ...string) params { return params{"ids": ids} }

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pick returns the first phone that the test wants.
func pick(t *testing.T, s *geelarktest.Server, want func(geelarktest.Phone) bool) geelarktest.Phone {
	t.Helper()
	for _, p := range phones(t, s) {
		if want(p) {
			return p
		}
	}
	t.Fatal("the fleet has no such phone")
	return geelarktest.Phone{}
}

func phones(t *testing.T, s *geelarktest.Server) []geelarktest.Phone {
	t.Helper()
	var all []geelarktest.Phone
	for _, id := range s.IDs() {
		p, ok := s.Phone(id)
		if !ok {
			t.Fatalf("phone %s is listed and does not exist", id)
		}
		all = append(all, p)
	}
	return all
}

func byStatus(t *testing.T, s *geelarktest.Server) map[int]int {
	t.Helper()
	n := map[int]int{}
	for _, p := range phones(t, s) {
		n[p.Status]++
	}
	return n
}

func status(t *testing.T, s *geelarktest.Server, id string) int {
	t.Helper()
	p, ok := s.Phone(id)
	if !ok {
		t.Fatalf("no phone %s", id)
	}
	return p.Status
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := encode(t, got), encode(t, want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

func repeat(id string, n int) []string { return slices.Repeat([]string{id}, n) }
