package geelarktest_test

import (
	"testing"
	"time"

	"geelark_exporter/geelark"
)

func TestRequestsAreCounted(t *testing.T) {
	s, c := still(3)
	for range 4 {
		call(t, s, "phone/list", "{}")
		c.Advance(10 * time.Second)
	}
	call(t, s, "phone/list", `{"page":0}`)
	call(t, s, "phone/status", "{}")
	call(t, s, "nonsense", "{}")

	for endpoint, want := range map[string]int{"": 7, "phone/list": 5, "phone/status": 1, "nonsense": 1, "phone/stop": 0} {
		equal(t, "requests to "+endpoint, s.Requests(endpoint), want)
	}
	for _, tt := range []struct {
		endpoint string
		code     geelark.Code
		want     int
	}{
		{"phone/list", geelark.CodeOK, 4},
		{"phone/list", geelark.CodePage, 1},
		{"phone/status", geelark.CodeParameter, 1},
		{"nonsense", geelark.CodeNoResource, 1},
		{"", geelark.CodeOK, 4},
		{"", geelark.CodeParameter, 1},
		{"phone/stop", geelark.CodeOK, 0},
	} {
		equal(t, "answers of "+tt.endpoint+" with "+tt.code.Error(), s.Answered(tt.endpoint, tt.code), tt.want)
	}
	for _, tt := range []struct {
		endpoint string
		span     time.Duration
		want     int
	}{
		{"phone/list", time.Minute, 5},
		{"phone/list", 20 * time.Second, 2}, // those of 20 s apart are not in it
		{"phone/list", 20*time.Second + 1, 3},
		{"", time.Second, 3},
		{"phone/stop", time.Hour, 0},
	} {
		equal(t, tt.endpoint+" in "+tt.span.String(), s.MostIn(tt.endpoint, tt.span), tt.want)
		equal(t, tt.endpoint+" in the last "+tt.span.String(), s.Recent(tt.endpoint, tt.span), tt.want)
	}
	c.Advance(15 * time.Second)
	equal(t, "in the last minute", s.Recent("phone/list", time.Minute), 5)
	equal(t, "in the last half", s.Recent("phone/list", 30*time.Second), 2)
}
