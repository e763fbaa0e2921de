// Package regular reads small regular files that may be on a mount that is stuck,
// and that somebody may have taken for something else: secrets, lists of ids,
// configuration.
package regular

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/singleflight"
)

// Timeout is how long a mount may be stuck before a file counts as unreadable.
const Timeout = 5 * time.Second

// A reading of a stuck mount cannot be ended. Whoever needs the file, another
// account or one after a reload, waits for the reading that hangs instead of
// adding one.
var readings singleflight.Group

// A SizeError is a file that is larger than it may be.
type SizeError struct {
	Name string
	Most int64 // bytes
}

func (e *SizeError) Error() string { return fmt.Sprintf("%s is larger than %d bytes", e.Name, e.Most) }

// Read reads a regular file of at most so many bytes. It returns when ctx is done,
// and after [Timeout] in any case. Anything but a regular file is refused without
// being opened. Its error names the file.
//
// Callers share what one of them reads at the time: they must not change it.
func Read(ctx context.Context, name string, most int64) ([]byte, error) {
	return read(ctx, name, most, readRegular)
}

func read(ctx context.Context, name string, most int64, file func(string, int64) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout,
		fmt.Errorf("%s was not read within %s: the mount that it is on may be stuck", name, Timeout))
	defer cancel()
	reading := readings.DoChan(strconv.FormatInt(most, 10)+" "+name, func() (any, error) { return file(name, most) })
	select {
	case r := <-reading:
		b, _ := r.Val.([]byte)
		return b, r.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// readRegular opens nothing but a regular file: opening a pipe waits for its
// other end, and opening a device can do anything.
func readRegular(name string, most int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(name)
	}
	// It may be another one by now.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(name)
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, &SizeError{name, most}
	}
	return b, nil
}

func notRegular(name string) error {
	return &os.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
}
