package config

import (
	"bytes"
	"context"
	"time"
)

// Follow reloads when the file at path has another content at a tick than at the one
// before, when it cannot be read any more, and when it can again, until ctx is done.
func (r *Reloader) Follow(ctx context.Context, path string, ticks <-chan time.Time) {
	before, _ := read(ctx, path)
	unreadable := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		now, err := read(ctx, path)
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != unreadable || !bytes.Equal(now, before) {
			_ = r.Reload() // which logs it
		}
		before, unreadable = now, err != nil
	}
}
