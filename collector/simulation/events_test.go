package simulation

import (
	"context"
	"fmt"
	"time"

	"geelark_exporter/geelark"
	"geelark_exporter/geelark/geelarktest"
)

// An event is something that happens in a fleet's week. It returns when it is
// over.
type event struct {
	name string
	do   func(w *world)
}

var events = []event{
	{"the configuration is reloaded unchanged", (*world).reload},
	{"an account is edited", func(w *world) {
		w.change(w.any(), func(a *account) {
			c := &a.cfg
			c.Labels = map[string]string{"team": fmt.Sprint(w.chance.IntN(3))}
			c.Limits.PerMinute = 100 + w.chance.IntN(51)
			c.MaxStaleness = maxStaleness + time.Duration(w.chance.IntN(5))*time.Minute
			c.InventoryInterval = listingEvery + time.Duration(w.chance.IntN(5))*time.Minute
		})
	}},
	{"an account is renamed", func(w *world) {
		w.change(w.any(), func(a *account) {
			a.names++
			a.cfg.Name = fmt.Sprintf("%s-%d", a.cfg.Name[:min(len(a.cfg.Name), len("account-00"))], a.names)
		})
	}},
	{"an account goes and comes back", func(w *world) {
		w.mu.Lock()
		i := w.chance.IntN(len(w.accounts))
		a := w.accounts[i]
		w.accounts = append(w.accounts[:i:i], w.accounts[i+1:]...)
		w.mu.Unlock()
		w.reload()
		time.Sleep(3 * time.Minute)
		w.mu.Lock()
		w.accounts = append(w.accounts, a)
		a.returned = time.Now()
		a.disturb(startOfAnAccount)
		w.mu.Unlock()
		w.reload()
	}},
	{"the token is rotated", func(w *world) {
		a := w.any()
		w.change(a, func(a *account) {
			a.names++
			token := fmt.Sprintf("%s-rotated-%d", a.cfg.Name, a.names)
			a.sim.SetCredentials(token, "", "")
			a.cfg.Credentials = geelark.Credentials{Token: geelark.Secret(token)}
			a.lockedUntil = time.Time{} // a pause is one of credentials
		})
	}},
	{"the exporter is killed", func(w *world) {
		w.kill()
		time.Sleep(20 * time.Second)
		w.start()
	}},
	{"the exporter is killed again and again", func(w *world) {
		for range 8 {
			w.kill()
			time.Sleep(5 * time.Second)
			w.start()
			time.Sleep(8 * time.Second)
		}
	}},
	{"the exporter is stopped and started", func(w *world) {
		w.stop()
		time.Sleep(time.Second)
		w.start()
	}},
	{"the API answers with errors", func(w *world) { w.fault(w.any(), geelarktest.Fault{HTTPStatus: 502}, 4*time.Minute) }},
	{"the API has an internal error", func(w *world) {
		w.fault(w.any(), geelarktest.Fault{Code: geelark.CodeInternal}, 3*time.Minute)
	}},
	{"the API hangs", func(w *world) {
		w.fault(w.any(), geelarktest.Fault{Hang: true, Endpoint: "phone/status"}, 4*time.Minute)
	}},
	{"the API is slow", func(w *world) { w.fault(w.any(), geelarktest.Fault{Latency: 3 * time.Second}, 5*time.Minute) }},
	{"connections break", func(w *world) { w.fault(w.any(), geelarktest.Fault{Drop: true}, 3*time.Minute) }},
	{"answers are no JSON", func(w *world) {
		w.fault(w.any(), geelarktest.Fault{Body: []byte("<html>oh no</html>")}, 2*time.Minute)
	}},
	{"the API is crowded", func(w *world) {
		w.fault(w.any(), geelarktest.Fault{Code: geelark.CodeCrowded}, 3*time.Minute)
	}},
	{"others have spent the minute's limit", func(w *world) {
		a := w.any()
		w.mu.Lock()
		a.contended = time.Now().Add(80 * time.Minute)
		w.mu.Unlock()
		w.fault(a, geelarktest.Fault{Code: geelark.CodeRateLimited, Endpoint: "phone/status", Times: 3}, 3*time.Minute)
	}},
	{"the hour's limit is locked", func(w *world) {
		w.mu.Lock()
		a := w.accounts[len(w.accounts)-1]
		locked := time.Now().Before(a.lockedUntil)
		wait := intervalAt(time.Now()) + fleetTTL + 10*time.Second
		if !locked {
			a.disturb(2*time.Hour + wait + startOfAnAccount)
		}
		w.mu.Unlock()
		if locked {
			return
		}
		asked := make(chan time.Time, 1)
		remove := a.sim.Inject(geelarktest.Fault{Code: geelark.CodeHourLimit, Endpoint: "phone/status", Before: func(string) {
			select {
			case asked <- time.Now():
			default: // it was asked before
			}
		}})
		time.Sleep(wait)
		remove()
		var began time.Time
		select {
		case began = <-asked:
		default:
			return // nobody asked, perhaps because something else is wrong
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		a.lockedUntil, a.calls = began.Add(2*time.Hour), a.sim.Requests("phone/status")
	}},
	{"phones come and go", func(w *world) {
		a := w.any()
		ids := a.sim.IDs()
		a.sim.Remove(ids[w.chance.IntN(len(ids))], ids[w.chance.IntN(len(ids))])
		w.mu.Lock()
		a.phones = len(ids) + 7
		w.mu.Unlock()
		for i, id := range a.sim.Add(7) {
			a.sim.Rename(id, fmt.Sprintf("new \"%d\"\\\n{}", i))
		}
	}},
	{"nobody scrapes for longer than statuses are trusted", func(w *world) {
		w.mu.Lock()
		w.quiet = time.Now().Add(maxStaleness + 5*time.Minute)
		w.disturb(maxStaleness + 5*time.Minute + startOfAnAccount)
		w.mu.Unlock()
		time.Sleep(maxStaleness + 5*time.Minute)
	}},
}

// happen has events happen in an order of chance until the end, one after the
// other, and returns how many did.
func (w *world) happen(ctx context.Context, every time.Duration) (n int) {
	for {
		for _, i := range w.chance.Perm(len(events)) {
			select {
			case <-ctx.Done():
				return n
			case <-time.After(every/2 + time.Duration(w.chance.Int64N(int64(every)))):
			}
			events[i].do(w)
			n++
			w.checkLocks(events[i].name)
		}
	}
}

// checkLocks fails when a locked endpoint was asked although the exporter knows.
func (w *world) checkLocks(after string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.accounts {
		if !time.Now().Before(a.lockedUntil) {
			continue
		}
		if n := a.sim.Requests("phone/status"); w.state && n > a.calls {
			w.t.Errorf("%s: the locked endpoint of %s was asked %d times after %q", time.Now(), a.cfg.Name, n-a.calls, after)
			a.calls = n
		}
	}
}

// any returns an account by chance.
func (w *world) any() *account {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.accounts[w.chance.IntN(len(w.accounts))]
}

// change edits an account and reloads.
func (w *world) change(a *account, edit func(*account)) {
	w.mu.Lock()
	edit(a)
	a.disturb(startOfAnAccount)
	w.mu.Unlock()
	w.reload()
}

// fault lets calls of an account go wrong for a while.
func (w *world) fault(a *account, f geelarktest.Fault, d time.Duration) {
	w.mu.Lock()
	// Whatever pause a fault has asked for is over ten minutes after it.
	a.disturb(d + 10*time.Minute + startOfAnAccount)
	w.mu.Unlock()
	remove := a.sim.Inject(f)
	time.Sleep(d)
	remove()
}
