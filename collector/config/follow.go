package config

import (
	"bytes"
	"context"
	"time"
)

// Follow reloads when the file at path has another content at a tick than at the one
// before, until ctx is done. A file that cannot be read says nothing about its
// content: what is mounted anew is missing for a moment.
func (r *Reloader) Follow(ctx context.Context, path string, ticks <-chan time.Time) {
	before, err := read(ctx, path)
	known := err == nil
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		now, err := read(ctx, path)
		if err != nil {
			continue
		}
		if known && !bytes.Equal(now, before) {
			_ = r.Reload() // which logs it
		}
		before, known = now, true
	}
}
