package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/watch"
)

func TestAFileThatHasChangedIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "config.yml")
		write := func(content string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		reloads := 0
		var failure error
		r := NewReloader(func() ([]watch.AccountConfig, error) { reloads++; return nil, failure }, func([]watch.AccountConfig) error { return nil },
			log.NewNopLogger(), time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		ticks := make(chan time.Time)
		write("a")
		done := make(chan struct{})
		go func() { r.Follow(ctx, path, ticks); close(done) }()
		synctest.Wait()
		for _, step := range []struct {
			name string
			do   func()
			want int
		}{
			{"nothing changed", func() {}, 0},
			{"another content", func() { write("b") }, 1},
			{"the same content, written again", func() { write("b") }, 1},
			{"a mistake", func() { failure = errors.New("a mistake"); write("c") }, 2},
			{"the mistake is not read again", func() {}, 2},
			{"the file is gone", func() { os.Remove(path) }, 2},
			{"and there again", func() { write("c") }, 2},
			{"corrected", func() { failure = nil; write("d") }, 3},
		} {
			step.do()
			ticks <- time.Now()
			synctest.Wait()
			if reloads != step.want {
				t.Errorf("%s: %d reloads, want %d", step.name, reloads, step.want)
			}
		}
		cancel()
		<-done
	})
}
