package geelarktest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"geelark_exporter/geelark/geelarktest"
)

// TestFieldsCanBeLeftOutOrNull takes away, one by one, each field that older
// and partial answers lack.
func TestFieldsCanBeLeftOutOrNull(t *testing.T) {
	for endpoint, fields := range map[string][]string{
		"phone/list": {
			"data.items.hasBind", "data.items.rpaStatus", "data.items.chargeMode", "data.items.group", "data.items.equipmentInfo",
			"data.items.equipmentInfo.netType", "data.items.tags", "data.items.2.status", "data.items", "data.total", "data",
		},
		"phone/status":  {"data.successDetails.status", "data.successDetails.0.serialName", "data.failDetails", "msg", "traceId", "code"},
		"pay/wallet":    {"data.giftMoney", "data.availableTimeAddOn"},
		"pay/plan/info": {"data.availableMonthlyRentals", "data.parallels"},
	} {
		for _, field := range fields {
			t.Run(endpoint+" without "+field, func(t *testing.T) {
				s, _ := still(5)
				body := encode(t, ids(s.IDs()...))
				remove := s.Inject(geelarktest.Fault{Endpoint: endpoint, Rewrite: geelarktest.Set(field, nil)})
				nulls := fieldsOf(t, call(t, s, endpoint, body).Raw)
				remove()
				s, _ = still(5)
				s.Inject(geelarktest.Fault{Endpoint: endpoint, Rewrite: geelarktest.Omit(field)})
				omitted := fieldsOf(t, call(t, s, endpoint, body).Raw)
				s, _ = still(5)
				whole := fieldsOf(t, call(t, s, endpoint, body).Raw)
				if nulls == omitted || nulls == whole || omitted == whole {
					t.Errorf("whole %s\nwith null %s\nwithout %s", whole, nulls, omitted)
				}
			})
		}
	}
}

// fieldsOf writes a JSON text again, in an order of its own.
func fieldsOf(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return encode(t, v)
}

func TestOneItemOfAListCanBeRewritten(t *testing.T) {
	s, _ := still(3)
	s.Inject(geelarktest.Fault{Rewrite: geelarktest.Set("data.successDetails.1.status", "x")})
	s.Inject(geelarktest.Fault{Rewrite: geelarktest.Omit("data.successDetails.7.status", "no.such", "code.deeper", "data.successDetails.2")})
	var answer struct {
		Data struct{ SuccessDetails []map[string]any }
	}
	if err := json.Unmarshal([]byte(call(t, s, "phone/status", encode(t, ids(s.IDs()...))).Raw), &answer); err != nil {
		t.Fatal(err)
	}
	for i, d := range answer.Data.SuccessDetails {
		equal(t, "status is a text", d["status"] == "x", i == 1)
	}
	equal(t, "details", len(answer.Data.SuccessDetails), 3)
}

func TestAnAnswerCanBeRewrittenWhole(t *testing.T) {
	overBoth(t, func(t *testing.T, s *geelarktest.Server, send func(ctx context.Context, endpoint, body string) result) {
		s.Inject(geelarktest.Fault{Rewrite: func(r *geelarktest.Reply) {
			r.Status = http.StatusTooManyRequests
			r.Header.Set("Content-Type", "text/plain")
			r.Header.Set("Retry-After", "120")
			r.Body = []byte("slow down")
		}})
		s.Inject(geelarktest.Fault{Rewrite: func(r *geelarktest.Reply) { r.Body = append(r.Body, '!') }})
		got := send(t.Context(), "phone/list", "{}")
		equal(t, "answer", []any{got.httpStatus, got.contentType, got.body, got.length}, []any{429, "text/plain", "slow down!", 10})
		s.Inject(geelarktest.Fault{Rewrite: func(r *geelarktest.Reply) { r.Cut = 4 }})
		got = send(t.Context(), "phone/list", "{}")
		equal(t, "cut answer", []any{got.body, got.length, got.bodyErr != nil}, []any{"slow d", 10, true})
	})
}

func TestARewriterIgnoresWhatIsNoObject(t *testing.T) {
	for _, body := range []string{"", "null", "[1]", "<html>", `{"a":`} {
		r := geelarktest.Reply{Body: []byte(body)}
		geelarktest.Set("code", 1)(&r)
		equal(t, "body", string(r.Body), body)
	}
	r := geelarktest.Reply{Body: []byte(`{"id":585058498939748353}`)}
	geelarktest.Edit(func(map[string]any) {})(&r)
	equal(t, "a large number", string(r.Body), `{"id":585058498939748353}`)
}

func TestAnswersAreDatedByTheServersClock(t *testing.T) {
	s, c := still(1)
	c.Advance(90 * time.Second)
	resp, err := s.RoundTripper().RoundTrip(request(t, "phone/list", "{}"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	equal(t, "Date", resp.Header.Get("Date"), "Sun, 01 Mar 2026 12:01:30 GMT")
}

func TestAListThatIsShuffledBetweenPagesShowsPhonesTwice(t *testing.T) {
	s, _ := still(40)
	all := s.IDs()
	s.Inject(geelarktest.Fault{Endpoint: "phone/list", Before: func(string) { s.Shuffle() }})
	var seen []string
	for page := 1; page <= 4; page++ {
		seen = append(seen, get[list](t, s, "phone/list", params{"page": page, "pageSize": 10}).ids()...)
	}
	slices.Sort(seen)
	equal(t, "items", len(seen), 40)
	if n := len(slices.Compact(seen)); n == 40 {
		t.Error("no phone came twice")
	}
	same := s.IDs()
	slices.Sort(all)
	slices.Sort(same)
	equal(t, "phones", same, all)
}

// TestTheDocumentedSampleCanBeServed serves an answer of the vendor's
// documents byte for byte.
func TestTheDocumentedSampleCanBeServed(t *testing.T) {
	for _, endpoint := range []string{"phone/status", "pay/wallet", "pay/plan/info", "billing/transaction/detail", "task/historyRecords", "task/query"} {
		s, _ := still(1)
		s.Inject(geelarktest.Fault{Body: geelarktest.Sample(endpoint), ContentType: "application/json"})
		a := call(t, s, endpoint, "{}")
		equal(t, endpoint, a.Raw, string(geelarktest.Sample(endpoint)))
		equal(t, "HTTP status, code", []any{a.HTTPStatus, a.Code}, []any{200, 0})
		if len(a.Data) == 0 {
			t.Errorf("no data in %s", a.Raw)
		}
	}
	equal(t, "of an API without one", len(geelarktest.Sample("phone/start")), 0)
}
