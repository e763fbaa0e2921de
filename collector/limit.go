package collector

import "sync"

// A Limit is the most scrapes at a time, of all handlers that have it. It is safe
// for concurrent use.
type Limit struct{ places chan struct{} }

// NewLimit returns a limit of n scrapes.
func NewLimit(n int) *Limit { return &Limit{make(chan struct{}, n)} }

// enter takes a place, and reports whether there was one. leave gives it back; it
// can be called again. The nil limit has always a place.
func (l *Limit) enter() (leave func(), ok bool) {
	if l == nil {
		return func() {}, true
	}
	select {
	case l.places <- struct{}{}:
		return sync.OnceFunc(func() { <-l.places }), true
	default:
		return nil, false
	}
}
