package watch

import (
	"context"
	"sync"
)

// workers are an account's goroutines. A scrape can want one while the account is
// being closed: then none begins any more.
type workers struct {
	ctx    context.Context // of all of them
	cancel context.CancelFunc

	mu      sync.Mutex // guards closed; nothing else is locked while it is held
	closed  bool
	running sync.WaitGroup
}

func newWorkers() *workers {
	w := new(workers)
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// begin runs f in a goroutine of its own, and reports whether it does: not when
// the workers were closed.
func (w *workers) begin(f func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.running.Go(f)
	return true
}

// isClosed reports whether what fails now may fail because of that.
func (w *workers) isClosed() bool { return w.ctx.Err() != nil }

// close ends what is under way and waits for its end.
func (w *workers) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.cancel()
	w.running.Wait()
}
