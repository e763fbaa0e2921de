package simulation

import (
	"context"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"geelark_exporter/geelark"
)

var (
	period = flag.Duration("simulation.period", usualPeriod(), "how long the fleet is watched, by its own clock")
	seed   = flag.Uint64("simulation.seed", 1, "decides what happens")
)

func usualPeriod() time.Duration {
	if race {
		return 20 * time.Minute
	}
	return 3 * time.Hour
}

func TestAFleetIsWatchedWithoutState(t *testing.T) { simulate(t, false) }

func TestAFleetIsWatchedWithState(t *testing.T) { simulate(t, true) }

// simulate lets a fleet of 10,000 phones in 50 accounts be watched, with all that
// happens in a week: servers that scrape with jitter, edits, renames and rotated
// tokens, faults of the API, a team that spends its own quarter of the limits in
// bursts, kills and restarts. The simulated API counts all calls; what the exporter
// exposes is held against its promises at every scrape.
func simulate(t *testing.T, state bool) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, *seed, state)
		ctx, cancel := context.WithTimeout(t.Context(), *period)
		defer cancel()
		w.start()
		var wg sync.WaitGroup
		var servers []*server
		for i, name := range []string{"prometheus-a", "prometheus-b", "prometheus-c"} {
			s := &server{world: w, name: name, always: i == 0, chance: rand.New(rand.NewPCG(*seed, uint64(i+1))), waiting: make(map[string]time.Time)}
			servers = append(servers, s)
			wg.Go(func() { s.run(ctx) })
		}
		var happened int
		wg.Go(func() { happened = w.happen(ctx, min(*period/time.Duration(2*len(events)), 20*time.Minute)) })
		wg.Go(func() { w.tellDays(ctx) })
		wg.Wait()
		w.stop()

		calls, most, anHour := 0, make(map[geelark.Endpoint]int), 0
		for i, sim := range w.site {
			calls += sim.Requests("")
			for _, b := range sim.Broken() {
				t.Errorf("account %d: a limit of %s was broken at %s by %d requests in %s, by the team: %t", i, b.Endpoint, b.At, b.Count, b.Window, b.ByTeam)
			}
			for _, e := range geelark.Endpoints() {
				anHour = max(anHour, sim.MostIn(string(e), time.Hour))
			}
			for e, limit := range mostAMinute(state) {
				n := sim.MostIn(string(e), time.Minute)
				if most[e] = max(most[e], n); n > limit {
					t.Errorf("account %d: %d requests to %s within a minute, at most %d", i, n, e, limit)
				}
			}
		}
		t.Logf("%s, %d calls, %d events, %d kills; %v; most calls of an account in a minute: %v, in an hour: %d", *period, calls, happened, w.crashes, servers, most, anHour)
		if large := w.site[0].MostIn("phone/status", time.Minute); large < 100 {
			t.Errorf("the large account had %d calls in a minute: nothing was tested", large)
		}
	})
}

// tellDays says how far the simulation is.
func (w *world) tellDays(ctx context.Context) {
	for day := 1; ; day++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(24 * time.Hour):
		}
		calls := 0
		for _, sim := range w.site {
			calls += sim.Requests("")
		}
		w.t.Logf("day %d is over, %d calls", day, calls)
	}
}

// mostAMinute are the most requests within any minute: those of the process's own
// limit if it knows what was spent, and those that the vendor allows otherwise.
func mostAMinute(state bool) map[geelark.Endpoint]int {
	if state {
		return map[geelark.Endpoint]int{
			geelark.EndpointPhoneStatus: perMinute, geelark.EndpointPhoneList: perMinute, geelark.EndpointWallet: 5, geelark.EndpointPlanInfo: 1,
			geelark.EndpointTransactions: 30, geelark.EndpointTaskHistory: 20, geelark.EndpointTaskQuery: 20,
		}
	}
	return map[geelark.Endpoint]int{
		geelark.EndpointPhoneStatus: 200, geelark.EndpointPhoneList: 200, geelark.EndpointWallet: 10, geelark.EndpointPlanInfo: 1,
		geelark.EndpointTransactions: 200, geelark.EndpointTaskHistory: 200, geelark.EndpointTaskQuery: 200,
	}
}
