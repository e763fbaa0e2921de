package geelark

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestOnlyARegularFileIsOpenedForASecret(t *testing.T) {
	dir := t.TempDir()
	fifo, socket, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Symlink(fifo, link); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"pipe": fifo, "link to a pipe": link, "socket": socket, "device": "/dev/zero", "terminal": "/dev/tty", "directory": dir} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(file); err != nil {
				t.Skip(err)
			}
			for _, source := range []CredentialSource{TokenFile(file), APIKeyFile{AppID: "app", File: file}} {
				start := time.Now()
				_, err := source.Credentials(t.Context())
				if err == nil || !strings.Contains(err.Error(), file+": not a regular file") || time.Since(start) > secretFileTimeout/2 {
					t.Errorf("got %v after %s", err, time.Since(start))
				}
			}
		})
	}
	// A link to a regular one is what Kubernetes mounts.
	regular := writeFile(t, "s3cret")
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(regular, link); err != nil {
		t.Fatal(err)
	}
	if got, err := TokenFile(link).Credentials(t.Context()); err != nil || got.Token != "s3cret" {
		t.Errorf("got %v", err)
	}
}

// stuck makes readings of the named file hang until release.
func stuck(t *testing.T, name string) (release func()) {
	t.Helper()
	hang := make(chan struct{})
	first := fileReads.DoChan(name, func() (any, error) {
		<-hang
		return []byte("late"), nil
	})
	return func() {
		close(hang)
		<-first
	}
}

func TestReadingThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const name = "/mnt/stuck/token"
		release := stuck(t, name)
		s := play(answerBody(statusOK))
		c := newClientFor(t, TokenFile(name), s)
		start := time.Now()
		err := ask(t.Context(), c)
		if _, ok := errors.AsType[*CredentialsError](err); !ok || !strings.Contains(err.Error(), name+" was not read within 5s") {
			t.Errorf("got %v", err)
		}
		wantElapsed(t, start, secretFileTimeout)

		// A caller's own end comes first.
		start = time.Now()
		if err := ask(within(t, time.Second), c); !errors.Is(err, ErrNotSent) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		wantElapsed(t, start, time.Second)
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("SIGTERM")
		time.AfterFunc(time.Second, func() { cancel(reason) })
		if err := ask(ctx, c); !errors.Is(err, ErrNotSent) || !errors.Is(err, reason) {
			t.Errorf("got %v", err)
		}
		wantElapsed(t, start, 2*time.Second)

		// Whoever needs it waits for the one that hangs.
		before := runtime.NumGoroutine()
		for range 50 {
			_ = ask(within(t, time.Millisecond), newClientFor(t, TokenFile(name), s))
		}
		synctest.Wait()
		if after := runtime.NumGoroutine(); after > before+5 {
			t.Errorf("%d goroutines became %d", before, after)
		}
		if b := c.Budget(EndpointPhoneStatus); b.InFlight != 0 || len(s.requests()) != 0 {
			t.Errorf("%d requests, %+v", len(s.requests()), b)
		}
		release()
		synctest.Wait()
	})
}
