package geelarktest_test

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

func TestBadRequests(t *testing.T) {
	tests := []struct {
		name           string
		endpoint, body string
		want           geelark.Code
	}{
		{"an unknown endpoint does not exist", "phone/delete", "{}", geelark.CodeNoResource},
		{"a trailing slash does not exist", "phone/list/", "{}", geelark.CodeNoResource},
		{"no endpoint does not exist", "", "{}", geelark.CodeNoResource},
		{"broken JSON cannot be read", "phone/list", `{"page":`, geelark.CodeBody},
		{"two values cannot be read", "phone/list", `{}{}`, geelark.CodeBody},
		{"an array is no request", "phone/list", `[]`, geelark.CodeBody},
		{"a text is no request", "phone/status", `"ids"`, geelark.CodeBody},
		{"a huge body cannot be read", "phone/list", `{"remark":"` + strings.Repeat("x", 1<<20) + `"}`, geelark.CodeBody},
		{"a broken body of the wallet cannot be read", "pay/wallet", `{`, geelark.CodeBody},
		{"a broken body of the plan cannot be read", "pay/plan/info", `{`, geelark.CodeBody},
		{"a broken body of start cannot be read", "phone/start", `{`, geelark.CodeBody},
		{"a broken body of stop cannot be read", "phone/stop", `{`, geelark.CodeBody},
		{"a broken body of callback/get cannot be read", "callback/get", `{`, geelark.CodeBody},
		{"a broken body of callback/set cannot be read", "callback/set", `{`, geelark.CodeBody},
		{"an empty body is an empty object", "phone/list", ``, geelark.CodeOK},
		{"null is an empty object", "phone/list", `null`, geelark.CodeOK},
		{"unknown parameters are ignored", "phone/list", `{"colour":"red"}`, geelark.CodeOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := still(1)
			a := call(t, s, tt.endpoint, tt.body)
			equal(t, "HTTP status", a.HTTPStatus, http.StatusOK)
			equal(t, "code", a.Code, tt.want)
			equal(t, "traceId", a.TraceID, traceID)
			if a.Msg == "" {
				t.Error("the answer has no msg")
			}
			if tt.want != geelark.CodeOK {
				equal(t, "data", a.Data, nil)
			}
			equal(t, "requests", s.Requests(tt.endpoint), 1)
			equal(t, "answers", s.Answered(tt.endpoint, tt.want), 1)
		})
	}
}

func TestEveryCallIsAPOSTUnderTheDocumentedPath(t *testing.T) {
	for _, tt := range []struct {
		name, method, url, counted string
		want                       geelark.Code
	}{
		{"a POST is answered", http.MethodPost, base + "phone/list", "phone/list", geelark.CodeOK},
		{"a GET is not", http.MethodGet, base + "phone/list", "phone/list", geelark.CodeNoResource},
		{"another version is not", http.MethodPost, "https://openapi.invalid/open/v2/phone/list", "/open/v2/phone/list", geelark.CodeNoResource},
		{"the endpoint alone is, by its path", http.MethodPost, "https://openapi.invalid/phone/list", "/phone/list", geelark.CodeOK},
		{"the version twice is, by its path", http.MethodPost, base + "open/v1/phone/list", "/open/v1/open/v1/phone/list", geelark.CodeOK},
		{"nothing is not", http.MethodPost, "https://openapi.invalid/", "/", geelark.CodeNoResource},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := still(1)
			r, err := http.NewRequestWithContext(t.Context(), tt.method, tt.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = request(t, "", "").Header
			equal(t, "code", send(t, s, r).Code, tt.want)
			equal(t, "requests", s.Requests(tt.counted), 1)
			equal(t, "answers", s.Answered(tt.counted, tt.want), 1)
		})
	}
}

func TestEveryFormOfThePathSpendsTheSameLimit(t *testing.T) {
	s, _ := still(1)
	equal(t, "within the limit", times(t, s, 199, "phone/list"), geelark.CodeOK)
	for _, want := range []geelark.Code{geelark.CodeOK, geelark.CodeRateLimited} {
		r := request(t, "open/v1/phone/list", "{}")
		equal(t, "code", send(t, s, r).Code, want)
	}
	equal(t, "breach", s.Broken()[0].Endpoint, "phone/list")
}

func TestARequestWithoutTraceIDGetsOne(t *testing.T) {
	s, _ := still(1)
	r := request(t, "phone/list", "{}")
	r.Header.Del("traceId")
	a := send(t, s, r)
	equal(t, "code", a.Code, geelark.CodeNoTraceID)
	if !regexp.MustCompile(`^[0-9A-F]{32}$`).MatchString(a.TraceID) {
		t.Errorf("traceId is %q", a.TraceID)
	}
}

func TestABodyThatBreaksOffCannotBeRead(t *testing.T) {
	s, _ := still(1)
	r := request(t, "phone/list", "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{}"), brokenReader{}))
	equal(t, "code", send(t, s, r).Code, geelark.CodeBody)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken off") }

func TestTheZeroConfigRefusesEverybody(t *testing.T) {
	s := geelarktest.New(geelarktest.Config{Phones: -1})
	equal(t, "code", call(t, s, "phone/list", "{}").Code, geelark.CodeSignature)
	equal(t, "phones", len(s.IDs()), 0)
	equal(t, "secrets", len(s.Secrets()), 0)
}

func TestTheClockOfTheProcessIsTheDefault(t *testing.T) {
	s := geelarktest.New(geelarktest.Config{Phones: 1})
	if until := time.Until(time.Unix(s.Billing().ExpirationTime, 0)); until < 40*24*time.Hour || until > 50*24*time.Hour {
		t.Errorf("the plan expires in %v", until)
	}
}

func TestAClockThatGoesBackwardsStandsStill(t *testing.T) {
	s, c := still(1)
	equal(t, "first", times(t, s, 200, "phone/list"), geelark.CodeOK)
	c.Advance(-time.Hour)
	equal(t, "beyond the limit", times(t, s, 1, "phone/list"), geelark.CodeRateLimited)
	equal(t, "breach", s.Broken()[0].At, noon)
}
