package exposition

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestAPageForgetsWhatNobodyAsksFor(t *testing.T) {
	f := NewFamily("a_gauge", "A gauge.", "id")
	rendered := make(map[string]int)
	page := NewPage(Quick, []*Family{f}, func(s *Samples) {
		rendered[fmt.Sprint(s.format)]++
		s.Gauge(f, 1, "x")
	})
	now := time.Unix(1e9, 0)
	server := NewServer(Options{Now: func() time.Time { return now }})
	for _, tt := range []struct {
		after  time.Duration
		accept string
		want   string
	}{
		{0, "", "map[0:1]"},
		{time.Minute, "", "map[0:1]"},
		{time.Minute, "application/openmetrics-text", "map[0:1 1:1]"},
		{kept, "application/openmetrics-text", "map[0:1 1:1]"},
		{0, "", "map[0:2 1:1]"}, // the last scrape let it go
		{kept - time.Minute, "application/openmetrics-text", "map[0:2 1:1]"},
		{time.Minute, "", "map[0:2 1:1]"},
		{kept + 1, "", "map[0:3 1:1]"},
	} {
		now = now.Add(tt.after)
		server.serve(headers{}, request(tt.accept), prometheus.Gatherers{}, []*Family{f}, []*Page{page})
		if got := fmt.Sprint(rendered); got != tt.want {
			t.Errorf("%s later, %q: rendered %s times by format, want %s", tt.after, tt.accept, got, tt.want)
		}
	}
}

func TestSamplesOfOtherFamiliesAreLeftOut(t *testing.T) {
	mine, other := NewFamily("mine", "Mine."), NewFamily("other", "Not mine.")
	page := NewPage(Quick, []*Family{mine}, func(s *Samples) {
		if !s.Has(mine) || s.Has(other) {
			t.Error("the page does not know its families")
		}
		s.Gauge(other, 1)
		s.Gauge(mine, 2)
	})
	blocks := page.blocks(text, deflated, time.Unix(1e9, 0), true)
	if len(blocks) != 1 || blocks[0].size != len("mine 2\n") {
		t.Errorf("rendered %+v", blocks)
	}
}

func TestASampleNeedsAValueForEachLabel(t *testing.T) {
	f := NewFamily("a_gauge", "A gauge.", "id", "status")
	defer func() {
		if got, want := fmt.Sprint(recover()), "a_gauge has 2 labels, not 1"; got != want {
			t.Errorf("panicked with %q, want %q", got, want)
		}
	}()
	NewPage(Quick, []*Family{f}, func(s *Samples) { s.Gauge(f, 1, "x") }).blocks(text, packed, time.Unix(1e9, 0), true)
}

func TestSamplesOfAPageForOneAnswerAreInOrder(t *testing.T) {
	f := NewFamily("a_gauge", "A gauge.", "of")
	page := NewPage(Once, []*Family{f}, func(to *Samples) {
		for _, of := range []string{"c", "a\nb", "b", "a"} {
			to.Gauge(f, 1, of)
		}
	})
	want := "a_gauge{of=\"a\"} 1\na_gauge{of=\"a\\nb\"} 1\na_gauge{of=\"b\"} 1\na_gauge{of=\"c\"} 1\n"
	if got := string(page.render(text, raw)[0].data); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
