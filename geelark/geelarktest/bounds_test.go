package geelarktest

import (
	"testing"
	"time"

	"geelark_exporter/geelark"
)

// The tests of this file take so many requests that they do not send them.

func TestTheRecordOfALongDemonstrationIsBounded(t *testing.T) {
	now := time.Unix(1_772_366_400, 0)
	s := New(Config{Now: func() time.Time { return now }})
	const n = keep + 5
	for range n {
		s.record.request("phone/list", now)
	}
	if got := s.Requests("phone/list"); got != n {
		t.Errorf("%d requests counted, want %d", got, n)
	}
	if got := s.MostIn("phone/list", time.Hour); got != n {
		t.Errorf("%d requests in an hour, want %d", got, n)
	}
	if got := s.MostIn("phone/list", 2*time.Hour); got != keep/2+5 {
		t.Errorf("%d requests remembered, want %d", got, keep/2+5)
	}
}

func TestAnEndpointWithoutLimitsIsNeverBlocked(t *testing.T) {
	l := newLimiters(map[string]Limits{"phone/list": {PerMinute: -1, PerHour: -1}}, false)["phone/list"]
	for range 100_000 {
		if code, breach := l.take(time.Unix(1_772_366_400, 0)); code != geelark.CodeOK || breach.Count != 0 {
			t.Fatal(code, breach)
		}
	}
}
