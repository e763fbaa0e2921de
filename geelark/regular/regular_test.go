package regular

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

func TestOnlyARegularFileIsOpened(t *testing.T) {
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
			start := time.Now()
			_, err := Read(t.Context(), file, 100)
			if err == nil || !strings.Contains(err.Error(), file+": not a regular file") || time.Since(start) > Timeout/2 {
				t.Errorf("got %v after %s", err, time.Since(start))
			}
		})
	}
	// A link to a regular one is what Kubernetes mounts.
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(t.Context(), link, 100); err != nil || string(got) != "content" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAFileMayHaveItsMostBytesAndNoMore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("1234"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(t.Context(), file, 4); err != nil || string(got) != "1234" {
		t.Errorf("got %q, %v", got, err)
	}
	_, err := Read(t.Context(), file, 3)
	if large, ok := errors.AsType[*SizeError](err); !ok || large.Most != 3 || err.Error() != file+" is larger than 3 bytes" {
		t.Errorf("got %v", err)
	}
	// An endless one has no size.
	if _, err := Read(t.Context(), "/proc/self/maps", 3); runtime.GOOS == "linux" && err == nil {
		t.Error("a file larger than it says is read")
	}
}

func TestAReadingThatHangsIsGivenUpAndSharedByAllWhoNeedTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const name = "/mnt/stuck/file"
		hang := make(chan struct{})
		begun := 0
		read := func(ctx context.Context) ([]byte, error) {
			return read(ctx, name, 100, func(string, int64) ([]byte, error) {
				begun++
				<-hang
				return []byte("late"), nil
			})
		}
		start := time.Now()
		if _, err := read(t.Context()); err == nil || err.Error() != name+" was not read within 5s: the mount that it is on may be stuck" || time.Since(start) != Timeout {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		// A caller's own end comes first.
		reason := errors.New("SIGTERM")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(reason) })
		start = time.Now()
		if _, err := read(ctx); !errors.Is(err, reason) || time.Since(start) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		before := runtime.NumGoroutine()
		for range 50 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if _, err := read(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			cancel()
		}
		synctest.Wait()
		if after := runtime.NumGoroutine(); begun != 1 || after > before {
			t.Errorf("%d readings, %d goroutines became %d", begun, before, after)
		}
		got := make(chan string)
		go func() {
			b, _ := read(t.Context())
			got <- string(b)
		}()
		synctest.Wait()
		close(hang)
		if b := <-got; b != "late" {
			t.Errorf("got %q", b)
		}
	})
}
