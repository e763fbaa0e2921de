package config

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
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
			{"the file is gone", func() { os.Remove(path) }, 3},
			{"it is still gone", func() {}, 3},
			{"and there again", func() { write("c") }, 4},
			{"corrected", func() { failure = nil; write("d") }, 5},
			{"another kind of file in its place", func() { os.Remove(path); os.Mkdir(path, 0o700) }, 6},
			{"and there again, as it was", func() { os.Remove(path); write("d") }, 7},
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

// A file that was deleted is a failed reload, until it is there again.
func TestAFileThatIsGoneIsAFailedReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "config.yml")
		content := []byte("accounts:\n- {name: a, token_env: TOKEN}\n")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		f := NewFile(path, flags(), func(string) string { return "token" })
		logs := new(bytes.Buffer)
		r := NewReloader(f.Load, func([]watch.AccountConfig) error { return nil }, log.NewLogfmtLogger(logs), time.Now)
		ticks := make(chan time.Time)
		go r.Follow(t.Context(), path, ticks)
		synctest.Wait()
		tick := func() bool {
			ticks <- time.Now()
			synctest.Wait()
			successful, _ := r.Last()
			return successful
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if tick() {
				t.Error("the file is gone, and the last reload has worked")
			}
		}
		if n := strings.Count(logs.String(), "level=error"); n != 1 || !strings.Contains(logs.String(), path) {
			t.Errorf("logged %s", logs)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if !tick() || !strings.Contains(logs.String(), "works again") {
			t.Errorf("the file is there again: %s", logs)
		}
	})
}

func TestNothingIsReloadedWhenTheFollowingHasEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yml") // which cannot be read
	reloads := 0
	load := func() ([]watch.AccountConfig, error) { reloads++; return nil, nil }
	r := NewReloader(load, func([]watch.AccountConfig) error { return nil }, log.NewNopLogger(), time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // either of both that are ready is chosen
		ticks := make(chan time.Time, 1)
		ticks <- time.Now()
		r.Follow(ctx, path, ticks)
	}
	if reloads != 0 {
		t.Errorf("%d reloads", reloads)
	}
}
