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
