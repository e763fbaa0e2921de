package collector

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// A caught panic is one with the stack of the goroutine that it happened in.
type caught struct {
	value any
	stack []byte
}

func (c *caught) String() string { return fmt.Sprintf("%v\n%s", c.value, c.stack) }

// A catcher keeps the first panic of goroutines for who waits for them. The nil
// catcher catches nothing.
type catcher struct{ first atomic.Pointer[caught] }

// catch is to be deferred.
func (c *catcher) catch() {
	if c == nil {
		return
	}
	if v := recover(); v != nil {
		c.first.CompareAndSwap(nil, &caught{v, debug.Stack()})
	}
}

// rethrow panics if a goroutine did.
func (c *catcher) rethrow() {
	if first := c.first.Load(); first != nil {
		panic(first)
	}
}
