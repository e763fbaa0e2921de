package geelarktest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// A result is what a client gets to see of one request.
type result struct {
	err         error // of the request
	bodyErr     error // of reading the answer
	httpStatus  int
	contentType string
	length      int64
	body        string
}

// perform sends one request the way of t.
func perform(ctx context.Context, t *testing.T, transport http.RoundTripper, url, endpoint, body string) result {
	t.Helper()
	return performRequest(t, transport, url, request(t, endpoint, body).WithContext(ctx))
}

func contains(text, part string) bool { return strings.Contains(text, part) }

func performRequest(t *testing.T, transport http.RoundTripper, url string, r *http.Request) result {
	t.Helper()
	target, err := r.URL.Parse(url + r.URL.Path)
	if err != nil {
		t.Fatal(err)
	}
	r.URL, r.Host = target, target.Host
	client := http.Client{Transport: transport}
	resp, err := client.Do(r)
	if err != nil {
		return result{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return result{nil, err, resp.StatusCode, resp.Header.Get("Content-Type"), resp.ContentLength, string(raw)}
}

// overBoth runs a test in the process and over a real connection.
func overBoth(t *testing.T, test func(t *testing.T, s *geelarktest.Server, send func(ctx context.Context, endpoint, body string) result)) {
	t.Run("in the process", func(t *testing.T) {
		s, _ := still(5)
		test(t, s, func(ctx context.Context, endpoint, body string) result {
			return perform(ctx, t, s.RoundTripper(), "http://geelark.invalid", endpoint, body)
		})
	})
	t.Run("over a connection", func(t *testing.T) {
		s, _ := still(5)
		server := httptest.NewServer(s)
		defer server.Close()
		test(t, s, func(ctx context.Context, endpoint, body string) result {
			return perform(ctx, t, server.Client().Transport, server.URL, endpoint, body)
		})
	})
}

func TestFaults(t *testing.T) {
	envelope := func(t *testing.T, r result) answer {
		t.Helper()
		if r.err != nil || r.bodyErr != nil {
			t.Fatal(r.err, r.bodyErr)
		}
		a := answer{}
		if err := json.Unmarshal([]byte(r.body), &a); err != nil {
			t.Fatalf("%v in %q", err, r.body)
		}
		return a
	}
	data := func(t *testing.T, r result) batch {
		t.Helper()
		var b batch
		if err := json.Unmarshal(envelope(t, r).Data, &b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	succeeded := func(b batch) []string {
		got := []string{}
		for _, d := range b.SuccessDetails {
			got = append(got, d.ID)
		}
		return got
	}

	// Each fault hits a phone/status request for all five phones.
	tests := []struct {
		name  string
		fault func(all []string) geelarktest.Fault
		check func(t *testing.T, all []string, r result)
	}{
		{
			"no fault", func([]string) geelarktest.Fault { return geelarktest.Fault{} },
			func(t *testing.T, all []string, r result) { equal(t, "ids", succeeded(data(t, r)), all) },
		},
		{
			"a little latency", func([]string) geelarktest.Fault { return geelarktest.Fault{Latency: 1} },
			func(t *testing.T, all []string, r result) { equal(t, "ids", succeeded(data(t, r)), all) },
		},
		{
			"a dropped connection", func([]string) geelarktest.Fault { return geelarktest.Fault{Drop: true} },
			func(t *testing.T, _ []string, r result) {
				if !errors.Is(r.err, syscall.ECONNRESET) {
					t.Errorf("got %v", r.err)
				}
			},
		},
		{
			"an HTTP status", func([]string) geelarktest.Fault { return geelarktest.Fault{HTTPStatus: 503} },
			func(t *testing.T, _ []string, r result) {
				equal(t, "answer", []any{r.httpStatus, r.body, r.length}, []any{503, "Service Unavailable", 19})
			},
		},
		{
			"an HTTP status with a body", func([]string) geelarktest.Fault {
				return geelarktest.Fault{HTTPStatus: 502, Body: []byte("<h1>Bad</h1>")}
			},
			func(t *testing.T, _ []string, r result) {
				equal(t, "answer", []any{r.httpStatus, r.contentType, r.body}, []any{502, "text/html", "<h1>Bad</h1>"})
			},
		},
		{
			"a body", func([]string) geelarktest.Fault {
				return geelarktest.Fault{Body: []byte(`[1]`), ContentType: "application/json"}
			},
			func(t *testing.T, _ []string, r result) {
				equal(t, "answer", []any{r.httpStatus, r.contentType, r.body}, []any{200, "application/json", "[1]"})
			},
		},
		{
			"an empty body", func([]string) geelarktest.Fault { return geelarktest.Fault{Body: []byte{}} },
			func(t *testing.T, _ []string, r result) {
				equal(t, "answer", []any{r.httpStatus, r.body, r.err, r.bodyErr}, []any{200, "", nil, nil})
			},
		},
		{
			"a cut answer", func([]string) geelarktest.Fault {
				return geelarktest.Fault{Rewrite: func(r *geelarktest.Reply) { r.Cut = (len(r.Body) + 1) / 2 }}
			},
			func(t *testing.T, _ []string, r result) {
				if !errors.Is(r.bodyErr, io.ErrUnexpectedEOF) || int(r.length)/2 != len(r.body) ||
					!strings.HasPrefix(r.body, `{"traceId"`) || json.Valid([]byte(r.body)) {
					t.Errorf("got %d of %d bytes, %v: %q", len(r.body), r.length, r.bodyErr, r.body)
				}
			},
		},
		{
			"an envelope code", func([]string) geelarktest.Fault { return geelarktest.Fault{Code: geelark.CodeInternal} },
			func(t *testing.T, _ []string, r result) {
				a := envelope(t, r)
				equal(t, "answer", []any{a.Code, a.Msg, a.Data}, []any{50000, "failed", nil})
			},
		},
		{
			"an envelope code with a message", func([]string) geelarktest.Fault {
				return geelarktest.Fault{Code: geelark.CodeUnknown, Message: "未知错误"}
			},
			func(t *testing.T, _ []string, r result) {
				a := envelope(t, r)
				equal(t, "answer", []any{a.Code, a.Msg}, []any{40000, "未知错误"})
			},
		},
		{
			"a success with a message", func([]string) geelarktest.Fault { return geelarktest.Fault{Message: "成功"} },
			func(t *testing.T, all []string, r result) {
				equal(t, "msg", envelope(t, r).Msg, "成功")
				equal(t, "ids", succeeded(data(t, r)), all)
			},
		},
		{
			"a partial success", func(all []string) geelarktest.Fault {
				return geelarktest.Fault{
					Code: geelark.CodePartial, WithData: true,
					FailIDs: map[string]geelark.Code{all[1]: geelark.CodePhoneBusy},
				}
			},
			func(t *testing.T, all []string, r result) {
				equal(t, "code", envelope(t, r).Code, geelark.CodePartial)
				b := data(t, r)
				equal(t, "ids", succeeded(b), []string{all[0], all[2], all[3], all[4]})
				equal(t, "failed", []any{b.FailDetails[0].ID, b.FailDetails[0].Code, b.FailDetails[0].Msg}, []any{all[1], 43005, "env is executing a task"})
				equal(t, "amounts", []int{b.TotalAmount, b.SuccessAmount, b.FailAmount}, []int{5, 4, 1})
			},
		},
		{
			"omitted ids", func(all []string) geelarktest.Fault { return geelarktest.Fault{OmitIDs: all[1:]} },
			func(t *testing.T, all []string, r result) {
				b := data(t, r)
				equal(t, "ids", succeeded(b), all[:1])
				equal(t, "amounts", []int{b.TotalAmount, b.SuccessAmount, b.FailAmount}, []int{5, 1, 0})
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, s *geelarktest.Server, send func(context.Context, string, string) result) {
				all := s.IDs()
				fault := tt.fault(all)
				fault.Endpoint, fault.Times = "phone/status", 1
				s.Inject(fault)
				tt.check(t, all, send(t.Context(), "phone/status", encode(t, ids(all...))))
				equal(t, "requests", s.Requests("phone/status"), 1)

				after := envelope(t, send(t.Context(), "phone/status", encode(t, ids(all...))))
				equal(t, "the next request", []any{after.Code, after.Msg}, []any{0, "success"})
			})
		})
	}
}

func TestEveryDocumentedCodeCanBeAnswered(t *testing.T) {
	s, _ := still(1)
	for _, code := range []geelark.Code{
		geelark.CodeUnknown, geelark.CodeBody, geelark.CodeNoTraceID, geelark.CodeSignature, geelark.CodeParameter,
		geelark.CodeNoResource, geelark.CodePartial, geelark.CodeRateLimited, geelark.CodePage, geelark.CodeBatchFailed,
		geelark.CodePaidOnly, geelark.CodeRetired, geelark.CodeHourLimit, geelark.CodePermission, geelark.CodeIPNotAllowed,
		geelark.CodeTooManyRequests, geelark.CodeBalance, geelark.CodePlanExpired, geelark.CodeCrowded, geelark.CodeInternal,
		geelark.CodeCallbackNotDefined,
	} {
		s.Inject(geelarktest.Fault{Times: 1, Code: code})
		equal(t, "code", call(t, s, "phone/list", "{}").Code, code)
		equal(t, "counted", s.Answered("phone/list", code), 1)
	}
	id := s.IDs()[0]
	for _, code := range []geelark.Code{
		geelark.CodePhoneNotFound, geelark.CodePhoneExpired, geelark.CodePhoneBusy, geelark.CodePhoneRemote, geelark.CodeCrowded,
	} {
		remove := s.Inject(geelarktest.Fault{FailIDs: map[string]geelark.Code{id: code}})
		for _, endpoint := range []string{"phone/status", "phone/start", "phone/stop"} {
			equal(t, endpoint, get[batch](t, s, endpoint, ids(id)).FailDetails[0].Code, code)
		}
		remove()
	}
}

func TestFailingIDsAreNotActedUpon(t *testing.T) {
	s, _ := still(2)
	all := s.IDs()
	s.SetStatus(all[0], 2)
	s.SetStatus(all[1], 2)
	s.Inject(geelarktest.Fault{
		Endpoint: "phone/start",
		FailIDs:  map[string]geelark.Code{all[0]: geelark.CodeCrowded},
	})
	b := get[batch](t, s, "phone/start", ids(all...))
	equal(t, "started", b.SuccessDetails[0].ID, all[1])
	equal(t, "statuses", statuses(t, s), []int{2, 1})

	s.Inject(geelarktest.Fault{Endpoint: "phone/stop", Code: geelark.CodeInternal})
	call(t, s, "phone/stop", encode(t, ids(all...)))
	equal(t, "statuses after a refused stop", statuses(t, s), []int{2, 1})
}

func TestPhonesCanBeLeftOutOfLists(t *testing.T) {
	s, _ := still(4)
	all := s.IDs()
	s.Inject(geelarktest.Fault{Endpoint: "phone/list", OmitIDs: all[:1]})
	l := get[list](t, s, "phone/list", params{})
	equal(t, "ids", l.ids(), all[1:])
	equal(t, "total", l.Total, 4)
}

func TestFaultsChooseTheirRequests(t *testing.T) {
	failing := geelarktest.Fault{Code: geelark.CodeInternal}
	tests := []struct {
		name   string
		change func(f *geelarktest.Fault)
		want   []geelark.Code // of phone/status, phone/list, phone/status
	}{
		{"all of them", func(*geelarktest.Fault) {}, []geelark.Code{50000, 50000, 50000}},
		{"one endpoint", func(f *geelarktest.Fault) { f.Endpoint = "phone/list" }, []geelark.Code{0, 50000, 0}},
		{"the first one", func(f *geelarktest.Fault) { f.Times = 1 }, []geelark.Code{50000, 0, 0}},
		{"the first two", func(f *geelarktest.Fault) { f.Times = 2 }, []geelark.Code{50000, 50000, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := still(3)
			fault := failing
			tt.change(&fault)
			remove := s.Inject(fault)
			body := ids(s.IDs()...)
			var got []geelark.Code
			for _, endpoint := range []string{"phone/status", "phone/list", "phone/status"} {
				got = append(got, call(t, s, endpoint, encode(t, body)).Code)
			}
			equal(t, "codes", got, tt.want)
			remove()
			remove()
			equal(t, "after its removal", call(t, s, "phone/list", encode(t, body)).Code, geelark.CodeOK)
		})
	}
}

func TestFaultsAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := still(3)
		all := s.IDs()
		var order []string
		before := func(name string) func(string) {
			return func(endpoint string) { order = append(order, name+" "+endpoint) }
		}
		s.Inject(geelarktest.Fault{
			Before: before("first"), Latency: time.Second, Code: geelark.CodePartial, WithData: true, Message: "part",
			FailIDs: map[string]geelark.Code{all[0]: geelark.CodePhoneBusy},
		})
		s.Inject(geelarktest.Fault{
			Before: before("second"), Latency: time.Minute, Code: geelark.CodeBatchFailed, Message: "all",
			FailIDs: map[string]geelark.Code{all[0]: geelark.CodePhoneRemote, all[1]: geelark.CodePhoneRemote},
			OmitIDs: all[2:],
		})
		begin := time.Now()
		a := call(t, s, "phone/status", encode(t, ids(all...)))
		equal(t, "waited", time.Since(begin), 61*time.Second)
		equal(t, "hooks", order, []string{"first phone/status", "second phone/status"})
		equal(t, "answer", []any{a.Code, a.Msg}, []any{40006, "part"})
		var b batch
		if err := json.Unmarshal(a.Data, &b); err != nil {
			t.Fatal(err)
		}
		equal(t, "failures", []any{len(b.FailDetails), b.FailDetails[0].Code, b.FailDetails[1].Code}, []any{2, 43005, 43006})

		s.Inject(geelarktest.Fault{HTTPStatus: 500})
		s.Inject(geelarktest.Fault{HTTPStatus: 501, Body: []byte("x")})
		resp, err := s.RoundTripper().RoundTrip(request(t, "phone/status", "{}"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		equal(t, "HTTP status", resp.StatusCode, 500)
	})
}

func TestARefusalStandsBehindAnEnvelopeFault(t *testing.T) {
	s, _ := still(1)
	s.Inject(geelarktest.Fault{Code: geelark.CodeInternal})
	r := request(t, "phone/list", "{}")
	r.Header.Set("Authorization", "Bearer guessed")
	equal(t, "wrong token", send(t, s, r).Code, geelark.CodeSignature)
	equal(t, "faulty requests spend the limit", times(t, s, 201, "phone/list"), geelark.CodeRateLimited)
}

func TestEndedContexts(t *testing.T) {
	tests := []struct {
		name  string
		fault geelarktest.Fault
	}{
		{"a request that hangs ends with its context", geelarktest.Fault{Hang: true}},
		{"a slow request ends with its context", geelarktest.Fault{Latency: 1000 * time.Hour}},
		{"a slow request that hangs ends with its context", geelarktest.Fault{Latency: 1, Hang: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, s *geelarktest.Server, send func(context.Context, string, string) result) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				tt.fault.Before = func(string) { cancel() }
				s.Inject(tt.fault)
				if r := send(ctx, "phone/list", "{}"); !errors.Is(r.err, context.Canceled) {
					t.Errorf("got %v", r.err)
				}
				equal(t, "requests", s.Requests("phone/list"), 1)
				equal(t, "answers", s.Answered("phone/list", geelark.CodeOK), 0)
			})
		})
	}
}
