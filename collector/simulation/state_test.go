package simulation

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/state"
	"geelark_exporter/collector/watch"
)

// keepState gives a process the directory that the one before has left, if it keeps
// a state. Otherwise the process knows that it knows nothing.
func (w *world) keepState(o *watch.Options, logger log.Logger) (stopped func()) {
	o.Doubt = true
	if !w.state {
		return func() {}
	}
	var err error
	if o.State, err = state.Open(w.directory(), logger, time.Now); err != nil {
		w.t.Fatal(err)
	}
	return func() { _ = o.State.Close() }
}

// remember keeps what a process knows at its end.
func (w *world) remember(p *process) {
	for _, a := range w.accounts {
		a.known = 0
	}
	for _, watched := range p.watcher.Fleet().Accounts {
		if a := w.named(watched.Name()); a != nil && time.Now().After(a.disturbed.Add(a.bound(time.Now()))) {
			a.known = watched.Snapshot().Current
		}
	}
}

// newPhones are at most so many of an account that a crash may forget: they were
// found in the minute before.
const newPhones = 10

// checkMemory fails when a process that has just begun, and has asked for nothing
// yet, knows less than the one before: of statuses, or of what was spent.
func (w *world) checkMemory(p *process) {
	for _, watched := range p.watcher.Fleet().Accounts {
		a := w.named(watched.Name())
		if got := watched.Snapshot().Current; got < a.known-newPhones {
			w.t.Errorf("%s: %d phones of %s have a status at the start, %d had one at the end of the process before", time.Now(), got, watched.Name(), a.known)
		}
		for _, e := range watched.Endpoints() {
			b := watched.Budget(e)
			for window, spent := range map[time.Duration]int{
				time.Minute: b.Limits.PerMinute - b.MinuteRemaining, time.Hour: b.Limits.PerHour - b.HourRemaining,
			} {
				if n := a.sim.Recent(string(e), window); spent < n {
					w.t.Errorf("%s: of %d requests of %s to %s in the last %s, a process knows %d at its start", time.Now(), n, watched.Name(), e, window, spent)
				}
			}
		}
	}
}

// leaveState leaves the directory as it is at a kill to the next process, and lets
// the one that was killed come to an end.
func (w *world) leaveState(end func()) {
	if !w.state {
		end()
		return
	}
	from := w.directory()
	w.directories++
	if err := os.CopyFS(w.directory(), os.DirFS(from)); err != nil {
		w.t.Error(err)
	}
	end()
	if err := os.RemoveAll(from); err != nil {
		w.t.Error(err)
	}
}

func (w *world) directory() string {
	return filepath.Join(w.root, fmt.Sprintf("state-%d", w.directories))
}
