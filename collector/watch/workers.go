package watch

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// workers are an account's goroutines. A scrape can want one while the account is
// being closed: then none begins any more.
type workers struct {
	ctx    context.Context // of all of them
	cancel context.CancelFunc
	logger log.Logger
	// panicked is told of each panic that was contained.
	panicked func()

	mu      sync.Mutex // guards closed; nothing else is locked while it is held
	closed  bool
	running sync.WaitGroup
}

func newWorkers(logger log.Logger, panicked func()) *workers {
	w := &workers{logger: logger, panicked: panicked}
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
	w.running.Go(func() {
		_ = w.safely(func() error { // which is told
			f()
			return nil
		})
	})
	return true
}

// A panicError is a panic that ended a piece of work and nothing else.
type panicError struct{ value any }

func (e *panicError) Error() string {
	return fmt.Sprintf("the exporter has a bug: it panicked with %v", e.value)
}

// safely makes a panic in f an error, which is counted and logged with its stack.
func (w *workers) safely(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			w.panicked()
			level.Error(w.logger).Log("msg", "A call panicked, which is a bug: please report it with this stack", "err", v, "stack", string(debug.Stack()))
			err = &panicError{v}
		}
	}()
	return f()
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
