package watch

import (
	"testing"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/state"
	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// FuzzRecordsOfState starts a process that finds any record in each file of its
// state: it begins with what is legible, keeps to the limits, and can be restarted.
func FuzzRecordsOfState(f *testing.F) {
	f.Add(encode(budgetRecord{ID: budgetKey{}.id(), Endpoint: geelark.EndpointPhoneStatus, At: 1, Requests: 5}))
	sim := geelarktest.New(geelarktest.Config{Phones: 3, Seed: 1, Token: testToken, Still: true})
	f.Fuzz(func(t *testing.T, record []byte) {
		dir := t.TempDir()
		logs := []string{"budgets", "phones.default", "usage.default", "tasks.default"}
		d, err := state.Open(dir, log.NewNopLogger(), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range logs {
			l := d.Log(name, 1, func([]byte) error { return nil }, func(add func([]byte)) { add(record) })
			if !l.Rewrite() {
				t.Fatal("not written")
			}
			l.Close()
		}
		d.Close()
		for range 2 {
			if d, err = state.Open(dir, log.NewNopLogger(), time.Now); err != nil {
				t.Fatal(err)
			}
			w, err := New([]AccountConfig{testConfig()}, Options{State: d, Doubt: true, Collectors: Collectors(), ClientOptions: []geelark.Option{geelark.WithTransport(sim.RoundTripper())}})
			if err != nil {
				t.Fatal(err)
			}
			a := w.Fleet().Accounts[0]
			for _, e := range geelark.Endpoints() {
				b := a.Budget(e)
				if b.MinuteRemaining < 0 || b.HourRemaining < 0 || time.Until(b.PausedUntil) > 2*time.Hour {
					t.Errorf("%s: %+v", e, b)
				}
			}
			s := a.Snapshot()
			sum := 0
			for _, n := range s.Standings {
				sum += n
			}
			if sum != s.Phones {
				t.Errorf("%d phones, %d by what is known of them", s.Phones, sum)
			}
			w.Close()
			d.Close()
		}
	})
}
