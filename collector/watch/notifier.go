package watch

import (
	"context"
	"sync"
)

// A notifier wakes the scrapes that wait for an account. Whoever changes what they
// wait for notifies; nobody waits with a lock held.
type notifier struct {
	mu      sync.Mutex    // guards changed; nothing else is locked while it is held
	changed chan struct{} // closed at the next change; nil when nobody waits
}

// notify makes all who wait look again.
func (n *notifier) notify() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.changed != nil {
		close(n.changed)
		n.changed = nil
	}
}

// wait returns when done reports true, or with ctx.
func (n *notifier) wait(ctx context.Context, done func() bool) {
	for ctx.Err() == nil {
		next := n.next()
		if done() {
			return
		}
		select {
		case <-next:
		case <-ctx.Done():
		}
	}
}

func (n *notifier) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.changed == nil {
		n.changed = make(chan struct{})
	}
	return n.changed
}
