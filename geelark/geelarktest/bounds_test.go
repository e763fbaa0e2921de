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

func TestMoneyIsWrittenExactly(t *testing.T) {
	for micros, want := range map[int64]string{
		0: "0", 1: "0.000001", 7000: "0.007", 1_000_000: "1", 1_549_770_000: "1549.77", -7000: "-0.007", -12_500_000: "-12.5",
	} {
		if got := money(micros); string(got) != want {
			t.Errorf("%d micros: got %s, want %s", micros, got, want)
		}
	}
}

func TestIDsOfEntriesAreUnlikeTheirOrderAndLeadBack(t *testing.T) {
	seen, rises := map[string]bool{}, 0
	for n := range uint64(100_000) {
		id := entryID(n)
		if len(id) != 18 || seen[id] {
			t.Fatalf("%d has the id %s", n, id)
		}
		seen[id] = true
		if n > 0 && id > entryID(n-1) {
			rises++
		}
		if back, code := entryOf(id, 100_000); back != n || code != geelark.CodeOK {
			t.Fatalf("%s leads to %d, %v", id, back, code)
		}
		if _, code := entryOf(id, n); code != geelark.CodeParameter {
			t.Fatalf("%s is an id before it is", id)
		}
	}
	if rises < 40_000 || rises > 60_000 {
		t.Errorf("%d of 100,000 ids are above the one before", rises)
	}
}
